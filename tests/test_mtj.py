"""Error rates of the axial macrospin in closed form, against exact results."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from devicemodels.mtj import load_mtj
from devicemodels.mtj.energy import relaxation_rate
from devicemodels.mtj.switching import (
    escape_rate,
    read_disturb_rate,
    retention_error_rate,
    write_error,
    write_error_rate,
)

MTJ = load_mtj("mram22").device


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
    weak = replace(MTJ, interface_anisotropy=0.9 * MTJ.interface_anisotropy)
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
    exact = replace(MTJ, sigma_diameter=0.0, sigma_anisotropy=0.0)
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
