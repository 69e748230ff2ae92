"""The stochastic ensemble against exact results: flow, noise, equilibrium, write errors, bits."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial
from numpy.polynomial import legendre as legendre_series
from scipy import stats
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq, minimize_scalar

from devicemodels.errors import UserError
from devicemodels.mtj import _ensemble, energy, load_mtj
from devicemodels.mtj.dynamics import Phase, Stretch, _noise, _torque, advance, simulate_ensemble, simulate_phases
from devicemodels.mtj.energy import GYROMAGNETIC
from devicemodels.mtj.equilibrium import tempered_states, thermal_states
from devicemodels.mtj.fokker_planck import write_error_rate
from devicemodels.mtj.macrospin import Macrospin, driven, step_limit, steps_of

MTJ = load_mtj("mram22").device
H_K = 2e5


def perpendicular(*, damping=0.1, delta=math.inf, overdrive=0.0, field=0.0):
    """A uniaxial macrospin with the given barrier over kT, current over I_c0 and field over H_k."""
    return Macrospin(
        anisotropy=(0.0, 0.0, H_K),
        field=(0.0, 0.0, field * H_K),
        damping_like=(0.0, 0.0, -damping * overdrive * H_K),
        damping=damping,
        diffusion=reduced_rate(damping) / (2 * delta),
    )


def reduced_rate(damping):
    return damping * GYROMAGNETIC * H_K / (1 + damping**2)


def run(spin, states, duration, *, step=None, seed=1):
    """Final states after `duration`, with steps no longer than `step`."""
    steps = math.ceil(duration / (step or step_limit(spin) / 3))
    return advance(Stretch(spin, steps, duration / steps), np.atleast_2d(states), seed=seed)[0]


def tilted(angle, azimuth=0.0):
    return [math.sin(angle) * math.cos(azimuth), math.sin(angle) * math.sin(azimuth), math.cos(angle)]


def score(values, mean):
    """Deviation of the mean of independent values from `mean`, in standard errors."""
    return (np.mean(values) - mean) / (np.std(values) / math.sqrt(len(values)))


def binomial_score(count, trials, probability):
    return (count - trials * probability) / math.sqrt(trials * probability * (1 - probability))


# --- Random numbers


@pytest.mark.parametrize(
    ("counter", "seed", "words"),
    [  # The known answers of the Random123 distribution (Salmon et al. 2011), seven rounds.
        ((0, 0, 0, 0), 0, "5f6fb709 0d893f64 4f121f81 4f730a48"),
        ((0xFFFFFFFF,) * 4, 0xFFFFFFFF_FFFFFFFF, "5207ddc2 45165e59 4d8ee751 8c52f662"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0_A4093822,
            "4dfccaba 190a87f0 c47362ba b6b5242a",
        ),
    ],
)
def test_philox_gives_its_known_answers(counter, seed, words):
    out = np.empty((4, 1), dtype=np.uint32)
    _ensemble.philox(*map(np.uint64, counter), np.uint64(seed), out)
    assert " ".join(f"{w:08x}" for w in out[:, 0]) == words


def normal_numbers(count, call=0, seed=3):
    words, out = np.empty((4, count), dtype=np.uint32), np.empty((4, count), dtype=np.float32)
    _ensemble.philox(np.uint64(0), np.uint64(call), np.uint64(7), np.uint64(0), np.uint64(seed), words)
    _ensemble.normals(words, np.float32(1), out)
    return words, out.astype(float)


def test_normal_numbers_are_those_of_box_and_muller():
    words, out = normal_numbers(100_000)
    edges = np.array([[0, 1, 2**31, 2**32 - 1]] * 4, dtype=np.uint32)
    found = np.empty((4, 4), dtype=np.float32)
    _ensemble.normals(edges, np.float32(1), found)
    words, out = np.hstack([words, edges]), np.hstack([out, found])
    square = -2 * np.log((words[::2] // 2) / 2**31 + 2.0**-32)
    angle = np.pi / 2 * ((words[1::2] & 0x7FFFFFFF) * 2.0**-30 - 2.0 * ((words[1::2] >> 30) & 1))
    sine, cosine = np.sin(angle), np.cos(angle) * np.where(words[1::2] >> 31, -1, 1)
    # The uniform number is a float32, so that close to one the square of the radius is off by up to 2^-24.
    np.testing.assert_allclose(out[::2] ** 2 + out[1::2] ** 2, square, rtol=6e-6, atol=3e-7)
    np.testing.assert_allclose(out[::2] * cosine - out[1::2] * sine, 0, atol=1e-5)
    np.testing.assert_array_less(-1e-3, out[::2] * sine + out[1::2] * cosine)


def test_normal_numbers_have_the_moments_and_the_tails_of_the_normal_distribution():
    sample = normal_numbers(1_000_000)[1].ravel()
    count = len(sample)
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs(np.mean(sample**power) - moment) < 4 * math.sqrt(variance / count)
    for sigma in (3.0, 4.0, 4.5):
        for tail in (sample > sigma, sample < -sigma):
            assert abs(binomial_score(np.count_nonzero(tail), count, stats.norm.sf(sigma))) < 4
    assert stats.kstest(sample[:200_000], "norm").pvalue > 1e-3


def test_normal_numbers_are_independent_between_components_trajectories_and_steps():
    sample, later = normal_numbers(400_000)[1], normal_numbers(400_000, call=1)[1]
    other = normal_numbers(400_000, seed=4)[1]
    pairs = [(sample[a], sample[b]) for a in range(4) for b in range(a)]
    pairs += [(sample[a], later[b]) for a in range(4) for b in range(4)]
    pairs += [(sample[a][1:], sample[b][:-1]) for a in range(4) for b in range(4)]
    pairs += [(sample[a], other[a]) for a in range(4)]
    for left, right in pairs:
        for f, g in ((left, right), (left**2, right**2), (left, right**2)):
            assert abs(np.corrcoef(f, g)[0, 1]) * math.sqrt(len(f)) < 4.5


# --- The deterministic flow


@pytest.mark.parametrize("angle", [1e-4, 1.2])
def test_precession_has_its_frequency_at_any_angle(angle):
    spin = perpendicular(damping=0.0)
    phase = 2.5
    duration = phase / (GYROMAGNETIC * H_K * math.cos(angle))
    x, y, z = run(spin, tilted(angle), duration, step=duration / 2000)[0]
    assert math.atan2(y, x) == pytest.approx(phase, rel=1e-6)
    assert z == pytest.approx(math.cos(angle), rel=1e-12)


@pytest.mark.parametrize("damping", [0.01, 0.5])
def test_damped_frequency_is_that_of_kittel(damping):
    spin = perpendicular(damping=damping)
    duration = 1.5 * (1 + damping**2) / (GYROMAGNETIC * H_K)
    x, y, _ = run(spin, tilted(1e-5), duration, step=duration / 2000)[0]
    assert math.atan2(y, x) == pytest.approx(1.5, rel=1e-6)


@pytest.mark.parametrize("damping", [0.01, 0.3])
def test_anisotropy_damps_the_tangent_and_a_field_that_of_half_the_angle(damping):
    duration = 1.5 / reduced_rate(damping)
    angle = 1.3
    z = run(perpendicular(damping=damping), tilted(angle), duration, step=duration / 40_000)[0, 2]
    assert math.tan(math.acos(z)) == pytest.approx(math.tan(angle) * math.exp(-1.5), rel=1e-6)
    only_field = Macrospin(anisotropy=(0, 0, 0), field=(0, 0, H_K), damping=damping)
    z = run(only_field, tilted(angle), duration, step=duration / 40_000)[0, 2]
    assert math.tan(math.acos(z) / 2) == pytest.approx(math.tan(angle / 2) * math.exp(-1.5), rel=1e-6)


def gilbert(spin):
    """dm/dt from the implicit equation of Gilbert: (1 - alpha m x) dm/dt = torques."""

    def rate(_, m):
        cross = np.array([[0, -m[2], m[1]], [m[2], 0, -m[0]], [-m[1], m[0], 0]])
        field = np.asarray(spin.anisotropy) * m + spin.field + spin.field_like
        torque = -GYROMAGNETIC * (cross @ field + cross @ cross @ np.asarray(spin.damping_like))
        return np.linalg.solve(np.eye(3) - spin.damping * cross, torque)

    return rate


BIAXIAL = Macrospin(
    anisotropy=(1e5, 0.0, -3e5),
    field=(2e4, -5e4, 3e4),
    damping_like=(1e4, 3e4, -2e4),
    field_like=(-2e4, 1e4, 5e4),
    damping=0.5,
)


@pytest.mark.parametrize("spin", [BIAXIAL, replace(BIAXIAL, damping=0.02)])
def test_flow_solves_gilberts_equation_to_second_order(spin):
    start, duration = np.array(tilted(0.7, 0.3)), 1e-10
    solution = solve_ivp(gilbert(spin), (0, duration), start, method="DOP853", rtol=1e-12, atol=1e-13)
    exact = solution.y[:, -1]
    errors = [np.linalg.norm(run(spin, start, duration, step=duration / n)[0] - exact) for n in (250, 500, 1000)]
    assert errors[2] < 2e-5
    assert [errors[0] / errors[1], errors[1] / errors[2]] == pytest.approx([4, 4], rel=0.03)


def test_length_is_kept_and_energy_only_falls_without_heat_and_torques():
    spin = replace(BIAXIAL, damping=0.02, damping_like=(0, 0, 0), field_like=(0, 0, 0))
    states = thermal_states(replace(spin, diffusion=1e12), count=50, seed=1, side=None)
    stretch = Stretch(spin, 20_000, 1e-13)
    _, path = advance(stretch, states, seed=1, sampled_steps=np.arange(100, 20_001, 100))
    energies = -(path**2 @ np.asarray(spin.anisotropy)) / 2 - path @ np.asarray(spin.field)
    assert np.all(np.diff(energies, axis=0) <= 1e-9 * H_K)
    hot = advance(replace(stretch, spin=replace(BIAXIAL, diffusion=1e9)), states, seed=1)[0]
    for final in (path[-1], hot):
        assert np.abs(np.sum(final**2, axis=1) - 1).max() < 1e-12


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("overdrive", [0.0, 0.9, 1.0, 1.1, 3.0])
def test_threshold_of_spin_transfer_is_one_in_both_directions(side, overdrive):
    damping = 0.02
    spin = perpendicular(damping=damping, overdrive=side * overdrive)
    start = np.array([1e-7, 0, side * math.sqrt(1 - 1e-14)])
    duration = 2 / reduced_rate(damping)
    x, y, _ = run(spin, start, duration, step=duration / 20_000)[0]
    assert math.log(math.hypot(x, y) / 1e-7) == pytest.approx(2 * (overdrive - 1), abs=2e-5)


@pytest.mark.parametrize("overdrive", [1.2, 2.0, 5.0])
def test_switching_at_zero_temperature_takes_suns_time(overdrive):
    first, last = 0.99, -0.9
    spin = perpendicular(damping=0.01, overdrive=overdrive)
    time = quad(lambda z: 1 / ((1 - z * z) * (z - overdrive)), first, last)[0]
    z = run(spin, tilted(math.acos(first)), time / reduced_rate(0.01), step=2e-13)[0, 2]
    slope = (1 - last**2) * (last - overdrive)
    assert (z - last) / slope == pytest.approx(0, abs=1e-5 * time)


@pytest.mark.parametrize("name", ["ikeda2010", "mram22", "mram14", "double_mtj"])
def test_torque_of_a_junction_at_its_critical_current_balances_damping(name):
    mtj = load_mtj(name).device
    for temperature in (300.0, 400.0):
        spin = driven(mtj, current=mtj.critical_current(temperature), temperature=temperature)
        assert spin.damping_like == pytest.approx((0, 0, -mtj.damping * spin.anisotropy[2]))


def test_spin_orbit_threshold_is_where_the_equilibrium_ends():
    field = -0.2 * H_K

    def torque(angle):  # the damping-like torque that holds the layer at this angle, in the plane of field and normal
        return math.cos(angle) * (field - H_K * math.sin(angle))

    top = minimize_scalar(lambda angle: -torque(angle), bounds=(-1.5, 0), method="bounded", options={"xatol": 1e-10})
    held = brentq(lambda angle: torque(angle) - 0.99 * -top.fun, top.x, 0.0)
    spin = Macrospin(anisotropy=(0, 0, H_K), field=(field, 0, 0), damping=0.5)
    below = replace(spin, damping_like=(0, 0.99 * -top.fun, 0))
    above = replace(spin, damping_like=(0, 1.01 * -top.fun, 0))
    assert run(below, tilted(held), 5e-9)[0] == pytest.approx(tilted(held), abs=1e-9)
    assert run(below, tilted(held + 0.02), 2e-8)[0] == pytest.approx(tilted(held), abs=1e-6)
    assert run(above, tilted(held), 5e-9)[0, 2] < math.cos(top.x) - 0.2


def test_spin_orbit_field_of_a_line_is_that_of_its_spin_current():
    mtj = load_mtj("sot").device
    spin = driven(mtj, line_current=1e-4)
    per_area = 1.054571817e-34 / (2 * 1.602176634e-19) * mtj.spin_hall_angle * 1e-4
    per_area /= mtj.line_width * mtj.line_thickness
    moment = 4e-7 * math.pi * energy.magnetisation(mtj, temperature=300.0) * mtj.free_layer_thickness
    assert spin.damping_like == pytest.approx((0, per_area / moment, 0), rel=1e-6)
    assert spin.field_like[1] == pytest.approx(mtj.field_like_ratio * spin.damping_like[1])


def test_a_voltage_removes_the_anisotropy_and_half_a_precession_reverses():
    mtj = load_mtj("vcma").device
    voltage = brentq(lambda v: driven(mtj, voltage=v).anisotropy[2], 0.0, 20.0)
    field = 5e4
    half_period = math.pi / (GYROMAGNETIC * field)
    pulse = Phase(duration=half_period, voltage=voltage, field=(field, 0.0, -mtj.stray_field))
    spin = driven(mtj, voltage=voltage, field=pulse.field)
    assert spin.anisotropy[2] == pytest.approx(0, abs=1e-6 * driven(mtj).anisotropy[2])
    final = run(replace(spin, damping=0.0, diffusion=0.0), (0, 0, 1), half_period, step=half_period / 5000)
    assert final[0] == pytest.approx((0, 0, -1), abs=1e-6)


# --- Heat


def test_a_step_is_of_second_order_in_the_mean():
    """Mean of one step by Gauss-Hermite quadrature over its noise, against exp(dtau L) of the exact generator L."""
    damping, delta, overdrive, start = 0.3, 3.0, 0.4, 0.3
    spin = perpendicular(damping=damping, delta=delta, overdrive=overdrive)
    nodes, weights = np.polynomial.hermite_e.hermegauss(10)
    cube = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij")).reshape(3, -1)
    share = np.einsum("i,j,k->ijk", weights, weights, weights).ravel() / (2 * math.pi) ** 1.5
    parabola = Polynomial([1, 0, -1])

    def generator(f):
        return parabola * Polynomial([-overdrive, 1]) * f.deriv() + (parabola * f.deriv()).deriv() / (2 * delta)

    def exact(f, tau):
        total, term = f(start), f
        for k in range(1, 13):
            term = generator(term) * (tau / k)
            total += term(start)
        return total

    def found(f, tau):
        step = tau / reduced_rate(damping)
        lanes = np.repeat(np.array([math.sqrt(1 - start**2), 0.0, start])[:, None], cube.shape[1], axis=1)
        half, noise = _torque(spin, step / 2), (_noise(spin, step) * cube).astype(np.float32)
        _ensemble.step(*lanes, np.zeros_like(noise), half)
        _ensemble.step(*lanes, noise, half)
        return share @ f(lanes[2])

    for f in (Polynomial([0, 1]), Polynomial([0, 0, 1])):
        errors = [abs(found(f, tau) - exact(f, tau)) for tau in (0.1, 0.05, 0.025)]
        assert errors[0] < 1e-3
        assert errors[1] / errors[0] < 1 / 6.5
        assert errors[2] / errors[1] < 1 / 6.5


def test_free_spins_diffuse_by_rotation():
    spin = Macrospin(anisotropy=(0, 0, 0), damping=0.1, diffusion=1e8)
    time = 0.3 / spin.diffusion
    z = run(spin, np.tile([0.0, 0.0, 1.0], (100_000, 1)), time)[:, 2]
    assert abs(score(z, math.exp(-2 * 0.3))) < 4
    assert abs(score((3 * z**2 - 1) / 2, math.exp(-6 * 0.3))) < 4
    assert abs(score((5 * z**3 - 3 * z) / 2, math.exp(-12 * 0.3))) < 4


def histogram_score(z, log_density):
    """p-value of the values under a density on (-1, 1), by chi^2 in 20 bins that are equally likely."""
    grid = np.linspace(-1, 1, 20_001)
    density = np.exp(log_density(grid) - log_density(grid).max())
    cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    quantiles = np.interp(z, grid, cumulative / cumulative[-1])
    return stats.chisquare(np.histogram(quantiles, bins=20, range=(0, 1))[0]).pvalue


@pytest.mark.parametrize("share", [1 / 3, 1.0])
def test_equilibrium_is_boltzmanns_at_the_default_and_at_the_longest_step(share):
    low = perpendicular(damping=0.1, delta=3.0)
    poles = np.tile([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]], (10_000, 1))
    z = run(low, poles, 60 / reduced_rate(0.1), step=share * step_limit(low))[:, 2]
    assert abs(score(z**2, 0.6262)) < 4
    assert abs(score(z**4, 0.4798)) < 4
    assert histogram_score(z, lambda u: 3 * u**2) > 1e-3
    high = perpendicular(damping=0.05, delta=43.0)
    z = run(high, np.tile([0.0, 0.0, 1.0], (40_000, 1)), 6 / reduced_rate(0.05), step=share * step_limit(high))[:, 2]
    assert abs(score(1 - z**2, 0.0235435)) < 4


def test_a_current_acts_as_a_field_in_the_steady_state():
    spin = perpendicular(damping=0.1, delta=3.0, overdrive=0.4)
    z = run(spin, np.tile([0.0, 0.0, 1.0], (20_000, 1)), 40 / reduced_rate(0.1))[:, 2]
    assert histogram_score(z, lambda u: 3 * (u**2 - 0.8 * u)) > 1e-3
    assert histogram_score(z, lambda u: 3 * (u**2 - 0.6 * u)) < 1e-9


def sphere_moments(spin, side):
    """Means of x, y, z, x^2, z^2 and x z in one well, by quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    turn = np.arange(200) * 2 * np.pi / 200
    z = np.repeat(side * (nodes[:, None] + 1) / 2, 200, axis=1)
    x, y = np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn)
    states = np.stack([x, y, z], axis=-1)
    exponent = states**2 @ spin.quadratic + states @ spin.linear
    density = weights[:, None] * np.exp(exponent - exponent.max())
    return [np.sum(density * f) / np.sum(density) for f in (x, y, z, x**2, z**2, x * z)]


