"""Rare write errors of any pulse train, by splitting trajectories and weighing them.

A population of walkers, each with a weight, is stopped now and then and redrawn: walkers on their way to a write
error are copied, the others thinned (weighted ensemble, Huber and Kim 1996). Redrawing keeps every expected weight, so
the weight that ends in error has the error rate as its mean whatever the order in which walkers are preferred (Zhang,
Jasnow and Zuckerman 2010): a poor order costs precision, never truth. It can cost so much precision that no walker
sees the way by which most errors come; then all replicas agree on too low a rate. More walkers and stages tell.

Walkers are ordered by what becomes of them at zero temperature: those that would end in error come first, the others
by the time integral of m_z along the rest of their path, mostly its last phase. It is large for a layer that leaves
its well late, that lingers at the saddle, or that rings with much energy after the pulse; so the order suits
spin-transfer, spin-orbit and voltage-controlled writing alike. Starts are drawn from wells
of a quarter to sixteen times the temperature and weighted, since a precessional write fails by the tail of its starts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from devicemodels.errors import UserError
from devicemodels.mtj import macrospin
from devicemodels.mtj.dynamics import Phase, Stretch, advance, check_counts, check_start, plan, starts_antiparallel
from devicemodels.mtj.equilibrium import tempered_states
from devicemodels.mtj.macrospin import Macrospin, step_limit
from devicemodels.quantities import Kelvin, Ratio, Second

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj

PATH_POINTS = 128
"""Points along a deterministic path for its time integral."""
EARLY = 0.01
"""Weight of all phases but the last in that integral: what follows the last pulse tells most about an error."""
DEEPEST = 30
"""Octaves of weight that are told apart, down to 1e-9."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """An error rate, the mean of independent replicas, with a two-sided 95 % confidence interval (Student's t)."""

    value: Ratio
    low: Ratio
    high: Ratio
    replicas: np.ndarray

    @property
    def standard_error(self) -> Ratio:
        """Of `value`."""
        return float(np.std(self.replicas, ddof=1) / math.sqrt(len(self.replicas)))


def rare_write_error_rate(
    mtj: Mtj,
    phases: Sequence[Phase],
    seed: int,
    *,
    walkers: int = 2000,
    replicas: int = 16,
    stages: int = 50,
    temperature: Kelvin = 300.0,
    step: Second | None = None,
    start: str = "thermal",
    threads: int = 1,
) -> Estimate:
    """Probability that the layer ends a pulse train on the side of the film plane on which it started.

    End the train with a phase of rest, long enough for the layer to fall into a well. The cost is that of
    walkers * replicas * (1 + about stages/6) trajectories.

    Parameters
    ----------
    phases, seed, temperature, step, threads
        As `dynamics.simulate_phases`.
    walkers, replicas
        Walkers of one population, and how many populations there are, independent of one another.
    stages
        How often a population is redrawn, shared out to the phases half by duration, half equally.
    start
        "parallel", "antiparallel" or "thermal", as `dynamics.simulate_phases`.

    Raises
    ------
    UserError
        If there are fewer than two replicas, no stage or fewer than 100 walkers, if no walker ends in error, or as
        `dynamics.simulate_phases`.
    """
    _check(walkers, replicas, stages)
    check_counts(walkers * replicas, seed, threads)
    check_start(start)
    stretches = plan(mtj, phases, temperature=temperature, step=step)
    resting = macrospin.driven(mtj, field=phases[0].field, temperature=temperature)
    side = -1.0 if starts_antiparallel(start, phases[0]) else 1.0
    return estimate(
        resting, stretches, seed, side=side, walkers=walkers, replicas=replicas, stages=stages, threads=threads
    )


def estimate(
    resting: Macrospin,
    stretches: Sequence[Stretch],
    seed: int,
    *,
    side: float,
    walkers: int,
    replicas: int,
    stages: int,
    threads: int = 1,
) -> Estimate:
    """Probability that a macrospin in equilibrium as `resting`, with m_z of the sign of `side`, ends with that sign.

    Parameters and errors as `rare_write_error_rate`.
    """
    pieces = list(_pieces(stretches, stages))
    states, weights = tempered_states(resting, count=walkers * replicas, seed=seed, side=side)
    weights /= walkers
    offsets = np.random.default_rng([seed, 1]).random((len(pieces), replicas))
    done = 0
    for k, piece in enumerate(pieces):
        for r in range(replicas):
            own = slice(r * walkers, (r + 1) * walkers)
            order = _path_integral(pieces[k:], states[own], side, threads)
            chosen, weights[own] = redraw(weights[own], order, offsets[k, r])
            states[own] = states[own][chosen]
        states, _ = advance(piece, states, seed=seed, first_step=done, threads=threads)
        done += piece.steps
    errors = (weights * (side * states[:, 2] > 0)).reshape(replicas, walkers).sum(axis=1)
    return _with_interval(errors)


def redraw(weights: np.ndarray, order: np.ndarray, offset: Ratio) -> tuple[np.ndarray, np.ndarray]:
    """Copy and thin a population to the same number of walkers, by systematic sampling.

    Walkers are ranked by `order`, highest first, and binned by the octave of the weight from the top down to them:
    the lower half, the quarter above it, the eighth above that, ..., and those of infinite order in a bin of their
    own. Every bin that holds any gets equally many walkers, which share its weight. Over an `offset` uniform from 0
    to 1 the expected weight of each walker's copies is its own.

    Returns
    -------
    chosen, weights
        Indices of the walkers to copy and the weights of the copies, both of shape (walkers,).
    """
    count = len(weights)
    ranked = np.argsort(-order, kind="stable")
    ordered = weights[ranked]
    above = np.clip(np.cumsum(ordered) / ordered.sum(), 2.0**-DEEPEST, 1.0)
    octave = np.floor(-np.log2(above))
    octave[np.isinf(order[ranked])] = np.inf
    index = np.unique(octave, return_inverse=True)[1]
    mass = np.bincount(index, ordered)
    copies = ordered * count / (len(mass) * mass[index])
    ends = np.cumsum(copies)
    chosen = np.searchsorted(ends, (np.arange(count) + offset) * ends[-1] / count, side="right")
    chosen = np.minimum(chosen, count - 1)
    return ranked[chosen], ordered[chosen] / copies[chosen]


def _pieces(stretches: Sequence[Stretch], stages: int) -> Iterator[Stretch]:
    """The stretches, cut where the population is redrawn."""
    total = sum(s.steps * s.step for s in stretches)
    for stretch in stretches:
        share = (stretch.steps * stretch.step / total + 1 / len(stretches)) / 2
        count = min(stretch.steps, max(1, round(stages * share)))
        for steps in np.diff(np.linspace(0, stretch.steps, count + 1).astype(int)):
            yield replace(stretch, steps=int(steps))


def _path_integral(rest: Sequence[Stretch], states: np.ndarray, side: float, threads: int) -> np.ndarray:
    """Integral of side * m_z over the rest of each path at zero temperature, infinite if it ends in error; (n,)."""
    integral = np.zeros(len(states))
    joined = _durations(rest)
    for spin, duration in joined:
        weight = 1.0 if spin is joined[-1][0] else EARLY
        cold = replace(spin, diffusion=0.0)
        steps = math.ceil(duration / min(step_limit(cold), duration))
        marks = np.unique(np.linspace(0, steps, min(steps, PATH_POINTS) + 1).astype(int)[1:])
        states, path = advance(
            Stretch(cold, steps, duration / steps), states, seed=0, sampled_steps=marks, threads=threads
        )
        integral += weight * side * duration / steps * np.tensordot(np.diff(marks, prepend=0), path[:, :, 2], axes=1)
    return np.where(side * states[:, 2] > 0, np.inf, integral)


def _durations(pieces: Sequence[Stretch]) -> list[tuple[Macrospin, Second]]:
    """Neighbouring pieces of one stretch, joined."""
    joined: list[tuple[Macrospin, Second]] = []
    for piece in pieces:
        duration = piece.steps * piece.step
        if joined and joined[-1][0] is piece.spin:
            duration += joined.pop()[1]
        joined.append((piece.spin, duration))
    return joined


def _with_interval(errors: np.ndarray) -> Estimate:
    value = float(errors.mean())
    if value == 0:
        raise UserError("no walker ended in a write error; give more walkers or more stages")
    half = float(student.ppf(0.975, len(errors) - 1) * errors.std(ddof=1) / math.sqrt(len(errors)))
    return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0), replicas=errors)


def _check(walkers: int, replicas: int, stages: int) -> None:
    for thing, number, least in (("walkers", walkers, 100), ("replicas", replicas, 2), ("stages", stages, 1)):
        if number < least:
            raise UserError(f"{number} {thing} were asked for; give {least} or more")
