"""The 6T cell: read current, spread, leakage."""

from dataclasses import replace

import pytest

from devicemodels.sram import load_sram_cell
from devicemodels.sram.cell import leakage_current, read_current, read_current_sigma
from devicemodels.technology import load_technology
from devicemodels.transistor import drain_current, off_current

NODE = load_technology("22nm").device
CELL = load_sram_cell("22nm").device


def alone(width):
    supply = NODE.supply
    return drain_current(NODE, width=width, gate_source=supply, drain_source=supply, temperature=300.0)


def test_read_current_is_below_each_transistors_own():
    found = read_current(NODE, CELL, temperature=300.0)
    assert 0.3 * alone(CELL.pass_gate_width) < found < alone(CELL.pass_gate_width)


def test_a_huge_pull_down_leaves_the_pass_gate_alone():
    wide = replace(CELL, pull_down_width=1e-3)
    assert read_current(NODE, wide, temperature=300.0) == pytest.approx(alone(CELL.pass_gate_width), rel=1e-3)


def test_read_current_falls_with_temperature():
    assert read_current(NODE, CELL, temperature=358.0) < read_current(NODE, CELL, temperature=300.0)


def test_spread_is_pelgroms():
    wider = replace(CELL, pass_gate_width=4 * CELL.pass_gate_width, pull_down_width=4 * CELL.pull_down_width)
    narrow = read_current_sigma(NODE, CELL, temperature=300.0)
    assert 0.01 < narrow < 0.15
    assert read_current_sigma(NODE, wider, temperature=300.0) == pytest.approx(narrow / 2)


def test_leakage_is_that_of_its_width():
    expected = off_current(NODE, width=CELL.leakage_width, temperature=358.0)
    assert leakage_current(NODE, CELL, temperature=358.0) == pytest.approx(expected)


def test_the_transistors_fit_the_cell():
    assert 2 * (CELL.pass_gate_width + CELL.pull_down_width) < CELL.width
