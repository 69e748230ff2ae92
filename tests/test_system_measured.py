"""The system model against published measurements: nothing here is fitted but the rows that say so."""

from collections import Counter

import numpy as np
import pytest

from devicemodels.hbm import load_hbm
from devicemodels.hbm.timing import streaming_bandwidth
from sim.system.calibrate import OWN, SHARED, fit, leave_one_out, with_constants
from sim.system.machine import load_engine
from sim.system.measured_rows import compare, load_rows, mean_error

GPU_PLATFORMS = {
    ("h100", "tensorrt-llm"), ("a100", "tensorrt-llm"), ("h100", "vllm"), ("a100", "vllm"), ("gh200", "vllm"),
}  # fmt: skip
COMPARED = {name: [compare(row) for row in load_rows(name)] for name in ("gpus", "sram", "others")}


def of(name, platform):
    return [one for one in COMPARED[name] if one.row.platform == platform]


@pytest.mark.parametrize("platform", sorted(GPU_PLATFORMS), ids="-".join)
def test_a_gpu_is_predicted_within_a_tenth(platform):
    assert mean_error(of("gpus", platform)) <= 0.10


def test_sram_machines_are_predicted_within_a_fifth():
    assert mean_error(COMPARED["sram"]) <= 0.20


def test_groqs_rate_does_not_follow_from_bytes_but_from_layers():
    """Llama-2-70B and -7B differ tenfold in bytes and 2.5-fold in layers; so do their rates, 300 and 750."""
    seventy, mixtral = (one for one in of("sram", ("groq-v1", "groq-2023")) if one.row.use == "predict")
    assert seventy.row.model == "llama-2-70b" and abs(seventy.error) < 0.05
    assert mixtral.row.model == "mixtral-8x7b" and abs(mixtral.error) < 0.10


def test_at_most_three_rows_of_a_platform_are_fitted_and_at_least_fifty_predicted():
    for name in COMPARED:
        counts = Counter(one.row.platform for one in COMPARED[name] if one.row.use == "fit")
        assert max(counts.values()) <= 3
    predicted = [one for one in COMPARED["gpus"] if one.row.use == "predict" and not one.flagged]
    assert len(predicted) >= 50
    assert {one.row.platform for one in predicted} == GPU_PLATFORMS
    assert {row.row.users for row in predicted} == {1, 16, 64}


def test_rows_below_the_speed_of_light_are_flagged_and_no_others():
    flagged = [one for one in COMPARED["gpus"] if one.flagged]
    assert len(flagged) == 4  # early ends of answers: 2,048 tokens in less time than their weights take
    assert all(one.measured < one.limit and one.row.use == "predict" for one in flagged)
    assert all(one.predicted > one.limit for one in flagged)


def test_the_model_is_closer_than_a_roofline_than_genz_and_than_the_speed_of_light():
    shared = [one for one in COMPARED["gpus"] if one.row.genz and not one.flagged]
    assert len(shared) > 50
    ours = np.mean([abs(one.error) for one in shared])
    for theirs in ("genz", "limit", "roofline"):
        values = [getattr(one.row if theirs == "genz" else one, theirs) for one in shared]
        others = np.mean([abs(value / one.measured - 1) for value, one in zip(values, shared, strict=True)])
        assert ours < others / 3


def test_our_roofline_without_a_head_is_what_genz_computes():
    """GenZ at efficiency 1 and our roofline share their assumptions; they differ in small terms only."""
    ratios = [one.roofline / one.row.genz for one in COMPARED["gpus"] if one.row.genz and one.row.users == 1]
    assert np.median(ratios) == pytest.approx(1, abs=0.1)


def test_the_shipped_constants_are_those_that_the_fit_gives():
    """The sheets hold what `calibrate.fit` makes of the rows marked "fit", to the digits that they are written with."""
    rows = [one.row for one in COMPARED["gpus"] if one.row.use == "fit"]
    constants = fit(rows)
    for row in rows:
        fitted = with_constants(row.system(), row, constants).engine
        shipped = load_engine(row.machine, row.engine)
        for name in (*OWN, *SHARED[row.engine]):
            assert getattr(shipped, name) == pytest.approx(getattr(fitted, name), rel=0.02, abs=1e-9), (row, name)


@pytest.mark.slow
def test_the_fitted_rows_are_predicted_by_fits_without_them():
    rows = [one.row for one in COMPARED["gpus"] if one.row.use == "fit"]
    left_out = leave_one_out(rows)
    assert np.mean([abs(one.error) for one in left_out]) <= 0.20


@pytest.mark.parametrize(
    ("standard", "platforms"), [("hbm3", [("h100", "vllm"), ("gh200", "vllm"), ("mi300x", "vllm")])]
)
def test_the_bandwidth_that_streaming_reaches_is_that_of_the_memory_with_all_bank_refresh(standard, platforms):
    memory = load_hbm(standard).device
    share = streaming_bandwidth(memory, "all-bank") / memory.peak_bandwidth
    for platform in platforms:
        assert load_engine(*platform).bandwidth_fraction == pytest.approx(share, abs=0.01)
