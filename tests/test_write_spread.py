"""Write errors over the spread of cells: against the equation itself, samples, and the log-normal law."""

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, skew

from devicemodels.error_correction import array_failure, secded
from devicemodels.errors import UserError
from devicemodels.mtj import load_mtj
from devicemodels.mtj.energy import anisotropy_field, reduced_stray_field, relaxation_rate
from devicemodels.mtj.fokker_planck import write_error_rate
from devicemodels.mtj.variation import SIGMAS, cell_currents, sample_cells, without_spread
from devicemodels.mtj.write_spread import cell_write_error_rates, mean_write_error_rate

SPREADS = {"sigma_diameter": 0.01, "sigma_anisotropy": 0.006, "sigma_resistance_area": 0.03, "sigma_tmr": 0.03}
MTJ = replace(load_mtj("mram22").device, name="junction", **SPREADS)
STEP = 1 / relaxation_rate(MTJ, temperature=300.0)
"""One unit of reduced time, in seconds."""
FEW = 60
"""Cells for which the equation is solved one by one, of the many that are interpolated."""
CURRENT = 2 * MTJ.critical_current(300.0)


def only(**sigmas):
    return replace(without_spread(MTJ), **sigmas)


def few(cells):
    return replace(cells, **{name: getattr(cells, name)[:FEW] for name in SIGMAS})


def direct(cells, *, current, pulse, series_resistance):
    """The equation solved for each cell with its own barrier, overdrive, time and field."""
    through = cell_currents(
        MTJ, cells, current=current, series_resistance=series_resistance, temperature=300.0, antiparallel=False
    )
    return write_error_rate(
        delta=cells.thermal_stability(300.0),
        overdrive=through / cells.critical_current(300.0),
        reduced_time=relaxation_rate(cells, temperature=300.0) * pulse,
        field=reduced_stray_field(cells, temperature=300.0),
    )


@pytest.mark.parametrize(("units", "series_resistance"), [(4, math.inf), (10, 0.0)])
def test_cells_have_the_error_of_the_equation(units, series_resistance):
    cells = sample_cells(replace(MTJ, sigma_anisotropy=0.02), cells=20_000, seed=1)
    settings = {"current": CURRENT, "pulse": units * STEP, "series_resistance": series_resistance}
    found = cell_write_error_rates(MTJ, cells, **settings)
    assert found[:FEW] == pytest.approx(direct(few(cells), **settings), rel=1e-3)


def test_a_stray_field_acts_in_every_cell():
    tilted = replace(MTJ, stray_field=0.1 * anisotropy_field(MTJ, temperature=300.0))
    cells = sample_cells(tilted, cells=20_000, seed=2)
    settings = {"current": CURRENT, "pulse": 6 * STEP, "series_resistance": math.inf}
    found = cell_write_error_rates(tilted, cells, **settings)
    assert found[:FEW] == pytest.approx(direct(few(cells), **settings), rel=2e-2)
    away = cell_write_error_rates(tilted, cells, **(settings | {"current": -CURRENT}))
    assert (away < found).all()


def test_without_spread_it_is_the_nominal_cell():
    expected = write_error_rate(delta=MTJ.thermal_stability(300.0), overdrive=2.0, reduced_time=8.0)
    found = mean_write_error_rate(without_spread(MTJ), current=CURRENT, pulse=8 * STEP)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("series_resistance", [math.inf, 2000.0, 0.0])
def test_the_integral_is_the_mean_of_a_sample(series_resistance):
    settings = {"current": CURRENT, "pulse": 7 * STEP, "series_resistance": series_resistance}
    cells = sample_cells(MTJ, cells=200_000, seed=3)
    errors = cell_write_error_rates(MTJ, cells, **settings)
    noise = np.std(errors) / math.sqrt(len(errors))
    assert mean_write_error_rate(MTJ, **settings) == pytest.approx(np.mean(errors), abs=4 * noise)
    assert noise < 0.02 * np.mean(errors)


def test_the_integral_holds_for_correlated_cells():
    matrix = np.eye(len(SIGMAS))
    matrix[0, 1] = matrix[1, 0] = 0.7
    settings = {"current": CURRENT, "pulse": 7 * STEP}
    cells = sample_cells(MTJ, cells=200_000, seed=4, correlation=matrix)
    errors = cell_write_error_rates(MTJ, cells, **settings)
    noise = np.std(errors) / math.sqrt(len(errors))
    correlated = mean_write_error_rate(MTJ, correlation=matrix, **settings)
    assert correlated == pytest.approx(np.mean(errors), abs=4 * noise)
    assert correlated > mean_write_error_rate(MTJ, **settings) + 8 * noise


