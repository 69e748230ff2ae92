"""Cells of an array: what is drawn, what follows from it, and the quadrature over all of them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devicemodels.errors import UserError
from devicemodels.mtj import load_mtj
from devicemodels.mtj.energy import anisotropy_density, barrier, coherent_barrier, nucleation_barrier
from devicemodels.mtj.variation import (
    SIGMAS,
    barrier_sensitivities,
    cell_currents,
    cells_at,
    quadrature,
    read_window,
    sample_cells,
    sigma_barrier,
    without_spread,
)

SPREADS = {"sigma_diameter": 0.02, "sigma_anisotropy": 0.01, "sigma_resistance_area": 0.04, "sigma_tmr": 0.03}
# A stiff layer reverses coherently, a soft one from a nucleus.
STIFF = replace(load_mtj("mram22").device, name="stiff", exchange_stiffness=1e-10, **SPREADS)
SOFT = replace(STIFF, name="soft", exchange_stiffness=5e-12)
CELLS = 40_000
STEPS = dict.fromkeys(SIGMAS, 0.5)


def test_cells_have_the_means_and_deviations_of_the_sheet():
    cells = sample_cells(STIFF, cells=CELLS, seed=1)
    for name, sigma in SIGMAS.items():
        relative = getattr(cells, name) / getattr(STIFF, name) - 1
        expected = getattr(STIFF, sigma)
        assert relative.shape == (CELLS,)
        assert np.mean(relative) == pytest.approx(0, abs=4 * expected / math.sqrt(CELLS))
        assert np.std(relative) == pytest.approx(expected, rel=4 / math.sqrt(2 * CELLS))


def test_the_seed_decides_and_nothing_else():
    first, same, other = (sample_cells(STIFF, cells=100, seed=seed) for seed in (5, 5, 6))
    assert (first.diameter == same.diameter).all() and (first.tmr_zero_bias == same.tmr_zero_bias).all()
    assert (first.diameter != other.diameter).all()
    assert np.corrcoef(first.diameter, first.interface_anisotropy)[0, 1] == pytest.approx(0, abs=0.4)


def test_an_array_is_every_cell_alone():
    cells = sample_cells(STIFF, cells=5, seed=2)
    for index in range(5):
        one = replace(STIFF, **{name: float(getattr(cells, name)[index]) for name in SIGMAS})
        assert cells.thermal_stability(358.0)[index] == pytest.approx(one.thermal_stability(358.0), rel=1e-12)
        assert cells.critical_current(358.0)[index] == pytest.approx(one.critical_current(358.0), rel=1e-12)
        assert cells.resistance(math.pi, 0.1)[index] == pytest.approx(one.resistance(math.pi, 0.1), rel=1e-12)


def test_resistance_and_barrier_are_correlated_through_the_diameter():
    """To first order rho = -(2 sigma_d)(S_d sigma_d) / (sigma_R sigma_E)."""
    cells = sample_cells(STIFF, cells=CELLS, seed=3)
    diameter, _ = barrier_sensitivities(STIFF)
    expected = -2 * diameter * STIFF.sigma_diameter**2 / (STIFF.sigma_resistance * sigma_barrier(STIFF))
    found = np.corrcoef(cells.resistance(0.0), cells.thermal_stability())[0, 1]
    assert expected < -0.1
    assert found == pytest.approx(expected, abs=5 / math.sqrt(CELLS))


def test_spreads_of_resistance_and_barrier_are_those_of_first_order():
    cells = sample_cells(STIFF, cells=CELLS, seed=4)
    resistance, stability = cells.resistance(0.0), cells.thermal_stability()
    assert np.std(resistance) / np.mean(resistance) == pytest.approx(STIFF.sigma_resistance, rel=0.02)
    diameter, anisotropy = barrier_sensitivities(STIFF)
    expected = math.hypot(diameter * STIFF.sigma_diameter, anisotropy * STIFF.sigma_anisotropy)
    assert np.std(stability) / np.mean(stability) == pytest.approx(expected, rel=0.02)
    assert sigma_barrier(STIFF) == pytest.approx(expected, rel=5e-3)


def test_a_seam_between_two_ways_to_reverse_makes_the_spread_one_sided():
    """At the seam the barrier is the smaller of a constant and a Gaussian of the same mean: half a Gaussian.

    With mean 0 and deviation 1, min(x, 0) has the variance 1/2 - 1/(2 pi).
    """
    ratio = coherent_barrier(STIFF, temperature=300.0) / nucleation_barrier(STIFF, temperature=300.0)
    seam = replace(
        STIFF, exchange_stiffness=STIFF.exchange_stiffness * ratio, sigma_anisotropy=0.002, sigma_exchange=0.0
    )
    assert sigma_barrier(seam) == pytest.approx(
        sigma_barrier(replace(STIFF, sigma_anisotropy=0.002)) * math.sqrt(1 / 2 - 1 / (2 * math.pi)), rel=0.03
    )


def test_a_given_correlation_is_drawn():
    matrix = np.eye(5)
    matrix[0, 1] = matrix[1, 0] = 0.6
    matrix[2, 3] = matrix[3, 2] = -0.4
    cells = sample_cells(STIFF, cells=CELLS, seed=5, correlation=matrix)
    found = np.corrcoef([getattr(cells, name) for name in SIGMAS])
    assert found == pytest.approx(matrix, abs=5 / math.sqrt(CELLS))


def test_sensitivity_of_a_macrospin_is_its_margin_over_shape():
    """E_b is proportional to K_eff = K_i s/t - shape, whose relative change per K_i is (K_eff + shape) / K_eff."""
    flat = replace(STIFF, interface_anisotropy=0.0)
    total, shape = (anisotropy_density(m, temperature=358.0) for m in (STIFF, flat))
    _, anisotropy = barrier_sensitivities(STIFF, temperature=358.0)
    assert anisotropy == pytest.approx((total - shape) / total, rel=1e-5)


def test_sensitivity_to_diameter_is_that_of_area_and_shape():
    """d ln E/d ln d = 2 + d ln K_eff/d ln d, the last by a parabola through other points than the code's."""
    ratios = np.array([0.99, 1.0, 1.01])
    densities = anisotropy_density(replace(STIFF, diameter=STIFF.diameter * ratios), temperature=300.0)
    slope = np.polyfit(np.log(ratios), np.log(densities), 2)[1]
    diameter, _ = barrier_sensitivities(STIFF)
    assert diameter == pytest.approx(2 + slope, rel=1e-4)


