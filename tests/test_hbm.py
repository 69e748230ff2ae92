"""HBM: closed forms against two cycle simulators, silicon, published sums; limits and monotony."""

import csv
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devicemodels.errors import UserError
from devicemodels.hbm import Band, HbmStandard, hbm_stack, load_hbm
from devicemodels.hbm.stack import read_energy, refresh_power
from devicemodels.hbm.timing import (
    REFRESH,
    bandwidth,
    loaded_latency,
    random_bandwidth,
    refresh_share,
    streaming_bandwidth,
    unloaded_latency,
    unrefreshed_bandwidth,
)
from devicemodels.quantities import KINDS, sheet_names

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("hbm2", "hbm2e", "hbm3", "hbm3e", "hbm4")
STANDARDS = {name: load_hbm(name).device for name in NAMES}

PATTERN_BANDWIDTH = {"stream": streaming_bandwidth, "random": random_bandwidth}
RANDOM_ERROR = {"none": 0.02, "all-bank": 0.025, "per-bank": 0.065}


def rows(name, **wanted):
    with (GOLDEN / name).open(encoding="utf-8") as file:
        found = [row for row in csv.DictReader(file) if all(row[key] in values for key, values in wanted.items())]
    assert found
    return found


def label(row):
    return " ".join(
        value for key, value in row.items() if key in ("standard", "configuration", "pattern", "order", "refresh")
    )


def parametrise(name, **wanted):
    found = rows(name, **wanted)
    return pytest.mark.parametrize("row", found, ids=[label(row) for row in found])


def percent_of_peak(standard, pattern, refresh):
    return 100 * PATTERN_BANDWIDTH[pattern](standard, refresh) / standard.peak_bandwidth


# What the sheets say.


def test_every_generation_is_there():
    assert tuple(sheet_names("hbm")) == NAMES


@pytest.mark.parametrize(
    ("name", "peak_gb_per_s", "pseudo_channel_gb_per_s"),
    [("hbm2", 256, 16), ("hbm2e", 460.8, 28.8), ("hbm3", 819.2, 25.6), ("hbm3e", 1228.8, 38.4), ("hbm4", 2048, 32)],
)
def test_published_peaks(name, peak_gb_per_s, pseudo_channel_gb_per_s):
    standard = STANDARDS[name]
    assert standard.peak_bandwidth == pytest.approx(peak_gb_per_s * 1e9)
    assert standard.pseudo_channel_peak == pytest.approx(pseudo_channel_gb_per_s * 1e9)
    assert standard.access_size == 32
    assert standard.t_BL == pytest.approx(32 / (pseudo_channel_gb_per_s * 1e9))


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_an_origin(name):
    origins = load_hbm(name).origins
    assert set(origins) == {field.name for field in fields(HbmStandard)} - {"name"}
    for origin in origins.values():
        assert origin.source and origin.where and origin.kind in KINDS


# Closed forms against cycle simulators.


@parametrise("ramulator-2.1/rows.csv", pattern=("stream",))
def test_streaming_is_within_half_a_point_of_ramulator(row):
    found = percent_of_peak(STANDARDS[row["standard"]], "stream", row["refresh"])
    assert found == pytest.approx(float(row["percent_of_peak"]), abs=0.5)


@parametrise("ramulator-2.1/rows.csv", pattern=("unloaded",))
def test_unloaded_latency_is_within_two_and_a_half_per_cent_of_ramulator(row):
    found = unloaded_latency(STANDARDS[row["standard"]])
    assert found == pytest.approx(float(row["mean_latency_ns"]) * 1e-9, rel=0.025)


@parametrise("ramulator-2.1/rows.csv", pattern=("random",))
def test_random_access_is_near_ramulator(row):
    standard = STANDARDS[row["standard"]]
    found = random_bandwidth(standard, row["refresh"]) / standard.pseudo_channels_per_stack
    simulated = float(row["gb_per_s_per_pseudo_channel"]) * 1e9
    assert found == pytest.approx(simulated, rel=RANDOM_ERROR[row["refresh"]])


@parametrise("ramulator-2.1/rows.csv", pattern=("stream", "random"))
def test_loaded_latency_follows_from_the_queue(row):
    standard, simulated = STANDARDS[row["standard"]], float(row["gb_per_s_per_pseudo_channel"]) * 1e9
    found = loaded_latency(
        standard,
        bandwidth=simulated * standard.pseudo_channels_per_stack,
        queue=float(row["queue"]),
        row_hit=row["pattern"] == "stream",
    )
    assert found == pytest.approx(float(row["mean_latency_ns"]) * 1e-9, rel=0.035)


