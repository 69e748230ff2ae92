"""Error rates of many devices at once, against the full sums of `mtj` and the equation itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devicemodels.macro.cell_errors import RATE_TABLE, TEN_YEARS, cell_errors, solve_rates
from devicemodels.mtj import load_mtj
from devicemodels.mtj.fokker_planck import write_error_rate
from devicemodels.mtj.reliability import read_disturb_rate
from devicemodels.mtj.write_error_table import TABLE, solve_table, tabulated_write_error
from devicemodels.mtj.write_spread import mean_write_error_rate

MTJS = {name: load_mtj(name).device for name in ("mram22", "mram16", "mram14")}


def rates(mtj, *, temperature=300.0, overdrive=1.6, **changes):
    critical = mtj.critical_current(temperature)
    settings = {"write_current": overdrive * critical, "write_pulse": 20e-9, "write_attempts": 2}
    settings |= {"read_current": 0.25 * critical, "read_duration": 1e-9, "series_resistance": 3000.0}
    return cell_errors(mtj, temperature=temperature, **(settings | changes))


@pytest.mark.parametrize("temperature", [300.0, 400.0])
@pytest.mark.parametrize("name", MTJS)
def test_rates_are_the_full_sums_within_two_per_cent(name, temperature):
    mtj = MTJS[name]
    critical, found = mtj.critical_current(temperature), rates(mtj, temperature=temperature)
    write = mean_write_error_rate(mtj, current=1.6 * critical, pulse=20e-9, temperature=temperature)
    disturb = read_disturb_rate(
        mtj, current=0.25 * critical, duration=1e-9, temperature=temperature, series_resistance=3000.0
    )
    assert found.write == pytest.approx(write, rel=0.02)
    assert found.disturb == pytest.approx(disturb, rel=0.02)
    assert found.retention == pytest.approx(mtj.retention_failure(TEN_YEARS, temperature), rel=0.02)


def test_many_devices_are_each_near_their_own():
    mtj = MTJS["mram22"]
    factors = np.linspace(0.9, 1.1, 20)
    many = rates(replace(mtj, diameter=mtj.diameter * factors), temperature=358.0)
    for factor, write, disturb in zip(factors[::5], many.write[::5], many.disturb[::5], strict=True):
        one = rates(replace(mtj, diameter=mtj.diameter * factor), temperature=358.0)
        assert write == pytest.approx(float(one.write), rel=0.05)
        assert disturb == pytest.approx(float(one.disturb), rel=0.05)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.0, 0.3), st.floats(0.0, 0.3))
def test_more_read_current_disturbs_more_and_in_between_is_interpolated(first, second):
    low, high = sorted((first, second))
    critical = MTJS["mram22"].critical_current(300.0)
    currents = critical * np.array([low, (low + high) / 2, high])
    found = rates(MTJS["mram22"], read_current=currents).disturb
    assert (np.diff(found) >= 0).all()
    alone = rates(MTJS["mram22"], read_current=currents[1]).disturb
    assert found[1] == pytest.approx(alone, rel=0.02)


@settings(max_examples=15, deadline=None)
@given(st.floats(20.0, 150.0), st.floats(1.2, 5.0), st.floats(2.0, 45.0))
def test_the_table_is_the_equation(delta, overdrive, progress):
    time = progress / (2 * (overdrive - 1) + 0.5)
    exact = write_error_rate(delta=delta, overdrive=overdrive, reduced_time=time)
    if exact > 1e-21:
        found = tabulated_write_error(delta=delta, overdrive=overdrive, reduced_time=time)
        assert found == pytest.approx(exact, rel=0.025)


def test_the_table_is_what_its_own_solver_gives():
    assert np.load(TABLE) == pytest.approx(solve_table(), abs=1e-4)


def test_the_escape_rates_are_what_their_own_solver_gives():
    assert np.load(RATE_TABLE) == pytest.approx(solve_rates(), abs=1e-9)
