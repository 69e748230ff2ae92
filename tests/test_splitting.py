"""Splitting against the Fokker-Planck equation where there is symmetry, against counting where there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from devicemodels.errors import UserError
from devicemodels.mtj import energy, load_mtj
from devicemodels.mtj.dynamics import Phase, Stretch, advance, simulate_phases
from devicemodels.mtj.energy import GYROMAGNETIC
from devicemodels.mtj.equilibrium import thermal_states
from devicemodels.mtj.fokker_planck import write_error_rate
from devicemodels.mtj.macrospin import Macrospin, steps_of
from devicemodels.mtj.splitting import estimate, rare_write_error_rate, redraw

MTJ = load_mtj("mram22").device
H_K = 2e5


def resting(*, damping, delta, field=0.0):
    rate = damping * GYROMAGNETIC * H_K / (1 + damping**2)
    return Macrospin(
        anisotropy=(0, 0, H_K), field=(field * H_K, 0, 0), damping=damping, diffusion=rate / (2 * delta)
    ), rate


def stretch(spin, duration):
    steps = steps_of(spin, duration=duration)
    return Stretch(spin, steps, duration / steps)


def test_redrawing_keeps_every_expected_weight():
    generator = np.random.default_rng(1)
    weights, order = generator.random(200) ** 6, generator.normal(size=200)
    order[:5] = np.inf
    offsets = (np.arange(20_000) + 0.5) / 20_000
    kept = np.zeros(200)
    for offset in offsets:
        chosen, shares = redraw(weights, order, offset)
        kept += np.bincount(chosen, shares, minlength=200)
    assert kept / len(offsets) == pytest.approx(weights, rel=1e-9, abs=2 * shares.max() / len(offsets))


def test_redrawing_gives_the_tail_as_many_walkers_as_the_bulk():
    weights, order = np.full(1024, 1 / 1024), np.arange(1024.0)
    chosen, shares = redraw(weights, order, 0.5)
    assert np.count_nonzero(chosen >= 512) > 800
    assert shares[chosen < 512].sum() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize(
    ("delta", "overdrive", "time", "side"),
    [(43.0, 2.0, 6.0, 1), (43.0, 3.0, 4.0, -1), (43.0, 3.0, 6.0, 1), (60.0, 5.0, 2.5, 1)],
)
def test_splitting_agrees_with_the_fokker_planck_equation_down_to_1e9(delta, overdrive, time, side):
    spin, rate = resting(damping=0.1, delta=delta)
    driven = replace(spin, damping_like=(0, 0, -side * 0.1 * overdrive * H_K))
    found = estimate(
        spin, [stretch(driven, time / rate)], seed=3, side=side, walkers=2000, replicas=16, stages=30, threads=1
    )
    exact = float(write_error_rate(delta=delta, overdrive=overdrive, reduced_time=time))
    assert 1e-9 < exact < 1e-3
    assert found.standard_error < 0.2 * exact
    assert abs(found.value - exact) < 3.5 * found.standard_error


def plain(spin, stretches, trials):
    """Write error by counting, and its standard error."""
    states, done = thermal_states(spin, count=trials, seed=9), 0
    for each in stretches:
        states, _ = advance(each, states, seed=9, first_step=done)
        done += each.steps
    share = np.mean(states[:, 2] > 0)
    return share, math.sqrt(share * (1 - share) / trials)


def spin_orbit():
    """A pulse in the line, its falling edge in steps, and rest; a field along the line chooses the final state."""
    spin, _ = resting(damping=0.05, delta=40.0, field=-0.4)
    edge = [replace(spin, damping_like=(0, 0.4 * H_K * part, 0)) for part in (1.0, 0.75, 0.5, 0.25)]
    return spin, [stretch(edge[0], 1e-9), *[stretch(e, 1e-10) for e in edge[1:]], stretch(spin, 1.5e-9)]


def precessional(damping, delta, length):
    """The anisotropy is switched off for about half a precession in a field in the plane; then rest."""
    spin, _ = resting(damping=damping, delta=delta, field=0.1)
    duration = length * math.pi / (GYROMAGNETIC * 0.1 * H_K)
    return spin, [stretch(replace(spin, anisotropy=(0, 0, 0)), duration), stretch(spin, 2e-9)]


@pytest.mark.parametrize(
    ("spin", "stretches"), [spin_orbit(), precessional(0.2, 50.0, 1.0), precessional(0.05, 50.0, 0.7)]
)
def test_splitting_agrees_with_counting_where_there_is_no_symmetry(spin, stretches):
    counted, deviation = plain(spin, stretches, 60_000)
    found = estimate(spin, stretches, seed=2, side=1.0, walkers=1000, replicas=16, stages=30)
    assert 1e-3 < counted < 2e-2
    assert found.standard_error < 0.15 * counted
    assert abs(found.value - counted) < 3.5 * math.hypot(deviation, found.standard_error)
    assert found.low < found.value < found.high


@pytest.mark.slow
def test_splitting_agrees_with_counting_at_1e4_in_a_precessional_write():
    spin, stretches = precessional(0.1, 40.0, 1.0)
    counted, deviation = plain(spin, stretches, 500_000)
    found = estimate(spin, stretches, seed=4, side=1.0, walkers=2000, replicas=16, stages=40)
    assert 2e-5 < counted < 5e-4
    assert abs(found.value - counted) < 3.5 * math.hypot(deviation, found.standard_error)


def test_a_junction_is_estimated_like_its_simulation_in_both_directions_and_with_any_threads():
    current = 2.5 * MTJ.critical_current()
    pulse = 2.5 / energy.relaxation_rate(MTJ, temperature=300.0)
    for sign in (1, -1):
        phases = [Phase(duration=pulse, current=sign * current), Phase(duration=pulse / 2)]
        final = simulate_phases(MTJ, phases, 20_000, seed=6).final
        share = np.mean(sign * final[:, 2] > 0)
        few = {"seed": 6, "walkers": 500, "replicas": 8, "stages": 15}
        found = rare_write_error_rate(MTJ, phases, **few)
        again = rare_write_error_rate(MTJ, phases, **few, threads=2)
        assert 1e-3 < share < 0.1
        assert abs(found.value - share) < 3.5 * math.hypot(found.standard_error, math.sqrt(share / 20_000))
        assert np.array_equal(found.replicas, again.replicas)
        assert found.value == pytest.approx(found.replicas.mean())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"walkers": 99}, "99 walkers were asked for; give 100 or more"),
        ({"replicas": 1}, "1 replicas were asked for; give 2 or more"),
        ({"stages": 0}, "0 stages were asked for; give 1 or more"),
        ({"seed": 2**64}, "the seed is 18446744073709551616; give .*"),
        ({"start": "up"}, "the start is 'up'; give one of .*"),
        ({"phases": []}, "the pulse train has no phases; give at least one"),
        (
            {"walkers": 100, "replicas": 2, "stages": 1},
            "no walker ended in a write error; give more walkers or more stages",
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(changes, message):
    pulse = Phase(duration=1e-7, current=8 * MTJ.critical_current())
    given_values = {"phases": [pulse], "seed": 1, **changes}
    with pytest.raises(UserError, match=f"^{message}$"):
        rare_write_error_rate(MTJ, **given_values)