@parametrise("ramulator-2.1/longer_runs.csv", pattern=("unloaded",))
def test_unloaded_latency_of_every_generation(row):
    found = unloaded_latency(STANDARDS[row["standard"]])
    assert found == pytest.approx(float(row["mean_latency_ns"]) * 1e-9, rel=0.025)


@parametrise("ramulator-2.1/longer_runs.csv", order=("column first",), refresh=("none", "all-bank"))
def test_streaming_of_every_generation(row):
    found = percent_of_peak(STANDARDS[row["standard"]], "stream", row["refresh"])
    assert found == pytest.approx(float(row["percent_of_peak"]), abs=0.7)


@parametrise("ramulator-2.1/longer_runs.csv", order=("bank first",))
def test_turning_all_pages_at_once_costs_at_most_four_and_a_half_points(row):
    lost = percent_of_peak(STANDARDS[row["standard"]], "stream", row["refresh"]) - float(row["percent_of_peak"])
    assert 0 <= lost <= 4.5


@parametrise("ramulator-2.1/longer_runs.csv", order=("column first",), refresh=("per-bank",))
def test_blocking_refresh_of_every_generation(row):
    """The closed form is a bound here: the held controller loses more than the hold itself, most with HBM4."""
    lost = percent_of_peak(STANDARDS[row["standard"]], "stream", "per-bank") - float(row["percent_of_peak"])
    assert 0 <= lost <= (5.5 if row["standard"] == "hbm4" else 2.2)


@parametrise("ramulator-2.1/longer_runs.csv", pattern=("random",))
def test_random_access_of_the_other_generations(row):
    standard = STANDARDS[row["standard"]]
    found = random_bandwidth(standard, row["refresh"]) / standard.pseudo_channels_per_stack
    simulated = float(row["gb_per_s_per_pseudo_channel"]) * 1e9
    error = 0.15 if (row["standard"], row["refresh"]) == ("hbm2e", "per-bank") else RANDOM_ERROR[row["refresh"]]
    assert found == pytest.approx(simulated, rel=error)


@parametrise("ramulator-2.1/bank_slow.csv")
def test_the_bank_slow_stream_lies_in_the_band(row):
    band = hbm_stack(STANDARDS[row["standard"]]).fraction_of_peak
    slack = 2.0 if row["scheduler"] == "as shipped" and row["refresh"] == "per-bank" else 0.5
    assert 100 * band.low - slack <= float(row["percent_of_peak"]) <= 100 * band.high + 0.5


def legacy_channel(data_pins):
    """DRAMsim3's HBM2: one channel without pseudo-channels, with its own timing."""
    return replace(
        STANDARDS["hbm2"], channels=1, pseudo_channels=1, data_pins=data_pins, t_RFC_ab=260e-9, t_FAW=30e-9, t_RTP=6e-9
    )


@parametrise("dramsim3/rows.csv", pattern=("stream",))
def test_streaming_is_within_half_a_point_of_dramsim3(row):
    standard = legacy_channel(float(row["peak_gb_per_s"]) * 4)
    assert standard.peak_bandwidth == pytest.approx(float(row["peak_gb_per_s"]) * 1e9)
    simulated = 100 * float(row["gb_per_s"]) / float(row["peak_gb_per_s"])
    assert percent_of_peak(standard, "stream", row["refresh"]) == pytest.approx(simulated, abs=0.5)


@parametrise("dramsim3/rows.csv", pattern=("random",))
def test_random_access_is_that_of_dramsim3(row):
    standard = legacy_channel(float(row["peak_gb_per_s"]) * 4)
    assert random_bandwidth(standard, row["refresh"]) == pytest.approx(float(row["gb_per_s"]) * 1e9, rel=0.01)


@parametrise("dramsim3/rows.csv", pattern=("unloaded",))
def test_unloaded_latency_is_that_of_dramsim3(row):
    standard = legacy_channel(float(row["peak_gb_per_s"]) * 4)
    assert unloaded_latency(standard) == pytest.approx(float(row["mean_latency_ns"]) * 1e-9, rel=0.025)


# Silicon.