@pytest.mark.parametrize(
    ("anisotropy", "field", "side"),
    [
        ((0, 0, 1), (0, 0, 0), 1),
        ((0, 0, 1), (0.4, 0, 0), -1),
        ((0, 0, 1), (0.2, 0.1, -0.3), 1),
        ((1, 0, -1), (0.1, 0.3, 0.2), 1),
    ],
)
def test_thermal_start_samples_one_well_exactly(anisotropy, field, side):
    spin = replace(
        perpendicular(delta=40.0), anisotropy=tuple(H_K * a for a in anisotropy), field=tuple(H_K * f for f in field)
    )
    m = thermal_states(spin, count=40_000, seed=5, side=(0, 0, side))
    assert np.all(m[:, 2] * side > 0)
    assert np.array_equal(m[:100], thermal_states(spin, count=100, seed=5, side=(0, 0, side)))
    states, weights = tempered_states(spin, count=40_000, seed=5, side=side)
    assert abs(score(weights, 1.0)) < 4
    x, y, z = m.T
    u, v, w = states.T
    moments = sphere_moments(spin, side)
    for plain, tempered, mean in zip((x, y, z, x**2, z**2, x * z), (u, v, w, u**2, w**2, u * w), moments, strict=True):
        assert abs(score(plain, mean)) < 4
        assert abs(score(weights * (tempered - mean), 0.0)) < 4


