"""The tutorial runs, and what its text says of the picture is so."""

import itertools
import math
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from sim.design import load_design

SCRIPT = Path(__file__).parents[1] / "docs" / "tutorials" / "sweep_tmr.py"

pytestmark = pytest.mark.slow  # the tile's logic is synthesised, unless that is in the cache


@pytest.fixture(scope="module")
def tutorial():
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


@pytest.fixture(scope="module")
def points(tutorial):
    return list(tutorial.sweep(load_design("mram-22nm"), tmrs=(0.6, 0.9, 1.8, 3.0), diameters=(40e-9, 45e-9)))


def test_the_sweep_goes_through_every_stack(points):
    assert [(point.diameter, point.tmr) for point in points] == [
        (diameter, tmr) for diameter in (40e-9, 45e-9) for tmr in (0.6, 0.9, 1.8, 3.0)
    ]


def test_a_stack_of_low_tmr_is_refused_with_the_reason(points):
    # The critical current goes as the inverse of the polarisation, which falls with the TMR.
    refused = [point for point in points if point.refused]
    assert [point.tmr for point in refused] == [0.6, 0.6]
    assert all("too small to write mram22" in point.refused for point in refused)
    assert all(math.isnan(point.tokens_per_s) for point in refused)


def test_more_tmr_and_more_diameter_read_faster(points):
    cycle = {(point.diameter, point.tmr): point.read_cycle for point in points}
    for diameter in (40e-9, 45e-9):
        assert cycle[diameter, 0.9] > cycle[diameter, 1.8] > cycle[diameter, 3.0]
    assert all(cycle[40e-9, tmr] > cycle[45e-9, tmr] for tmr in (0.9, 1.8, 3.0))


def test_density_and_rate_follow_the_cadence(points):
    built = sorted((point for point in points if not point.refused), key=lambda point: point.cadence_cycles)
    assert built[0].cadence_cycles < built[-1].cadence_cycles
    for fast, slow in itertools.pairwise(built):
        if fast.cadence_cycles < slow.cadence_cycles:
            assert fast.tokens_per_s > slow.tokens_per_s
            assert fast.bandwidth_density > slow.bandwidth_density


def test_the_decode_rate_moves_less_than_the_bank(points):
    built = [point for point in points if not point.refused]
    banks = max(point.cadence_cycles for point in built) / min(point.cadence_cycles for point in built)
    rates = max(point.tokens_per_s for point in built) / min(point.tokens_per_s for point in built)
    assert 1 < rates < banks


def test_the_picture_is_drawn(tutorial, points, tmp_path):
    picture = tmp_path / "sweep.png"
    tutorial.plot(points).savefig(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_parts_that_the_text_shows_are_in_the_script():
    text, script = SCRIPT.with_suffix(".md").read_text(encoding="utf-8"), SCRIPT.read_text(encoding="utf-8")
    marks = {line.split('"')[1] for line in text.splitlines() if line.startswith((":start-after:", ":end-before:"))}
    assert len(marks) == 5
    assert all(script.count(mark) == 1 for mark in marks)