def test_silicon_streams_what_all_bank_refresh_leaves():
    """Shuhai measured 425 GB/s on two HBM2 stacks whose 32 ports carry 14.4 GB/s each."""
    measured = 425 / (32 * 14.4)
    as_a_short_refresh = replace(STANDARDS["hbm2"], t_RFC_ab=260e-9)
    assert percent_of_peak(as_a_short_refresh, "stream", "all-bank") == pytest.approx(100 * measured, abs=0.5)
    band = hbm_stack(STANDARDS["hbm2"]).fraction_of_peak
    assert band.low < measured < band.high


# Closed forms against what they must be by hand.


def test_random_bounds_by_hand():
    """HBM2: an activate of two clocks and a precharge of one, shared by two pseudo-channels. HBM3: four per t_FAW."""
    hbm2, hbm3 = STANDARDS["hbm2"], STANDARDS["hbm3"]
    assert random_bandwidth(hbm2, "none") / 16 == pytest.approx(32 / 6e-9)
    assert random_bandwidth(replace(hbm2, activate_clocks=1), "none") / 16 == pytest.approx(32 / 4e-9)
    assert random_bandwidth(hbm3, "none") / 32 == pytest.approx(4 * 32 / 15e-9)
    few = replace(hbm3, stack_ids=1, bank_groups=1, t_CCD_L=1e-9)
    assert random_bandwidth(few, "none") / 32 == pytest.approx(4 * 32 / 45e-9)


def test_one_bank_group_streams_at_its_own_column_rate():
    one_group = replace(STANDARDS["hbm3"], bank_groups=1, banks_per_group=16)
    assert streaming_bandwidth(one_group, "none") == pytest.approx(one_group.peak_bandwidth / 2)


def test_refresh_by_hand():
    hbm3 = STANDARDS["hbm3"]
    assert refresh_share(hbm3, "all-bank", 1024) == pytest.approx((350 + 16.25 + 19.375 + 5.625) / 3900)
    open_share = 1 - 16.25 / (32 * 32 * 1.25)
    assert refresh_share(hbm3, "per-bank", 1024) == pytest.approx(64 * 16.25 * open_share / 3900)


def test_oconnors_energy():
    """Table 3 sums to 3.48 pJ/bit without activation; 1.21 pJ/bit of activation means 94 bytes of a page read."""
    hbm2 = STANDARDS["hbm2"]
    parts = dict(read_energy(hbm2, 94))
    assert parts["tsv"] + parts["phy"] + hbm2.core_energy == pytest.approx(3.48e-12)
    assert parts["core"] - hbm2.core_energy == pytest.approx(1.21e-12, rel=0.005)


def test_a_makers_energy_of_hbm3e():
    device = sum(energy for place, energy in read_energy(STANDARDS["hbm3e"], 94) if place != "controller")
    assert device == pytest.approx(3.9e-12, rel=0.03)


def test_refresh_power_by_hand():
    """HBM3: 2^24 pages of 764 pJ, each once in 8192 x 3.9 us."""
    assert refresh_power(STANDARDS["hbm3"]) == pytest.approx(2**24 * 764e-12 / (8192 * 3.9e-6), rel=1e-3)


# The stack.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pattern", [32, 256, None])
def test_a_stack_is_the_band_of_its_schemes(name, pattern):
    standard = STANDARDS[name]
    stack = hbm_stack(standard, bytes_per_activation=pattern)
    run = pattern or 1024
    rates = [bandwidth(standard, bytes_per_activation=run, refresh=scheme) for scheme in REFRESH]
    assert stack.bandwidth == Band(low=min(rates), high=max(rates))
    assert stack.bandwidth.high == unrefreshed_bandwidth(standard, run) <= stack.peak_bandwidth
    assert stack.energy_per_bit.low == pytest.approx(sum(energy for _, energy in stack.energy_parts))
    worst = refresh_power(standard) / (8 * stack.bandwidth.low)
    assert stack.energy_per_bit.high - stack.energy_per_bit.low == pytest.approx(worst)
    assert stack.host_area == standard.phy_area + standard.controller_area


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_without_refresh_fills_the_pins(name):
    assert hbm_stack(STANDARDS[name]).fraction_of_peak.high == pytest.approx(1.0)


def test_bandwidth_of_edge_and_area():
    """HBM2E: 460.8 GB/s over 11 mm of edge, and over 10.45 + 6.07 mm2 of host silicon."""
    stack = hbm_stack(STANDARDS["hbm2e"])
    assert stack.bandwidth_per_edge == pytest.approx(460.8e9 / 11e-3)
    assert stack.bandwidth_per_host_area == pytest.approx(460.8e9 / 16.52e-6)
    assert stack.bandwidth_per_footprint == pytest.approx(460.8e9 / 110e-6)