# --- Write errors


@pytest.mark.parametrize("share", [1 / 3, 1.0])
@pytest.mark.parametrize(
    ("damping", "delta", "overdrive", "time"), [(0.05, 43.0, 2.0, 4.0), (0.02, 43.0, 3.0, 2.6), (0.2, 25.0, 4.0, 1.4)]
)
def test_monte_carlo_agrees_with_the_fokker_planck_equation(damping, delta, overdrive, time, share):
    trials = 150_000
    spin = perpendicular(damping=damping, delta=delta, overdrive=overdrive)
    states = thermal_states(spin, count=trials, seed=2)
    z = run(spin, states, time / reduced_rate(damping), step=share * step_limit(spin))[:, 2]
    exact = float(write_error_rate(delta=delta, overdrive=overdrive, reduced_time=time))
    assert 8e-4 < exact < 3e-2
    assert abs(binomial_score(np.count_nonzero(z > 0), trials, exact)) < 3.5


def operator_write_error(spin, delta, steps, step, order=140):
    """Write error of the integrator itself, without sampling: its step as an operator on Legendre moments of z."""
    nodes, weights = legendre_series.leggauss(700)
    degree = np.arange(order + 1)
    basis = legendre_series.legvander(nodes, order)

    def flow(torque):
        lanes = np.stack([np.sqrt(1 - nodes**2), np.zeros_like(nodes), nodes])
        _ensemble.step(*lanes, np.zeros((3, len(nodes)), dtype=np.float32), torque)
        moved = legendre_series.legvander(np.clip(lanes[2], -1, 1), order)
        return (degree[:, None] + 0.5) * (moved.T * weights) @ basis

    whole, half = flow(_torque(spin, step)), flow(_torque(spin, step / 2))
    heat = np.exp(-degree * (degree + 1) * spin.diffusion * step)
    upper = legendre_series.legvander((nodes + 1) / 2, order)
    start = weights * np.exp(delta * (((nodes + 1) / 2) ** 2 - 1))
    density = half @ ((degree + 0.5) * (upper.T @ (start / start.sum())))
    density = np.linalg.matrix_power(whole * heat, steps - 1) @ density
    return weights / 2 @ upper @ (half @ (heat * density))


