"""Resistance, tunnel magnetoresistance, the barrier's conductance and self-heating."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.constants import electron_mass, elementary_charge, hbar
from scipy.integrate import quad

from devicemodels.errors import UserError
from devicemodels.mtj import load_mtj
from devicemodels.mtj.energy import polarisation
from devicemodels.mtj.transport import brinkman_conductance, junction_temperature

MTJ = load_mtj("mram22").device
biases = st.floats(-1.2, 1.2)
kelvins = st.floats(200.0, 450.0)


def test_polarisation_inverts_julliere():
    squared = polarisation(1.24) ** 2
    assert 2 * squared / (1 - squared) == pytest.approx(1.24)
    assert polarisation(1.24) == pytest.approx(0.619, abs=5e-4)


@given(kelvins)
def test_tmr_halves_at_its_half_voltage_and_falls_as_the_polarisation(kelvin):
    assert MTJ.tmr(0.0) == pytest.approx(MTJ.tmr_zero_bias)
    assert MTJ.tmr(MTJ.tmr_half_voltage, kelvin) == pytest.approx(MTJ.tmr(0.0, kelvin) / 2)
    ratio = polarisation(MTJ.tmr(0.0, kelvin)) / polarisation(MTJ.tmr_zero_bias)
    decay = MTJ.polarisation_decay
    assert ratio == pytest.approx((1 - decay * kelvin**1.5) / (1 - decay * 300**1.5))


@given(st.floats(0, math.pi), biases, kelvins)
def test_the_conductance_is_linear_in_the_cosine(angle, voltage, kelvin):
    low, high = MTJ.resistance(0.0, voltage, kelvin), MTJ.resistance(math.pi, voltage, kelvin)
    share = (1 + math.cos(angle)) / 2
    assert 1 / MTJ.resistance(angle, voltage, kelvin) == pytest.approx(share / low + (1 - share) / high)
    assert low * MTJ.area == pytest.approx(MTJ.resistance_area)
    assert high / low == pytest.approx(1 + MTJ.tmr(voltage, kelvin))


@given(biases, biases)
def test_bias_lowers_the_antiparallel_resistance_alike_in_both_directions(first, second):
    weak, strong = sorted((first, second), key=abs)
    assert MTJ.resistance(math.pi, strong) <= MTJ.resistance(math.pi, weak)
    assert MTJ.resistance(math.pi, -weak) == MTJ.resistance(math.pi, weak)


def test_angles_and_voltages_may_be_arrays():
    angles, voltages = np.linspace(0, math.pi, 5), np.array([[0.0], [0.3], [0.6]])
    found = MTJ.resistance(angles, voltages)
    assert found.shape == (3, 5)
    assert found == pytest.approx(np.array([[MTJ.resistance(a, v) for a in angles] for v in voltages[:, 0]]))


def tunnel_current(bias, *, thickness, height, asymmetry):
    """Current of a trapezoidal barrier at zero temperature, by the WKB integral; energies in eV, arbitrary scale."""
    action = 2 * thickness * math.sqrt(2 * electron_mass * elementary_charge) / hbar

    def transmission(level):
        near, far = height - asymmetry / 2 - level, height + asymmetry / 2 - bias - level
        mean_root = 2 / 3 * (near + far + math.sqrt(near * far)) / (math.sqrt(near) + math.sqrt(far))
        return math.exp(-action * (mean_root - math.sqrt(height)))

    depth = 40 * math.sqrt(height) / action
    full = quad(transmission, -bias - depth, -bias, epsrel=1e-11)[0]
    return bias * full + quad(lambda level: -level * transmission(level), -bias, 0, epsrel=1e-11)[0]


@pytest.mark.parametrize("asymmetry", [0.0, 0.05, -0.05])
@pytest.mark.parametrize("thickness", [2e-9, 20e-9])
def test_brinkmans_formula_is_the_wkb_integral_of_a_thick_barrier(thickness, asymmetry):
    # J(V) integrates G(0)(1 + p V + q V^2): its odd part gives q, its even part p. The mirrored barrier has -V.
    barrier, mirror = ({"thickness": thickness, "height": 1.0, "asymmetry": a} for a in (asymmetry, -asymmetry))
    bias, exponent = 0.05e-9 / thickness, 2 * thickness * math.sqrt(2 * electron_mass * elementary_charge) / hbar
    forward, backward = (tunnel_current(bias, **side) / bias for side in (barrier, mirror))
    start = sum(tunnel_current(bias / 100, **side) / (bias / 100) for side in (barrier, mirror)) / 2
    ahead, back = brinkman_conductance(np.array([bias, -bias]), **barrier)
    square, linear = (ahead + back) / 2 - 1, (ahead - back) / 2
    assert (forward + backward) / (2 * start) - 1 == pytest.approx(square / 3, rel=0.01)
    assert (forward - backward) / (2 * start) == pytest.approx(linear / 2, rel=3 / exponent, abs=1e-12)


def test_brinkmans_formula_has_its_coefficients():
    # Brinkman et al. give A_0 = 4 (2 m)^(1/2) d/(3 hbar); for 1 nm and 1 eV, A_0 = 6.83 eV^-1/2.
    slope = 6.83
    found = brinkman_conductance(0.1, thickness=1e-9, height=1.0, asymmetry=0.3)
    assert found == pytest.approx(1 - slope * 0.3 / 16 * 0.1 + 9 * slope**2 / 128 * 0.01, rel=1e-4)
    assert brinkman_conductance(0.0, thickness=1e-9, height=1.0) == 1.0
    with pytest.raises(UserError, match="the barrier is 0 m thick and 1 V high, but both must be above zero"):
        brinkman_conductance(0.1, thickness=0.0, height=1.0)


def test_a_parallel_junction_heats_by_its_power_density_and_exponentially():
    steady = 0.5**2 / MTJ.resistance_area * MTJ.thermal_resistance_area
    assert junction_temperature(MTJ, voltage=0.5) == pytest.approx(300 + steady)
    assert junction_temperature(MTJ, voltage=-0.5, ambient=350.0) == pytest.approx(350 + steady)
    short = junction_temperature(MTJ, voltage=0.5, pulse=MTJ.thermal_time)
    assert short == pytest.approx(300 + steady * (1 - math.exp(-1)))
    assert junction_temperature(MTJ, voltage=0.0) == 300.0


@given(st.floats(0.05, 1.0), st.floats(0.1e-9, 30e-9))
def test_an_antiparallel_junction_balances_its_heat_at_its_own_resistance(voltage, pulse):
    found = junction_temperature(MTJ, voltage=voltage, pulse=pulse, angle=math.pi)
    power = voltage**2 / (MTJ.resistance(math.pi, voltage, found) * MTJ.area)
    rise = power * MTJ.thermal_resistance_area * -math.expm1(-pulse / MTJ.thermal_time)
    assert found - 300 == pytest.approx(rise, rel=1e-6, abs=1e-7)
    assert 300 < found < junction_temperature(MTJ, voltage=voltage, pulse=pulse)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pulse": 0.0}, "the pulse is 0 s long, but must be above zero"),
        ({"pulse": math.nan}, "the pulse is nan s long, but must be above zero"),
        ({"ambient": -3.0}, "the temperature is -3 K, but must be a finite number above zero"),
        ({"voltage": 5.0}, "5 V for inf s may heat mram22 from 300 to 4845 K, but its curie_temperature is 1100 K"),
        ({"voltage": math.inf}, "the voltage is inf V; give a finite value"),
    ],
)
def test_what_cannot_be_heated_is_refused(changes, message):
    with pytest.raises(UserError, match=re.escape(message)):
        junction_temperature(MTJ, **{"voltage": 0.5, **changes})


def test_without_polarisation_there_is_no_magnetoresistance():
    plain = replace(MTJ, tmr_zero_bias=0.0)
    assert plain.resistance(math.pi, 0.1) == pytest.approx(plain.resistance(0.0, 0.1))
