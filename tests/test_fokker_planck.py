"""Fokker-Planck error rates and switching times against exact results and a spectral solution made otherwise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.special import eval_legendre

from devicemodels.errors import UserError
from devicemodels.mtj import _birth_death
from devicemodels.mtj.fokker_planck import (
    mean_switching_time,
    state_distribution,
    switching_probability,
    switching_rate,
    write_error_rate,
)

# Three methods agree on these: a fine finite-volume march, a Legendre series of 150 terms, and a Monte Carlo.
TABLE = [
    (43, 1.5, 4, 2.2342e-1),
    (43, 1.5, 6, 2.8696e-2),
    (43, 2, 4, 1.0804e-2),
    (43, 2, 6, 1.9021e-4),
    (43, 3, 4, 7.4190e-6),
    (43, 3, 6, 2.4897e-9),
]
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(1500)


def backward_generator(delta, drive, terms):
    """Generator of u(z, tau), the chance to be above zero after tau from z, on the Legendre terms 1 to `terms`.

    u' = (1/2 Delta) d/dz[(1-z^2) du/dz] + (1-z^2)(z-x) du/dz, with (1-z^2) P_l' = l(l+1)/(2l+1) (P_{l-1} - P_{l+1}).
    The constant term follows the others without acting back on them.
    """
    order = np.arange(terms + 2)
    gain = order * (order + 1) / (2 * order + 1)
    slope = np.diag(gain[1:], 1) - np.diag(gain[:-1], -1)
    z = np.diag((order / (2 * order + 1))[1:], 1) + np.diag(((order + 1) / (2 * order + 1))[:-1], -1)
    full = (z - drive * np.eye(terms + 2)) @ slope - np.diag(order * (order + 1) / (2 * delta))
    return full[1 : terms + 1, 1 : terms + 1]


def legendre_moments(density, points, terms):
    weights = density / density.sum()
    return np.array([weights @ eval_legendre(k, points) for k in range(1, terms + 1)]), weights


def spectral_write_errors(*, delta, overdrive, field=0.0, step, steps, terms=150):
    """Write errors (steps,) after step, 2 step, ...: a backward equation, in other words another basis, other times.

    The equilibrium is taken out of the start, so that the error is the decaying part plus the equilibrium's share.
    """
    drive = overdrive - field
    upper = (POINTS + 1) / 2
    both = np.concatenate((-upper, upper))
    start, _ = legendre_moments(WEIGHTS * np.exp(delta * (upper - 1) * (upper + 1 + 2 * field)), upper, terms)
    exponent = delta * both * (both - 2 * drive)
    rest, share = legendre_moments(np.tile(WEIGHTS, 2) * np.exp(exponent - exponent.max()), both, terms)
    at_zero = eval_legendre(np.arange(terms + 2), 0.0)
    survival = (at_zero[:-2] - at_zero[2:]) / 2  # of the step at z = 0
    propagator = expm(backward_generator(delta, drive, terms) * step)
    errors = []
    for _ in range(steps):
        survival = propagator @ survival
        errors.append((start - rest) @ survival + share[POINTS.size :].sum())
    return np.array(errors)


def exponent(z, delta, drive):
    return delta * (z**2 - 2 * drive * z)


def equilibrium_odds(delta, drive):
    """Logarithm of P(z < 0) / P(z > 0) in equilibrium, by quadrature from the highest point of each side."""

    def side(sign):
        peak = max(exponent(0.0, delta, drive), exponent(sign, delta, drive))
        edge = [sign * (1 - 1 / delta), sign / delta]
        return peak + math.log(
            quad(lambda z: math.exp(exponent(z, delta, drive) - peak), *sorted((0.0, sign)), points=edge, limit=200)[0]
        )

    return side(-1.0) - side(1.0)


@pytest.mark.parametrize(("delta", "overdrive", "time", "exact"), TABLE)
def test_write_error_table(delta, overdrive, time, exact):
    assert write_error_rate(delta=delta, overdrive=overdrive, reduced_time=time) == pytest.approx(exact, rel=3e-4)


@pytest.mark.parametrize("delta", [20.0, 35.0, 60.0, 80.0])
@pytest.mark.parametrize("overdrive", [1.2, 1.5, 2.0, 3.0, 5.0, 8.0])
def test_write_error_is_the_spectral_one_down_to_1e_18(delta, overdrive):
    steps = 24
    step = (42 + math.log(2 * delta)) / (2 * (overdrive - 1)) / steps
    terms = 220 if delta * overdrive > 300 else 130
    exact = spectral_write_errors(delta=delta, overdrive=overdrive, step=step, steps=steps, terms=terms)
    found = write_error_rate(delta=delta, overdrive=overdrive, reduced_time=step * np.arange(1, steps + 1))
    assert exact[-1] < 3e-18 < 0.1 < exact[0]
    np.testing.assert_allclose(found[exact > 1e-18], exact[exact > 1e-18], rtol=1e-3)


@pytest.mark.parametrize(
    ("delta", "overdrive", "field", "step"),
    [
        (20.0, 3.0, 0.5, 0.5),
        (43.0, 2.0, 0.3, 1.0),
        (43.0, 2.0, -0.3, 1.0),
        (80.0, 4.0, 1.0, 0.4),
        (43.0, 1.0, 0.0, 3.0),  # at the threshold
        (43.0, 0.8, 0.0, 30.0),  # below it
        (20.0, 0.3, 0.0, 1e3),
        (1.0, 3.0, 0.2, 0.5),
        (0.1, 3.0, 0.0, 0.05),
    ],
)
def test_write_error_is_the_spectral_one_with_field_and_below_threshold(delta, overdrive, field, step):
    exact = spectral_write_errors(delta=delta, overdrive=overdrive, field=field, step=step, steps=8)
    times = step * np.arange(1, 9)
    found = write_error_rate(delta=delta, overdrive=overdrive, reduced_time=times, field=field)
    switched = switching_probability(delta=delta, overdrive=overdrive, reduced_time=times, field=field)
    np.testing.assert_allclose(found, exact, rtol=1e-3)
    reached = exact < 0.95  # before, it is the front of the moving density
    np.testing.assert_allclose(switched[reached], 1 - exact[reached], rtol=5e-3)


def test_the_error_of_the_mesh_falls_with_the_square_of_the_cell():
    exact = spectral_write_errors(delta=43.0, overdrive=1.5, step=6.0, steps=1)[0]
    point = [np.array([value]) for value in (43.0, 1.5, 0.0)]
    coarse, fine = _birth_death.sides(*point, np.array([0, 1]), np.array([6.0]))[:, 0, 1]
    assert math.log(coarse / exact) / math.log(fine / exact) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(
    ("delta", "overdrive", "field", "times"),
    [
        (43.0, 2.0, 0.0, [0.0, 1e-3, 0.1, 1.0, 4.0, 20.0]),
        (80.0, 8.0, 0.0, [0.01, 0.1, 1.0, 3.3]),
        (80.0, 1.2, -0.1, [1.0, 100.0]),
        (20.0, 0.3, 0.5, [1.0, 1e4, 1e12]),
        (0.05, 0.0, 0.0, [1e-3, 1.0]),
    ],
)
def test_density_is_positive_and_none_is_lost(delta, overdrive, field, times):
    state = state_distribution(delta=delta, overdrive=overdrive, reduced_time=times, field=field)
    assert state.probability.shape == (len(times), state.edges.size - 1)
    assert state.density.min() >= 0
    assert state.density[-1].min() > 0  # the first may be too short for the farthest cells
    assert np.abs(state.probability.sum(axis=1) - 1).max() < 1e-12


def test_distribution_comes_in_the_order_of_the_times():
    forward = state_distribution(delta=43.0, overdrive=2.0, reduced_time=[1.0, 2.0, 4.0])
    mixed = state_distribution(delta=43.0, overdrive=2.0, reduced_time=[4.0, 1.0, 2.0])
    np.testing.assert_array_equal(mixed.probability, forward.probability[[2, 0, 1]])
    upper = forward.edges[:-1] >= 0
    errors = write_error_rate(delta=43.0, overdrive=2.0, reduced_time=[1.0, 2.0, 4.0])
    np.testing.assert_allclose(forward.probability[:, upper].sum(axis=1), errors, rtol=5e-3)


@pytest.mark.parametrize(
    ("delta", "drive", "time"),
    [
        (3.0, 1.0, 12.0),  # by the march alone
        (43.0, 2.0, 8.0),
        (80.0, 8.0, 1.4),
        (3.0, 0.0, 1e9),  # long after it
        (10.0, 0.5, 1e9),
        (80.0, 8.0, 1e9),
    ],
)
def test_the_steady_density_is_boltzmanns_with_current_as_a_field(delta, drive, time):
    def moment(power):
        top = max(exponent(-1, delta, drive), exponent(1, delta, drive))
        edge = [-1 + 1 / delta, 1 - 1 / delta]
        return quad(lambda z: z**power * math.exp(exponent(z, delta, drive) - top), -1, 1, points=edge, limit=200)[0]

    state = state_distribution(delta=delta, overdrive=drive, reduced_time=time)
    z = (state.edges[1:] + state.edges[:-1]) / 2
    for power in (1, 2, 4):
        expected = moment(power) / moment(0)
        assert state.probability[0] @ z**power == pytest.approx(expected, abs=1e-3)
        assert 1 - abs(state.probability[0] @ z**power) == pytest.approx(1 - abs(expected), rel=2e-2)


def test_moments_at_delta_3():
    state = state_distribution(delta=3.0, overdrive=0.0, reduced_time=1e6)
    z = (state.edges[1:] + state.edges[:-1]) / 2
    assert state.probability[0] @ z**2 == pytest.approx(0.6262, rel=2e-3)
    assert state.probability[0] @ z**4 == pytest.approx(0.4798, rel=2e-3)


def test_without_a_barrier_legendre_moments_decay_as_in_free_rotation():
    """P_l(cos theta) decays as exp[-l(l+1) D tau] with D = 1/(2 Delta); what is left of the barrier adds some Delta."""
    delta, times = 0.01, np.array([0.0, 0.004, 0.01])
    state = state_distribution(delta=delta, overdrive=0.0, reduced_time=times)
    for order in (1, 3):
        series = np.polynomial.legendre.Legendre.basis(order).integ()
        mean = state.density @ np.diff(series(state.edges))
        np.testing.assert_allclose(mean / mean[0], np.exp(-order * (order + 1) * times / (2 * delta)), atol=delta)


@pytest.mark.parametrize(("delta", "exact"), [(5.0, 75.679), (10.0, 6942.0), (20.0, 1.014376e8)])
def test_mean_time_from_the_pole_to_the_barrier_top(delta, exact):
    assert mean_switching_time(delta=delta) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize(("delta", "product"), [(5.0, 1.0248), (10.0, 1.0004), (20.0, 1.00006)])
def test_slowest_rate_times_mean_time(delta, product):
    slowest = 2 * switching_rate(delta=delta)  # both ways alike
    assert slowest * mean_switching_time(delta=delta) == pytest.approx(product, rel=3e-4)


@pytest.mark.parametrize(
    ("delta", "drive", "target"),
    [
        (5.0, 0.0, 0.0),
        (5.0, 0.4, -0.5),
        (20.0, 0.5, 0.5),
        (30.0, 1.5, 0.0),
        (80.0, 8.0, 0.0),
        (10.0, -0.3, 0.0),
        (80, 0, 0),
    ],
)
def test_mean_switching_time_is_its_double_integral(delta, drive, target):
    def inner(z):
        def integrand(above):
            return math.exp(exponent(above, delta, drive) - exponent(z, delta, drive))

        edges = [1 - (1 - z) / 2**k for k in range(1, 12)]
        return quad(integrand, z, 1, points=edges, limit=200)[0] * 2 * delta / (1 - z * z)

    edges = [1 - (1 - target) / 2**k for k in range(1, 12)]
    expected = quad(inner, target, 1, points=edges, limit=200, epsabs=0, epsrel=1e-7)[0]
    assert mean_switching_time(delta=delta, overdrive=drive, target=target) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("drive", [0.0, 0.3])
def test_rates_approach_browns_asymptote_as_one_over_delta(drive):
    delta = np.array([40.0, 80.0, 160.0])
    brown = np.sqrt(delta / np.pi) * (1 - drive**2) * (1 - drive) * np.exp(-delta * (1 - drive) ** 2)
    excess = switching_rate(delta=delta, overdrive=drive) / brown - 1
    assert np.abs(excess[0]) < 0.1
    np.testing.assert_allclose(excess[:-1] / excess[1:], 2, rtol=0.1)


def test_a_cell_at_the_barrier_top_turns_back_half_the_time():
    top, beyond = mean_switching_time(delta=60.0, target=[0.0, -0.6])
    assert beyond / top == pytest.approx(2, rel=1e-6)
    assert 2 * top * switching_rate(delta=60.0) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(
    ("delta", "drive"), [(5.0, 0.2), (20.0, 0.6), (43.0, 0.9), (43.0, 1.5), (80.0, 2.0), (80.0, 8.0), (0.1, 0.5)]
)
def test_switching_rate_is_the_spectral_one(delta, drive):
    terms = 220 if delta * drive > 300 else 130
    slowest = -np.linalg.eigvals(backward_generator(delta, drive, terms)).real.max()
    share = 1 / (1 + math.exp(-equilibrium_odds(delta, drive)))
    assert switching_rate(delta=delta, overdrive=drive) == pytest.approx(slowest * share, rel=5e-4)


@given(st.floats(1.0, 300.0), st.floats(-1.5, 1.5))
@settings(deadline=None, max_examples=30)
def test_rates_there_and_back_are_in_detailed_balance(delta, drive):
    there, back = switching_rate(delta=delta, overdrive=[drive, -drive])
    if min(there, back) > 1e-300:
        assert math.log(there / back) == pytest.approx(equilibrium_odds(delta, drive), abs=4e-3)


def test_error_rates_go_on_falling_by_the_slowest_rate():
    times = np.array([5.0, 10.0, 50.0, 120.0])
    errors = write_error_rate(delta=80.0, overdrive=3.0, reduced_time=times)
    slowest = -np.linalg.eigvals(backward_generator(80.0, 3.0, 200)).real.max()
    assert 1e-230 < errors[-1] < 1e-200
    np.testing.assert_allclose(np.diff(np.log(errors)), -slowest * np.diff(times), rtol=1e-4)


@pytest.mark.parametrize(("delta", "overdrive", "shortest"), [(60.0, 0.2, 1e-12), (50.0, 0.3, 1e-6)])
def test_disturb_of_a_long_read_is_the_rate_times_its_length(delta, overdrive, shortest):
    rate = switching_rate(delta=delta, overdrive=overdrive)
    times = np.array([shortest, 1e-3, 2.0]) / rate
    found = switching_probability(delta=delta, overdrive=overdrive, reduced_time=times)
    back = equilibrium_odds(delta, overdrive)
    assert back > 10  # cells do not come back
    np.testing.assert_allclose(found, -np.expm1(-rate * times), rtol=2e-3)


@given(
    delta=st.floats(5.0, 80.0),
    overdrive=st.floats(0.0, 6.0),
    time=st.floats(0.01, 30.0),
    field=st.floats(-0.4, 1.0),
    more=st.floats(0.02, 1.0),
)
@settings(deadline=None, max_examples=40)
def test_longer_and_stronger_pulses_fail_less_and_a_field_along_p_holds(delta, overdrive, time, field, more):
    def error(overdrive=overdrive, time=time, field=field):
        return write_error_rate(delta=delta, overdrive=overdrive, reduced_time=time, field=field)

    slack = 1 + 1e-3
    assert 0 <= error(time=time + more) <= error() * slack <= slack
    assert error(overdrive=overdrive + more) <= error() * slack
    # Fields against P end the well at z > 0, so that their cells start further from the middle: no order is claimed.
    assert error(field=abs(field)) <= error(field=abs(field) + more) * slack
    switched = switching_probability(delta=delta, overdrive=overdrive, reduced_time=time, field=field)
    assert switched + error() == pytest.approx(1, abs=1e-15)


@given(st.floats(1.0, 80.0), st.floats(-1.0, 5.0), st.floats(-2.0, 2.0))
@settings(deadline=None, max_examples=25)
def test_a_current_is_a_field(delta, drive, field):
    both = {"delta": delta, "overdrive": [drive, drive + field], "field": [0.0, field]}
    for quantity in (mean_switching_time, switching_rate):
        alone, together = quantity(**both)
        assert together == pytest.approx(alone, rel=1e-6)


def test_arrays_broadcast_and_agree_with_single_points():
    delta, overdrive = np.array([[30.0], [50.0]]), np.array([1.5, 0.5, 3.0])
    arguments = {"delta": delta, "overdrive": overdrive, "field": 0.1}
    for function, more in (
        (write_error_rate, {"reduced_time": np.array([3.0, 1e5, 0.5])}),
        (switching_probability, {"reduced_time": 2.0}),
        (switching_rate, {}),
        (mean_switching_time, {}),
    ):
        found = function(**arguments, **more)
        assert found.shape == (2, 3)
        for row, column in np.ndindex(2, 3):
            time = {name: np.broadcast_to(value, 3)[column] for name, value in more.items()}
            single = function(delta=delta[row, 0], overdrive=overdrive[column], field=0.1, **time)
            assert isinstance(single, float)
            assert found[row, column] == pytest.approx(single, rel=1e-12)


def test_times_in_one_march_agree_with_marches_of_their_own():
    times = np.array([5.0, 0.0, 300.0, 1.0, 1.0])
    together = write_error_rate(delta=43.0, overdrive=1.5, reduced_time=times)
    alone = [write_error_rate(delta=43.0, overdrive=1.5, reduced_time=time) for time in times]
    np.testing.assert_allclose(together, alone, rtol=1e-9)
    assert together[1] == 1.0
    assert write_error_rate(delta=np.empty(0), overdrive=2.0, reduced_time=1.0).shape == (0,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"delta": -1.0}, "delta is -1: the Fokker-Planck solution holds from 0.01 to 300; give one within"),
        ({"delta": math.nan}, "delta is nan"),
        ({"delta": [43.0, 400.0]}, "delta is 400"),
        ({"overdrive": math.inf}, "overdrive is inf"),
        ({"overdrive": 21.0}, "overdrive is 21: the Fokker-Planck solution holds to 20 either way; give less"),
        ({"overdrive": 15.0, "field": -0.5, "delta": 0.0}, "delta is 0"),
        ({"overdrive": -15.0, "field": 6.0}, "overdrive less field is -21"),
        ({"field": -1.0}, "field is -1: no P state is left to start from; give one above -1"),
        ({"reduced_time": -1.0}, "reduced_time is -1; give a finite value that is not negative"),
        ({"reduced_time": math.inf}, "reduced_time is inf"),
    ],
)
def test_what_is_out_of_range_is_refused(wrong, message):
    arguments = {"delta": 43.0, "overdrive": 2.0, "reduced_time": 4.0} | wrong
    with pytest.raises(UserError, match=message):
        write_error_rate(**arguments)


def test_a_pole_is_no_target():
    with pytest.raises(UserError, match="target is -1: the time to a pole is infinite; give one above -1 and below 1"):
        mean_switching_time(delta=20.0, target=-1.0)