@pytest.mark.parametrize("damping", [0.005, 0.03, 0.2])
@pytest.mark.parametrize(("delta", "overdrive", "time"), [(43.0, 1.5, 6.0), (43.0, 3.0, 2.7), (25.0, 6.0, 1.1)])
def test_longest_step_biases_a_write_error_of_a_thousandth_by_less_than_a_hundredth(damping, delta, overdrive, time):
    spin = perpendicular(damping=damping, delta=delta, overdrive=overdrive)
    exact = float(write_error_rate(delta=delta, overdrive=overdrive, reduced_time=time))
    assert 5e-4 < exact < 5e-2

    def bias(share):
        steps = math.ceil(time / reduced_rate(damping) / (share * step_limit(spin)))
        return operator_write_error(spin, delta, steps, time / reduced_rate(damping) / steps) / exact - 1

    assert abs(bias(1.0)) < 1e-2
    assert abs(bias(1 / 3)) < 2e-3
    assert abs(bias(4.0)) > abs(bias(1.0))


# --- The ensemble of a junction


def test_a_positive_current_writes_antiparallel_and_a_negative_one_parallel():
    current = 3 * MTJ.critical_current()
    duration = 8 / energy.relaxation_rate(MTJ, temperature=300.0)
    for sign in (1, -1):
        begin = simulate_ensemble(MTJ, sign * current, duration / 1e4, 300, 1)
        end = simulate_ensemble(MTJ, sign * current, duration, 300, 1)
        assert np.all(sign * begin.final[:, 2] > 0)
        assert np.all(sign * end.final[:, 2] < 0)


