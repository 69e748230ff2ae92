"""The junction: barrier, critical current, resistance, and its error rates against exact results."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.constants import Boltzmann, elementary_charge, hbar, mu_0
from scipy.integrate import quad

from devicemodels.mtj import load_mtj
from devicemodels.mtj.energy import (
    GYROMAGNETIC,
    anisotropy_density,
    anisotropy_field,
    axial_demagnetisation,
    coherent_barrier,
    polarisation,
    relaxation_rate,
)
from devicemodels.mtj.switching import (
    escape_rate,
    read_disturb_rate,
    retention_error_rate,
    write_error,
    write_error_rate,
)

IKEDA = load_mtj("ikeda2010").device
MTJ = load_mtj("mram22").device


def test_demagnetising_factor_has_its_exact_values():
    assert axial_demagnetisation(1.0) == pytest.approx(0.3116, abs=1e-4)
    assert axial_demagnetisation(1e-5) == pytest.approx(1.0, abs=1e-3)
    assert axial_demagnetisation(1e3) == pytest.approx(0.0, abs=1e-3)


def test_ikeda_has_its_measured_barrier_and_critical_current():
    assert IKEDA.thermal_stability(300.0) == pytest.approx(43, rel=0.01)
    assert IKEDA.critical_current(300.0) == pytest.approx(49e-6, rel=0.05)  # measured; Sun's formula gives 47.2


def test_critical_current_is_suns():
    energy = coherent_barrier(MTJ, temperature=350.0)
    polar = polarisation(MTJ.tmr(0.0, 350.0))
    expected = 4 * elementary_charge / hbar * MTJ.damping / polar * energy
    assert MTJ.critical_current(350.0) == pytest.approx(expected)


def test_barrier_is_half_the_anisotropy_field_times_the_moment():
    field = anisotropy_field(MTJ, temperature=300.0)
    volume = MTJ.area * MTJ.free_layer_thickness
    energy = mu_0 * MTJ.saturation_magnetisation * field * volume / 2
    assert MTJ.thermal_stability(300.0) == pytest.approx(energy / (Boltzmann * 300.0))


def test_a_wide_junction_reverses_by_a_wall():
    wide = replace(MTJ, diameter=120e-9)
    density = anisotropy_density(wide, temperature=300.0)
    wall = 4 * math.sqrt(wide.exchange_stiffness * density) * wide.diameter * wide.free_layer_thickness
    assert wide.thermal_stability(300.0) == pytest.approx(wall / (Boltzmann * 300.0))
    assert wall < coherent_barrier(wide, temperature=300.0)


def test_an_in_plane_layer_has_no_barrier_and_no_critical_current():
    flat = replace(MTJ, interface_anisotropy=MTJ.interface_anisotropy / 2)
    assert flat.thermal_stability(300.0) == 0.0
    assert flat.critical_current(300.0) == 0.0


@given(st.floats(260.0, 420.0), st.floats(260.0, 420.0))
def test_heat_lowers_barrier_current_and_tmr(first, second):
    cold, hot = sorted((first, second))
    assert MTJ.thermal_stability(hot) <= MTJ.thermal_stability(cold)
    assert MTJ.critical_current(hot) <= MTJ.critical_current(cold)
    assert MTJ.tmr(0.0, hot) <= MTJ.tmr(0.0, cold)


def test_tmr_halves_at_its_half_voltage_and_polarisation_inverts_julliere():
    assert MTJ.tmr(0.0) == pytest.approx(MTJ.tmr_zero_bias)
    assert MTJ.tmr(MTJ.tmr_half_voltage) == pytest.approx(MTJ.tmr_zero_bias / 2)
    squared = polarisation(1.24) ** 2
    assert 2 * squared / (1 - squared) == pytest.approx(1.24)
    assert polarisation(1.24) == pytest.approx(0.619, abs=5e-4)


def test_resistance_has_its_limits_and_a_conductance_linear_in_the_cosine():
    low, high = MTJ.resistance(0.0, 0.1), MTJ.resistance(math.pi, 0.1)
    assert low == pytest.approx(MTJ.resistance_area / MTJ.area)
    assert high == pytest.approx(low * (1 + MTJ.tmr(0.1)))
    middle = MTJ.resistance(math.pi / 2, 0.1)
    assert 1 / middle == pytest.approx((1 / low + 1 / high) / 2)


# Fokker-Planck results for Delta, i, tau (finite elements, Legendre series and Monte Carlo agree to three digits).
FOKKER_PLANCK = [
    (43, 1.5, 4, 2.2342e-1),
    (43, 1.5, 6, 2.8696e-2),
    (43, 2, 4, 1.0804e-2),
    (43, 2, 6, 1.9021e-4),
    (43, 3, 4, 7.4190e-6),
    (43, 3, 6, 2.4897e-9),
]


@pytest.mark.parametrize(("stability", "overdrive", "time", "exact"), FOKKER_PLANCK)
def test_write_error_is_within_17_percent_of_the_fokker_planck_equation(stability, overdrive, time, exact):
    found = write_error(stability=stability, overdrive=overdrive, reduced_time=time)
    assert exact * 0.99 < found < exact * 1.17


def test_write_error_falls_one_decade_per_its_time():
    first = write_error(stability=60, overdrive=2, reduced_time=8)
    later = write_error(stability=60, overdrive=2, reduced_time=8 + math.log(10) / 2)
    assert first / later == pytest.approx(10, rel=1e-3)


def test_write_error_has_its_limits():
    assert write_error(stability=60, overdrive=1.0, reduced_time=100) == 1.0
    assert write_error(stability=60, overdrive=3.0, reduced_time=1e4) == 0.0


def test_write_error_rate_uses_the_relaxation_time():
    rate = relaxation_rate(MTJ, temperature=300.0)
    field = anisotropy_field(MTJ, temperature=300.0)
    assert rate == pytest.approx(MTJ.damping * GYROMAGNETIC * field / (1 + MTJ.damping**2))
    found = write_error_rate(MTJ, overdrive=2.0, pulse=10e-9, temperature=300.0)
    expected = write_error(stability=MTJ.thermal_stability(300.0), overdrive=2.0, reduced_time=rate * 10e-9)
    assert found == pytest.approx(expected)


def mean_first_passage(stability, drive):
    """From the pole z = 1 to the barrier's top at z = i, exactly, in units of 1/(alpha gamma H_k)."""

    def potential(z):
        return stability * (z * z - 2 * drive * z)

    def inner(z):
        return quad(lambda u: math.exp(potential(u) - potential(z)), z, 1, epsrel=1e-10)[0]

    return quad(lambda z: 2 * stability / (1 - z * z) * inner(z), drive, 1, epsrel=1e-8)[0]


