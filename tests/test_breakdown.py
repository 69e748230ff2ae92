"""Breakdown of the barrier: the Weibull law, its scaling in voltage, area and pulse, and arrays with a code."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devicemodels.error_correction import allowed_bit_error, array_failure, secded
from devicemodels.errors import UserError
from devicemodels.mtj import load_mtj
from devicemodels.mtj.breakdown import breakdown_per_write, breakdown_probability, characteristic_life, endurance

DIAMETER = 45e-9
MTJ = replace(
    load_mtj("mram22").device,
    name="junction",
    diameter=DIAMETER,
    breakdown_area=math.pi * DIAMETER**2 / 4,
    breakdown_voltage=1.0,
    breakdown_time=2.0,
    breakdown_exponent=45.0,
    breakdown_slope=1.5,
)


def test_sixty_three_per_cent_fail_in_the_characteristic_life():
    assert characteristic_life(MTJ, voltage=1.0) == pytest.approx(2.0)
    assert breakdown_probability(MTJ, voltage=1.0, pulse=2e-8, writes=1e8) == pytest.approx(1 - math.exp(-1))


def test_the_weibull_plot_has_the_slope_and_the_voltage_its_exponent():
    writes = np.array([1e4, 1e5, 1e6])
    weibits = np.log(-np.log1p(-breakdown_probability(MTJ, voltage=0.9, pulse=1e-8, writes=writes)))
    assert np.diff(weibits) == pytest.approx(1.5 * math.log(10), rel=1e-9)
    ratio = endurance(MTJ, voltage=-0.5, pulse=1e-8) / endurance(MTJ, voltage=0.55, pulse=1e-8)
    assert ratio == pytest.approx(1.1**45)


@given(st.integers(2, 50), st.floats(0.3, 1.0))
def test_a_large_junction_is_a_chain_of_small_ones(parts, voltage):
    large = replace(MTJ, diameter=DIAMETER * math.sqrt(parts))
    one, chain = (breakdown_probability(j, voltage=voltage, pulse=1e-8, writes=1e8) for j in (MTJ, large))
    assert np.log1p(-chain) == pytest.approx(parts * np.log1p(-one), rel=1e-6, abs=0)
    assert characteristic_life(large, voltage=voltage) == pytest.approx(
        characteristic_life(MTJ, voltage=voltage) * parts ** (-1 / 1.5)
    )


@given(st.floats(0.2, 1.3), st.floats(1e-10, 1e-6), st.floats(1e-12, 0.999))
def test_endurance_is_where_that_fraction_has_failed(voltage, pulse, failure):
    writes = endurance(MTJ, voltage=voltage, pulse=pulse, failure=failure)
    assert breakdown_probability(MTJ, voltage=voltage, pulse=pulse, writes=writes) == pytest.approx(failure, rel=1e-9)
    assert endurance(MTJ, voltage=voltage, pulse=2 * pulse, failure=failure) == pytest.approx(writes / 2)
    assert endurance(MTJ, voltage=1.01 * voltage, pulse=pulse, failure=failure) < writes


@given(st.floats(0.5, 3.0), st.integers(1, 300))
def test_surviving_write_after_write_is_surviving_all(slope, writes):
    worn = replace(MTJ, breakdown_slope=slope)
    each = breakdown_per_write(worn, voltage=1.3, pulse=1e-8, writes=np.arange(writes))
    total = breakdown_probability(worn, voltage=1.3, pulse=1e-8, writes=writes)
    assert -math.expm1(np.sum(np.log1p(-each))) == pytest.approx(float(total), rel=1e-9)


def test_the_next_write_of_an_old_junction_is_the_derivative_of_the_hazard():
    old = 1e15
    hazard = (1e-8 / characteristic_life(MTJ, voltage=0.4)) ** 1.5 * 1.5 * old**0.5
    assert breakdown_per_write(MTJ, voltage=0.4, pulse=1e-8, writes=old) == pytest.approx(hazard, rel=1e-9)


def test_without_memory_every_write_is_as_dangerous():
    worn = replace(MTJ, breakdown_slope=1.0)
    each = breakdown_per_write(worn, voltage=0.9, pulse=1e-8, writes=[0, 1, 1e3, 1e9])
    assert each == pytest.approx(-math.expm1(-1e-8 / characteristic_life(worn, voltage=0.9)), rel=1e-9)


def test_a_code_prolongs_the_life_of_an_array():
    code, words = secded(64), 2**20
    bare = endurance(MTJ, voltage=0.5, pulse=1e-8, failure=-math.expm1(math.log1p(-0.01) / (72 * words)))
    coded = endurance(MTJ, voltage=0.5, pulse=1e-8, failure=allowed_bit_error(0.01, code=code, words=words))
    worn = breakdown_probability(MTJ, voltage=0.5, pulse=1e-8, writes=coded)
    assert array_failure(worn, code=code, words=words) == pytest.approx(0.01)
    assert coded > 100 * bare


def test_no_voltage_breaks_nothing():
    assert endurance(MTJ, voltage=0.0, pulse=1e-8) == math.inf
    assert breakdown_probability(MTJ, voltage=0.0, pulse=1e-8, writes=1e18) == 0.0
    assert breakdown_per_write(MTJ, voltage=0.0, pulse=1e-8, writes=1e18) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: characteristic_life(MTJ, voltage=math.nan), "the stress voltage of junction is nan V; give a finite"),
        (
            lambda: endurance(MTJ, voltage=0.5, pulse=0.0),
            "the write pulse of junction is 0 s; give a finite value above",
        ),
        (
            lambda: endurance(MTJ, voltage=0.5, pulse=1e-8, failure=1.0),
            "the failure probability that sets the endurance",
        ),
        (
            lambda: breakdown_probability(MTJ, voltage=0.5, pulse=1e-8, writes=-1),
            "the number of writes to junction is -1; give a finite value that is not negative",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(UserError) as refusal:
        call()
    assert str(refusal.value).startswith(message)