def test_the_same_seed_gives_the_same_bits_for_any_number_of_trajectories_threads_and_samples():
    whole = simulate_ensemble(MTJ, 1e-5, 1e-10, 1000, 7, samples=5, threads=3)
    few = simulate_ensemble(MTJ, 1e-5, 1e-10, 10, 7)
    other = simulate_ensemble(MTJ, 1e-5, 1e-10, 10, 8)
    assert np.array_equal(few.final, whole.final[:10])
    assert np.array_equal(whole.sampled[-1], whole.final)
    assert not np.isclose(few.final, other.final).any()
    assert whole.times == pytest.approx(np.arange(1, 6) * 2e-11, abs=whole.step)
    assert whole.times[-1] == pytest.approx(1e-10)


def test_trajectories_of_one_seed_and_of_neighbouring_seeds_are_uncorrelated():
    start = (0.0, 0.0, 1.0)
    first, second = (simulate_ensemble(MTJ, 0.0, 2e-9, 512, seed, start=start, samples=40) for seed in (1, 2))
    x, y = first.sampled[..., 0], second.sampled[..., 0]
    for left, right in ((x, y), (x, first.sampled[..., 1]), (x[:, 1:], x[:, :-1]), (x[:, 256:], x[:, :256])):
        per_time = np.mean(left * right, axis=0) / math.sqrt(np.mean(left**2) * np.mean(right**2))
        assert abs(score(per_time, 0.0)) < 4