@pytest.mark.parametrize(("stability", "drive", "tolerance"), [(20, 0.0, 0.06), (40, 0.0, 0.03), (60, 0.25, 0.05)])
def test_escape_rate_is_half_the_inverse_of_the_exact_passage_time(stability, drive, tolerance):
    exact = 1 / (2 * mean_first_passage(stability, drive))
    assert escape_rate(stability=stability, attempt=1.0, drive=drive) == pytest.approx(exact, rel=tolerance)


def test_the_exact_passage_time_is_the_published_one():
    assert mean_first_passage(10, 0.0) == pytest.approx(6942.0, rel=1e-3)


def test_retention_agrees_with_a_sample_of_cells():
    weak = replace(MTJ, interface_anisotropy=1.17e-3)
    seconds, kelvin = 3.0e7, 358.0
    generator = np.random.default_rng(1)
    mean = weak.thermal_stability(kelvin)
    cells = generator.normal(mean, weak.sigma_barrier * mean, 200_000)
    attempt = relaxation_rate(weak, temperature=kelvin)
    flips = [-math.expm1(-seconds * escape_rate(stability=d, attempt=attempt)) for d in cells]
    error = 4 * np.std(flips) / math.sqrt(len(flips))
    found = retention_error_rate(weak, duration=seconds, temperature=kelvin)
    assert 1e-3 < found < 1
    assert found == pytest.approx(float(np.mean(flips)), abs=error)


def test_spread_of_the_barrier_makes_retention_worse():
    exact = replace(MTJ, sigma_barrier=0.0)
    ten_years = 3.15e8
    alone = retention_error_rate(exact, duration=ten_years, temperature=358.0)
    rate = escape_rate(stability=MTJ.thermal_stability(358.0), attempt=relaxation_rate(MTJ, temperature=358.0))
    assert alone == pytest.approx(-math.expm1(-rate * ten_years))
    assert retention_error_rate(MTJ, duration=ten_years, temperature=358.0) > 10 * alone


def test_read_disturb_rises_with_current_and_is_certain_above_critical():
    critical = MTJ.critical_current(358.0)
    quiet = read_disturb_rate(MTJ, current=critical / 5, duration=2e-9, temperature=358.0)
    loud = read_disturb_rate(MTJ, current=critical / 2, duration=2e-9, temperature=358.0)
    assert 0 < quiet < 1e-6 * loud
    certain = read_disturb_rate(MTJ, current=2 * critical, duration=1e-6, temperature=358.0)
    assert certain == pytest.approx(1.0)