# Monotony and limits, over designs around the shipped ones.

standards = st.builds(
    lambda name, bits: replace(STANDARDS[name], **bits),
    st.sampled_from(NAMES),
    st.fixed_dictionaries(
        {
            "t_RFC_ab": st.floats(100e-9, 700e-9),
            "t_RP": st.floats(8e-9, 20e-9),
            "t_RCD": st.floats(8e-9, 25e-9),
            "t_RC": st.floats(30e-9, 80e-9),
            "t_FAW": st.floats(4e-9, 60e-9),
            "t_CCD_L": st.floats(0.5e-9, 8e-9),
            "banks_per_group": st.integers(1, 6),
        }
    ),
)
schemes = st.sampled_from(REFRESH)
runs = st.sampled_from([32, 64, 128, 256, 512, 1024])
relaxed = settings(max_examples=60, deadline=None)


@relaxed
@given(standards, runs, schemes)
def test_bandwidth_never_exceeds_the_pins_nor_refresh_the_time(standard, run, refresh):
    share = refresh_share(standard, refresh, run)
    found = bandwidth(standard, bytes_per_activation=run, refresh=refresh)
    assert 0 <= share < 1
    assert 0 < found <= standard.peak_bandwidth * (1 + 1e-12)
    assert found == pytest.approx((1 - share) * bandwidth(standard, bytes_per_activation=run, refresh="none"))


@relaxed
@given(standards, runs, st.sampled_from(["t_RFC_ab", "t_RP", "t_RCD", "t_RC", "t_FAW", "t_CCD_L", "t_RTP"]))
def test_slower_timing_is_never_faster(standard, run, slower):
    worse = replace(standard, **{slower: 1.1 * getattr(standard, slower)})
    for refresh in ("none", "all-bank"):
        before, after = (bandwidth(s, bytes_per_activation=run, refresh=refresh) for s in (standard, worse))
        assert after <= before * (1 + 1e-12)
    assert unloaded_latency(worse) >= unloaded_latency(standard)


@relaxed
@given(standards, runs)
def test_more_banks_and_longer_runs_are_never_slower(standard, run):
    more = replace(standard, banks_per_group=standard.banks_per_group + 1)
    before = unrefreshed_bandwidth(standard, run)
    assert unrefreshed_bandwidth(more, run) >= before * (1 - 1e-12)
    assert unrefreshed_bandwidth(standard, min(1024, 2 * run)) >= before * (1 - 1e-12)


@relaxed
@given(standards, schemes)
def test_longer_refresh_intervals_and_more_channels_scale(standard, refresh):
    half = refresh_share(replace(standard, t_REFI=2 * standard.t_REFI), refresh, 1024)
    assert half == pytest.approx(refresh_share(standard, refresh, 1024) / 2)
    twice = replace(standard, channels=2 * standard.channels)
    assert streaming_bandwidth(twice, refresh) == pytest.approx(2 * streaming_bandwidth(standard, refresh))


@relaxed
@given(standards, runs)
def test_energy_falls_with_locality_and_sums(standard, run):
    parts = read_energy(standard, run)
    assert [place for place, _ in parts] == ["core", "tsv", "phy", "controller"]
    longer = read_energy(standard, 2 * run)
    assert longer[0][1] < parts[0][1] and longer[1:] == parts[1:]


# What is refused.


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_hbm("hbm5"), "no hbm sheet is called 'hbm5'; there are hbm2, hbm2e, hbm3, hbm3e, hbm4"),
        (
            lambda: streaming_bandwidth(STANDARDS["hbm3"], "same-bank"),
            "no refresh scheme is called 'same-bank'; use one of none, all-bank, per-bank",
        ),
        (
            lambda: hbm_stack(STANDARDS["hbm3"], bytes_per_activation=2048),
            "hbm3 reads 32 to 1024 bytes of an open page, not 2048; give a number in that range",
        ),
        (
            lambda: streaming_bandwidth(replace(STANDARDS["hbm2"], t_RFC_ab=4e-6), "all-bank"),
            "hbm2 is busy with all-bank refresh for 4033 ns in every 3900 ns and never reads; "
            "shorten the refresh or take another scheme",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(UserError) as refused:
        call()
    assert message in str(refused.value)