def test_a_pulse_train_is_its_phases_one_after_the_other():
    phases = [Phase(duration=2e-10, current=4e-5), Phase(duration=3e-10, field=(1e4, 0.0, 0.0))]
    whole = simulate_phases(MTJ, phases, 20, 3, samples=10, step=1e-13)
    steps = steps_of(driven(MTJ, current=4e-5), duration=2e-10, step=1e-13)
    begin = simulate_phases(MTJ, phases[:1], 20, 3, step=1e-13)
    spin = driven(MTJ, field=(1e4, 0.0, 0.0))
    end, _ = advance(Stretch(spin, 3000, 1e-13), begin.final, seed=3, first_step=steps)
    assert (steps, whole.step) == (2000, pytest.approx(1e-13))
    assert np.array_equal(whole.sampled[3], begin.final)
    assert np.allclose(whole.final, end, rtol=0, atol=1e-12)
    assert whole.times == pytest.approx(np.arange(1, 11) * 5e-11)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 3.0), st.floats(0.0, 2 * math.pi))
def test_the_flow_of_a_perpendicular_layer_is_symmetric_about_its_normal(angle, turn):
    spin = perpendicular(damping=0.1, overdrive=1.7)
    first, second = run(spin, [tilted(angle), tilted(angle, turn)], 2e-10)
    c, s = math.cos(turn), math.sin(turn)
    assert second == pytest.approx([c * first[0] - s * first[1], s * first[0] + c * first[1], first[2]], abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1.0), st.floats(0.0, 5.0), st.floats(20.0, 100.0))
