"""The charge-based transistor: limits, symmetry, monotony, and ngspice's currents."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devicemodels.compact_model import check_fit_range
from devicemodels.ekv import channel, drain_current, inversion_charge, load_mosfet
from devicemodels.errors import UserError
from devicemodels.quantities import sheet_names
from devicemodels.thermal import thermal_voltage

GOLDEN = Path(__file__).parent / "golden" / "ngspice-39"
NAMES = sheet_names("transistor")
N22 = load_mosfet("ptm22hp_n").device
WIDTH = 100e-9
LONG = replace(
    N22,
    barrier_lowering=0.0,
    body_factor=0.0,
    velocity_saturation=0.0,
    series_resistance=0.0,
    length_modulation=0.0,
    avalanche_voltage=1e9,
)
"""The same transistor without any short-channel effect."""

volts = st.floats(0.0, 0.9)


def current(mosfet, *, gate, drain, source=0.0, temperature=300.0, **drawn):
    device = channel(mosfet, width=drawn.pop("width", WIDTH), temperature=temperature, **drawn)
    return drain_current(device, gate=gate, drain=drain, source=source)


@pytest.mark.parametrize("v", [-20.0, -5.0, 0.0, 3.0, 30.0])
def test_charge_and_current_obey_the_interpolation_of_ekv(v):
    q = inversion_charge(v)
    assert q**2 + q == pytest.approx(math.log1p(math.exp(v / 2)) ** 2, rel=1e-12)


def test_charge_tends_to_an_exponential_below_threshold_and_to_a_line_above():
    assert inversion_charge(-12.0) == pytest.approx(math.exp(-12.0), rel=0.01)
    assert inversion_charge(600.0) == pytest.approx(600.0 / 2 - 0.5, rel=1e-5)


@given(q=st.floats(1e-6, 30.0))
def test_charge_stays_near_the_exact_relation(q):
    # 2 q + ln q = v is the charge-voltage relation that the interpolation stands for.
    assert inversion_charge(2 * q + math.log(q)) == pytest.approx(q, rel=0.19)


@pytest.mark.parametrize(("gate", "drain"), [(0.2, 0.02), (0.2, 0.5), (0.9, 0.02), (0.9, 0.5), (0.9, 0.9)])
def test_without_short_channel_effects_the_long_channel_current_is_left(gate, drain):
    thermal = thermal_voltage(300.0)
    pinch_off = (gate - LONG.threshold_voltage) / (LONG.slope_factor * thermal)
    forward, reverse = (math.log1p(math.exp(v / 2)) ** 2 for v in (pinch_off, pinch_off - drain / thermal))
    expected = LONG.specific_current * (WIDTH - LONG.width_offset) * (forward - reverse)
    assert current(LONG, gate=gate, drain=drain) == pytest.approx(expected, rel=0.02)


@given(gate=volts, drain=volts, source=volts)
def test_source_and_drain_are_alike(gate, drain, source):
    there = current(N22, gate=gate, drain=drain, source=source)
    assert current(N22, gate=gate, drain=source, source=drain) == -there
    assert there * (drain - source) >= 0


@given(gate=st.floats(0.0, 0.85), drain=st.floats(0.01, 0.85), source=st.floats(0.0, 0.3), name=st.sampled_from(NAMES))
def test_current_grows_with_gate_and_drain_and_falls_with_source(gate, drain, source, name):
    bias = {"gate": gate, "drain": source + drain, "source": source}
    here = current(load_mosfet(name).device, **bias)
    for terminal, sign in (("gate", 1), ("drain", 1), ("source", -1)):
        moved = {**bias, terminal: bias[terminal] + 0.005}
        assert sign * (current(load_mosfet(name).device, **moved) - here) > 0


def test_slope_below_threshold_is_the_slope_factor_times_the_thermal_voltage():
    low, high = current(N22, gate=np.array([0.0, 0.01]), drain=0.05)
    assert 0.01 / math.log(high / low) == pytest.approx(N22.slope_factor * thermal_voltage(300.0), rel=0.01)


def test_the_drain_lowers_the_barrier():
    flat = replace(N22, length_modulation=0.0, avalanche_voltage=1e9)
    low, high = current(flat, gate=0.0, drain=np.array([0.3, 0.6]))
    lowered = N22.barrier_lowering * 0.3
    assert math.log(high / low) == pytest.approx(lowered / (N22.slope_factor * thermal_voltage(300.0)), rel=0.01)


def test_a_raised_source_raises_the_threshold_by_the_body_effect():
    rise = N22.body_factor * (math.sqrt(N22.surface_potential + 0.2) - math.sqrt(N22.surface_potential))
    body = current(N22, gate=0.2 + rise + 0.2, drain=0.5, source=0.2)
    assert body == pytest.approx(current(N22, gate=0.2, drain=0.3), rel=1e-9)


def test_mismatch_moves_the_threshold_and_with_it_the_mobility():
    plain = replace(N22, mobility_field=0.0)
    bias = {"gate": 0.5, "drain": 0.4}
    assert current(plain, threshold_shift=0.03, **bias) == pytest.approx(current(plain, gate=0.47, drain=0.4))
    weak = {"gate": 0.0, "drain": 0.05}
    ratio = current(N22, threshold_shift=0.03, **weak) / current(plain, threshold_shift=0.03, **weak)
    assert ratio == pytest.approx(math.exp(-N22.mobility_field * 0.03), rel=1e-4)


@given(cold=st.floats(250.0, 390.0), name=st.sampled_from(NAMES))
def test_heat_raises_the_off_current_and_lowers_the_on_current(cold, name):
    mosfet = load_mosfet(name).device
    supply = mosfet.voltage_limit - 0.1
    for gate, sign in ((0.0, 1), (supply, -1)):
        hot, cool = (current(mosfet, gate=gate, drain=supply, temperature=t) for t in (cold + 5, cold))
        assert sign * (hot - cool) > 0


# Beside ngspice.


def golden(name):
    """Columns of currents_*.csv: kelvin, width, source-body, gate, drain, current."""
    with (GOLDEN / name).open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    keys = len(head) - sum(h.replace(".", "").isdigit() for h in head)
    return np.array(
        [
            [*map(float, row[:keys]), float(d), float(i)]
            for row in rows
            for d, i in zip(head[keys:], row[keys:], strict=True)
        ]
    )


@pytest.mark.parametrize("name", NAMES)
def test_currents_are_those_of_ngspice(name):
    mosfet = load_mosfet(name).device
    celsius, width, source, gate, drain, reference = golden(f"currents_{name[3:5]}{name[-1]}.csv").T
    width = width * 1e-9
    model = np.empty_like(reference)
    for kelvin, drawn in {*zip(celsius + 273.15, width, strict=True)}:
        at = (celsius + 273.15 == kelvin) & (width == drawn)
        device = channel(mosfet, width=drawn, temperature=kelvin)
        model[at] = drain_current(device, gate=gate[at] + source[at], drain=drain[at] + source[at], source=source[at])
    error = np.log(model / reference)
    # Below 3 mA/m the card's gate and junction leakage count. Above 10 A/m the channel is inverted.
    seen, strong = reference > 3e-3 * width, reference > 10 * width
    assert np.sqrt(np.mean(error[seen] ** 2)) == pytest.approx(mosfet.fit_error, abs=1e-3)
    assert mosfet.fit_error < 0.065
    assert np.sqrt(np.mean(error[strong] ** 2)) < 0.055
    assert np.abs(error[strong]).max() < 0.22


@pytest.mark.parametrize("name", NAMES)
def test_a_shifted_threshold_moves_the_current_as_in_ngspice(name):
    mosfet = load_mosfet(name).device
    table = golden(f"shifted_{name[3:5]}{name[-1]}.csv")
    low, high = np.split(table, 2)
    (_, gate, drain, weak), strong = low.T, high[:, -1]
    shifts = (low[0, 0], high[0, 0])
    width = 2.08 * mosfet.channel_length
    models = [
        current(mosfet, gate=gate, drain=drain, width=width, temperature=300.15, threshold_shift=s) for s in shifts
    ]
    wanted, found = np.log(weak / strong), np.log(models[0] / models[1])
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.07 * np.sqrt(np.mean(wanted**2))


# Bad input.


@pytest.mark.parametrize(
    ("voltage", "temperature", "message"),
    [
        (1.1, 300.0, r"the supply is 1.1 V, but transistor 'ptm22hp_n' holds above 0 and up to 0.9 V; change"),
        (0.0, 300.0, r"the supply is 0 V, but"),
        (0.8, 27.0, r"the temperature is 27 K, but transistor 'ptm22hp_n' holds from 248.15 to 398.15 K; give it in"),
    ],
)
def test_a_bias_outside_the_fit_is_refused(voltage, temperature, message):
    with pytest.raises(UserError, match=message):
        check_fit_range(N22, voltage=voltage, temperature=temperature)


def test_a_width_that_the_isolation_consumes_is_refused():
    with pytest.raises(
        UserError, match=r"the transistor width is 9 nm, but 'ptm22hp_n' loses 9\.83\d* nm to isolation"
    ):
        channel(N22, width=9e-9, temperature=300.0)
