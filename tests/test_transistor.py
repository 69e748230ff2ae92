"""The node's transistors as a bank uses them: drivers, switches, leakage, and how they scale."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devicemodels.quantities import sheet_names
from devicemodels.technology import load_technology
from devicemodels.transistor import (
    delay_scale,
    drain_current,
    effective_current,
    fitting_width,
    fo4_at,
    gate_load,
    leakage_scale,
    off_current,
    on_resistance,
    saturation_current,
    switch_resistance,
    switching_energy,
    threshold_at,
)

NODE = load_technology("22nm").device
NODES = sheet_names("technology")
MICROMETRE = 1e-6
few = settings(deadline=None, max_examples=40)
nodes = st.sampled_from([load_technology(name).device for name in NODES])


def current(node=NODE, **changes):
    bias = {"width": MICROMETRE, "gate_source": 0.8, "drain_source": 0.8, "temperature": 300.0}
    return drain_current(node, **{**bias, **changes})


def test_on_and_off_current_are_the_sheets():
    assert current() == pytest.approx(NODE.on_current * MICROMETRE, rel=1e-6)
    assert current(gate_source=0.0) == pytest.approx(NODE.off_current * MICROMETRE, rel=1e-6)


@given(st.floats(0.0, 1.2), st.floats(0.0, 1.2), st.floats(0.1, 1.2))
@few
def test_current_rises_with_drain_voltage_and_is_odd_in_it(first, second, gate):
    low, high = sorted((first, second))
    assert current(drain_source=low, gate_source=gate) <= current(drain_source=high, gate_source=gate)
    # With drain and source exchanged the gate is referred to the other end.
    assert current(drain_source=-low, gate_source=gate) == pytest.approx(
        -current(drain_source=low, gate_source=gate + low, source_body=-low), rel=1e-9, abs=1e-30
    )


@pytest.mark.parametrize("name", NODES)
def test_on_resistance_is_the_slope_at_zero(name):
    node = load_technology(name).device
    bias = {"gate_source": node.supply, "source_body": 0.1}
    slope = current(node, drain_source=1e-6, **bias) / 1e-6
    assert on_resistance(node, width=MICROMETRE, temperature=300.0, **bias) == pytest.approx(1 / slope, rel=1e-4)


def test_body_effect_raises_the_threshold():
    base = threshold_at(NODE, temperature=300.0)
    assert threshold_at(NODE, temperature=300.0, source_body=0.4) == pytest.approx(base + 0.4 * NODE.body_effect)
    assert current(source_body=0.4) == pytest.approx(current(threshold_shift=0.4 * NODE.body_effect))


def test_switch_resistance_gives_the_charging_time():
    # 0.69 R C with R = V / (2 I_eff ln 2) is C V / 2 I_eff.
    resistance = switch_resistance(NODE, width=MICROMETRE, temperature=300.0)
    mean = effective_current(NODE, width=MICROMETRE, temperature=300.0)
    assert math.log(2) * resistance == pytest.approx(NODE.supply / (2 * mean))
    slower = switch_resistance(NODE, width=MICROMETRE, temperature=300.0, pmos=True)
    assert slower == pytest.approx(resistance / NODE.pmos_ratio, rel=0.03)


@pytest.mark.parametrize("name", NODES)
def test_a_switching_inverter_has_about_half_of_its_on_current(name):
    # Na et al. (2002): 0.4 to 0.6 from 180 nm on.
    node = load_technology(name).device
    on = saturation_current(node, width=1.0, gate_source=node.supply, temperature=300.0)
    assert 0.4 < effective_current(node, width=1.0, temperature=300.0) / on < 0.6


@given(node=nodes, cold=st.floats(240.0, 380.0), rise=st.floats(1.0, 15.0), shift=st.floats(0.005, 0.1))
@few
def test_heat_and_a_raised_threshold_make_logic_slow(node, cold, rise, shift):
    here = fo4_at(node, temperature=cold)
    assert fo4_at(node, temperature=cold + rise) > here
    assert fo4_at(node, temperature=cold, threshold_shift=shift) > here
    assert off_current(node, width=1.0, temperature=cold + rise) > off_current(node, width=1.0, temperature=cold)
    assert off_current(node, width=1.0, temperature=cold, threshold_shift=shift) < off_current(
        node, width=1.0, temperature=cold
    )


@given(node=nodes, share=st.floats(0.75, 0.99))
@few
def test_a_lower_supply_is_slower_and_costs_less(node, share):
    lower = replace(node, supply=share * node.supply)
    assert fo4_at(lower, temperature=300.0) > fo4_at(node, temperature=300.0)
    assert switching_energy(lower) == pytest.approx(share**2 * node.nand2_energy)
    assert off_current(lower, width=1.0, temperature=300.0) < off_current(node, width=1.0, temperature=300.0)


@pytest.mark.parametrize("name", NODES)
def test_at_300_k_and_its_own_supply_logic_is_the_sheets(name):
    node = load_technology(name).device
    assert delay_scale(node, temperature=300.0) == pytest.approx(1.0)
    assert fo4_at(node, temperature=300.0) == pytest.approx(node.fo4_delay)


def test_leakage_scale_refers_to_the_sheets_off_current():
    # At the supply of 0.85 V the barrier is lower than at the 0.8 V of the off-current.
    expected = off_current(NODE, width=1.0, temperature=358.0) / NODE.off_current
    assert leakage_scale(NODE, temperature=358.0) == pytest.approx(expected)
    assert 1.0 < leakage_scale(NODE, temperature=300.0) < 1.2


def test_every_argument_and_every_fact_may_be_an_array():
    widths, heat = np.array([1e-7, 2e-7, 3e-7]), np.array([300.0, 358.0, 400.0])
    node = replace(NODE, supply=np.array([0.8, 0.85, 0.9]), on_current=np.array([560.0, 620.0, 680.0]))
    for function, rest in (
        (drain_current, {"gate_source": 0.7, "drain_source": 0.3}),
        (saturation_current, {"gate_source": 0.7}),
        (on_resistance, {"gate_source": 0.7}),
        (switch_resistance, {"pmos": True}),
        (off_current, {}),
    ):
        together = function(node, width=widths, temperature=heat, **rest)
        for k in range(3):
            one = replace(NODE, supply=node.supply[k].item(), on_current=node.on_current[k].item())
            alone = function(one, width=widths[k], temperature=heat[k], **rest)
            assert together[k] == pytest.approx(alone, rel=1e-6)
    assert fo4_at(node, temperature=heat).shape == leakage_scale(node, temperature=heat).shape == (3,)


def test_gate_load_is_per_width():
    assert gate_load(NODE, width=MICROMETRE) == pytest.approx(0.9e-15)


@given(space=st.floats(0.0, 1e-6), node=nodes)
@few
def test_a_transistor_fits_its_space_in_whole_fins(space, node):
    width = fitting_width(node, space=space)
    assert 0 <= width <= space + 1e-15
    if node.fin_pitch:
        assert width / node.fin_pitch == pytest.approx(round(width / node.fin_pitch), abs=1e-6)
        assert space - width < node.fin_pitch
    else:
        assert width == (space if space >= node.minimum_width else 0.0)


def test_three_fins_fit_three_fin_pitches():
    node = load_technology("7nm").device
    assert fitting_width(node, space=3 * node.fin_pitch) == pytest.approx(3 * node.fin_pitch)