def test_the_longest_step_shrinks_with_torque_and_field(damping, overdrive, delta):
    calm = step_limit(perpendicular(damping=damping, delta=delta, overdrive=overdrive))
    assert step_limit(perpendicular(damping=damping, delta=delta, overdrive=overdrive + 1)) < calm
    assert step_limit(perpendicular(damping=damping, delta=delta / 2, overdrive=overdrive, field=1.0)) < calm


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trajectories": 0}, "0 trajectories were asked for; give from 1 to 4294967296"),
        ({"seed": -1}, "the seed is -1; give a whole number from 0 to 2\\^64 - 1"),
        ({"threads": 0}, "0 threads were asked for; give one or more"),
        ({"duration": -1e-9}, "the duration of a pulse is -1e-09 s; give a finite value above zero"),
        ({"duration": math.nan}, "the duration of a pulse is nan s; give a finite value above zero"),
        ({"current": math.inf}, "the current of mram22 is inf A; give a finite value"),
        ({"field": (0.0, math.nan, 0.0)}, "the field of mram22 is nan A/m; give a finite value"),
        ({"voltage": math.nan}, "the voltage of mram22 is nan V; give a finite value"),
        ({"line_current": 1e-4}, "the line current is 0.0001 A, but mram22 has no heavy-metal line; .*"),
        ({"temperature": -1.0}, "the temperature is -1 K, but must be a finite number above zero; give kelvin"),
        ({"step": 0.0}, "the time step is 0 s; give a finite value above zero"),
        ({"step": 2e-9}, "the pulse of 1e-09 s is shorter than the time step of 2e-09 s; give a shorter step"),
        ({"step": 1e-10}, "a time step of 1e-10 s would bias error rates: .* allow .* s; give a shorter step, or .*"),
        ({"start": "up"}, "the start is 'up'; give one of thermal, parallel, antiparallel, or directions"),
        ({"start": (0.0, 0.0, 0.0)}, "a start direction is zero or not finite; give vectors with a length"),
        ({"start": np.ones((2, 3))}, r"the start has the shape \(2, 3\); give one direction \(3,\) or .*"),
        ({"samples": -1}, "the number of samples is -1; give zero or more"),
        ({"samples": 10**5}, "100000 samples were asked for, but there are only .* steps; give fewer"),
        ({"duration": 1.0}, "the pulses take .* time steps, but at most .*; shorten them"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_sentence(changes, message):
    given_values = {"current": 1e-5, "duration": 1e-9, "trajectories": 5, "seed": 1, **changes}
    with pytest.raises(UserError, match=f"^{message}$"):
        simulate_ensemble(MTJ, **given_values)


def test_no_phases_and_a_cold_thermal_start_are_refused():
    with pytest.raises(UserError, match="the pulse train has no phases; give at least one"):
        simulate_phases(MTJ, [], 1, 1)
    with pytest.raises(UserError, match="at zero temperature or without damping has no thermal start"):
        thermal_states(perpendicular(), count=1, seed=1)
    with pytest.raises(
        UserError, match=r"the damping of a macrospin is -0\.1; give a finite value that is not negative"
    ):
        Macrospin(anisotropy=(0, 0, 1), damping=-0.1)
