"""The alpha-power transistor and the node's temperature scaling."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devicemodels.technology import load_technology
from devicemodels.transistor import (
    delay_scale,
    drain_current,
    fo4_at,
    leakage_scale,
    off_current,
    on_resistance,
    saturation_current,
    switch_resistance,
    threshold_at,
)

NODE = load_technology("22nm").device
MICROMETRE = 1e-6


def current(**changes):
    bias = {"width": MICROMETRE, "gate_source": 0.8, "drain_source": 0.8, "temperature": 300.0}
    return drain_current(NODE, **{**bias, **changes})


def test_on_current_is_the_sheets():
    assert current() == pytest.approx(NODE.on_current * MICROMETRE)


def test_current_follows_the_alpha_power_of_the_overdrive():
    ratio = current(gate_source=0.56) / current(gate_source=0.8)
    assert ratio == pytest.approx((0.24 / 0.48) ** NODE.velocity_index)


def test_nothing_flows_below_threshold_or_without_drain_voltage():
    assert current(gate_source=NODE.threshold_voltage) == 0.0
    assert current(drain_source=0.0) == 0.0


@given(st.floats(0.0, 1.2), st.floats(0.0, 1.2), st.floats(0.4, 1.2))
def test_current_rises_with_drain_voltage(first, second, gate):
    low, high = sorted((first, second))
    assert current(drain_source=low, gate_source=gate) <= current(drain_source=high, gate_source=gate)


def test_on_resistance_is_the_slope_at_zero():
    slope = current(drain_source=1e-7) / 1e-7
    found = on_resistance(NODE, width=MICROMETRE, gate_source=0.8, temperature=300.0)
    assert found == pytest.approx(1 / slope, rel=1e-5)


def test_body_effect_raises_the_threshold():
    lifted = threshold_at(NODE, temperature=300.0, source_body=0.4)
    assert lifted == pytest.approx(NODE.threshold_voltage + 0.4 * NODE.body_effect)
    assert current(source_body=0.4) < current()


def test_switch_resistance_gives_the_charging_time():
    # 0.69 R C with R = V / (2 I_eff ln 2) is C V / 2 I_eff, I_eff = 0.7 I_sat.
    resistance = switch_resistance(NODE, width=MICROMETRE, temperature=300.0)
    saturated = saturation_current(NODE, width=MICROMETRE, gate_source=NODE.supply, temperature=300.0)
    assert math.log(2) * resistance == pytest.approx(NODE.supply / (2 * 0.7 * saturated))
    slower = switch_resistance(NODE, width=MICROMETRE, temperature=300.0, pmos=True)
    assert slower == pytest.approx(resistance / NODE.pmos_ratio)


def test_logic_is_slower_when_hot_and_the_same_at_300_k():
    assert delay_scale(NODE, temperature=300.0) == pytest.approx(1.0)
    assert fo4_at(NODE, temperature=358.0) > NODE.fo4_delay


def test_leakage_grows_steeply_with_temperature():
    assert off_current(NODE, width=MICROMETRE, temperature=300.0) == pytest.approx(NODE.off_current * MICROMETRE)
    assert 5 < leakage_scale(NODE, temperature=358.0) < 60


def test_fo4_of_the_sheet_agrees_with_its_transistors():
    # C V / 2 I of an inverter with P 1/ratio times N, driving four like it; slow edges and wire add half as much again.
    width = 1 + 1 / NODE.pmos_ratio
    load = (4 * NODE.gate_capacitance + NODE.junction_capacitance) * width
    drive = 0.7 * saturation_current(NODE, width=1.0, gate_source=NODE.supply, temperature=300.0)
    assert 1.2 < NODE.fo4_delay / (load * NODE.supply / (2 * drive)) < 2.0


def test_nand2_area_is_three_pitches_by_seven_tracks():
    assert NODE.nand2_area == pytest.approx(3 * NODE.transistor_pitch * 7 * NODE.wire_pitch, rel=0.02)


def test_a_variant_is_another_node():
    faster = replace(NODE, fo4_delay=6e-12)
    assert fo4_at(faster, temperature=358.0) == pytest.approx(fo4_at(NODE, temperature=358.0) / 2)