@functools.cache
def logarithms(units):
    """ln WER of cells whose RA and anisotropy are spread, at a fixed voltage: the case of Imamura (2022)."""
    spread = only(sigma_resistance_area=0.02, sigma_anisotropy=0.004)
    cells = sample_cells(spread, cells=20_000, seed=5)
    return np.log(cell_write_error_rates(spread, cells, current=CURRENT, pulse=units * STEP, series_resistance=0.0))


@pytest.mark.parametrize("units", [6, 10])
def test_the_error_rate_is_log_normal(units):
    values = logarithms(units)
    levels = np.array([0.02, 0.16, 0.5, 0.84, 0.98])
    normal = norm.ppf(levels, loc=np.mean(values), scale=np.std(values))
    assert abs(skew(values)) < 0.3
    assert np.quantile(values, levels) == pytest.approx(normal, abs=0.12 * np.std(values))


def test_its_width_is_that_of_the_sensitivities():
    """d ln WER by central differences of the equation, for RA and K_i; independent, so they add in squares."""

    def log_error(name, deviation):
        cell = replace(MTJ, **{name: getattr(MTJ, name) * (1 + deviation)})
        return math.log(
            write_error_rate(
                delta=cell.thermal_stability(300.0),
                overdrive=CURRENT * cell.resistance_area**-1 * MTJ.resistance_area / cell.critical_current(300.0),
                reduced_time=relaxation_rate(cell, temperature=300.0) * 10 * STEP,
            )
        )

    parts = [
        (log_error(name, sigma) - log_error(name, -sigma)) / 2
        for name, sigma in (("resistance_area", 0.02), ("interface_anisotropy", 0.004))
    ]
    assert np.std(logarithms(10)) == pytest.approx(math.hypot(*parts), rel=0.04)


def test_a_shorter_pulse_has_the_smaller_coefficient_of_variation():
    short, long = (np.std(np.exp(logarithms(units))) / np.mean(np.exp(logarithms(units))) for units in (6, 10))
    assert short < 0.8 * long


@given(st.floats(1.6, 3.0), st.floats(6.0, 12.0))
@settings(max_examples=5, deadline=None)
def test_spread_never_helps_rare_errors(overdrive, units):
    current, pulse = overdrive * MTJ.critical_current(300.0), units * STEP
    nominal = mean_write_error_rate(without_spread(MTJ), current=current, pulse=pulse)
    assert mean_write_error_rate(MTJ, current=current, pulse=pulse) > nominal


def test_the_mean_is_what_an_array_fails_by():
    """Failures of words of 72 sampled cells, one write each, against the binomial in the mean."""
    spread = replace(MTJ, sigma_anisotropy=0.015)
    code = secded(64)
    settings = {"current": CURRENT, "pulse": 4.5 * STEP}
    errors = cell_write_error_rates(spread, sample_cells(spread, cells=72 * 4000, seed=6), **settings).reshape(-1, 72)
    wrong = np.random.default_rng(7).random(errors.shape) < errors
    expected = float(array_failure(mean_write_error_rate(spread, **settings), code=code, words=1))
    assert 0.01 < expected < 0.5
    assert np.mean(np.sum(wrong, axis=1) > 1) == pytest.approx(expected, abs=4 * math.sqrt(expected / 4000))


def test_a_cell_that_keeps_nothing_is_a_coin():
    flat = replace(without_spread(MTJ), interface_anisotropy=1e-4)
    assert mean_write_error_rate(flat, current=CURRENT, pulse=STEP) == 0.5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"current": math.inf}, "the write current of junction is inf A; give a finite value"),
        ({"pulse": 0.0}, "the write pulse of junction is 0 s; give a finite value above zero"),
        ({"temperature": -1.0}, "the temperature is -1 K, "),
        ({"series_resistance": math.nan}, "the series resistance of junction is nan ohm; give zero or more"),
    ],
)
def test_bad_input_is_refused(wrong, message):
    with pytest.raises(UserError) as refusal:
        mean_write_error_rate(MTJ, **({"current": CURRENT, "pulse": 5 * STEP} | wrong))
    assert str(refusal.value).startswith(message)