def test_a_nucleus_feels_neither_diameter_nor_anisotropy():
    assert barrier(SOFT, temperature=300.0) == nucleation_barrier(SOFT, temperature=300.0)
    assert barrier_sensitivities(SOFT) == (0.0, 0.0)
    assert sigma_barrier(SOFT) == pytest.approx(SOFT.sigma_exchange, rel=1e-6)
    assert barrier(STIFF, temperature=300.0) == coherent_barrier(STIFF, temperature=300.0)


def test_a_layer_in_the_plane_has_no_spread_of_a_barrier():
    assert sigma_barrier(replace(STIFF, interface_anisotropy=1e-4)) == 0.0


@given(st.floats(-5.0, 5.0), st.sampled_from(list(SIGMAS)))
def test_quadrature_has_the_exact_mean_of_an_exponential(slope, name):
    weight, cells = quadrature(STIFF, steps={name: 0.5}, radius=10.0)
    deviate = (getattr(cells, name) / getattr(STIFF, name) - 1) / getattr(STIFF, SIGMAS[name])
    assert weight.sum() == pytest.approx(1, rel=1e-12)
    assert weight @ np.exp(slope * deviate) == pytest.approx(math.exp(slope**2 / 2), rel=1e-5)


def test_quadrature_has_the_exact_moments_of_correlated_fields():
    matrix = np.eye(5)
    matrix[0, 1] = matrix[1, 0] = 0.5
    weight, cells = quadrature(STIFF, steps=STEPS | {"tmr_zero_bias": 1.0}, radius=6.0, correlation=matrix)
    diameter, anisotropy = (getattr(cells, name) / getattr(STIFF, name) - 1 for name in list(SIGMAS)[:2])
    assert weight @ diameter**2 == pytest.approx(STIFF.sigma_diameter**2, rel=1e-4)
    expected = 0.5 * STIFF.sigma_diameter * STIFF.sigma_anisotropy
    assert weight @ (diameter * anisotropy) == pytest.approx(expected, rel=1e-4)


def test_without_spread_there_is_one_cell():
    weight, cells = quadrature(without_spread(STIFF), steps=STEPS, radius=9.0)
    assert weight.tolist() == [1.0]
    assert [getattr(cells, name)[0] for name in SIGMAS] == [getattr(STIFF, name) for name in SIGMAS]


def test_deviates_out_of_reach_are_clipped():
    cells = cells_at(STIFF, deviates=np.full((5, 1), -1e9))
    assert cells.diameter[0] == pytest.approx(STIFF.diameter * (1 - 10 * STIFF.sigma_diameter))


@given(st.floats(0.0, 1e5), st.booleans())
def test_a_source_lies_between_fixed_voltage_and_fixed_current(series, antiparallel):
    cells = sample_cells(STIFF, cells=50, seed=7)

    def currents(resistance):
        return cell_currents(
            STIFF,
            cells,
            current=30e-6,
            series_resistance=resistance,
            temperature=300.0,
            antiparallel=antiparallel,
        )

    angle = math.pi if antiparallel else 0.0
    voltage_driven = 30e-6 * STIFF.resistance(angle) / cells.resistance(angle)
    assert currents(0.0) == pytest.approx(voltage_driven, rel=1e-12)
    assert (currents(math.inf) == 30e-6).all()
    between = (currents(series) - 30e-6) / (voltage_driven - 30e-6)
    assert ((between >= 0) & (between <= 1 + 1e-9)).all()


def test_read_window_is_tmr_in_deviations():
    assert read_window(STIFF, voltage=0.1, temperature=358.0) == pytest.approx(
        STIFF.tmr(0.1, 358.0) / math.hypot(0.04, 0.04)
    )
    assert read_window(without_spread(STIFF)) == math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_cells(STIFF, cells=0, seed=1), "the number of cells of stiff is 0; give one or more"),
        (
            lambda: sample_cells(replace(STIFF, sigma_diameter=0.2), cells=9, seed=1),
            "sigma_diameter of stiff is 0.2; give one from 0 to below 0.1",
        ),
        (lambda: sample_cells(replace(STIFF, sigma_tmr=math.nan), cells=9, seed=1), "sigma_tmr of stiff is nan; "),
        (lambda: sample_cells(STIFF, cells=9, seed=1, correlation=np.ones((5, 5))), "the correlation of diameter, "),
        (lambda: sample_cells(STIFF, cells=9, seed=1, correlation=np.eye(3)), "the correlation of diameter, "),
        (lambda: sample_cells(STIFF, cells=9, seed=1, correlation=2 * np.eye(5)), "the correlation of diameter, "),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(UserError) as refusal:
        call()
    assert str(refusal.value).startswith(message)
