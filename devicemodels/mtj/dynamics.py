"""Stochastic LLGS of many copies of one free layer: `simulate_ensemble` and what it is made of.

A step is a random rotation (heat) and the deterministic flow in turn, with half a flow at both ends of a run: the
splitting of Strang (1968), of second order in the mean of any function of the state. Length is kept to rounding.
Around an axis of symmetry the flow loses or gains no height to precession, however long the step (docs/theory_mtj.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from devicemodels.checks import require_positive
from devicemodels.errors import UserError
from devicemodels.mtj import macrospin
from devicemodels.mtj._ensemble import LANES, run_blocks
from devicemodels.mtj.equilibrium import thermal_states
from devicemodels.mtj.macrospin import ZERO, Macrospin, Vector, steps_of
from devicemodels.quantities import Ampere, Kelvin, Second, Volt

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj

MOST_TRAJECTORIES = 2**32
MOST_STEPS = 4 * (2**32 // 3)
STARTS = ("thermal", "parallel", "antiparallel")


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of time with everything constant: part of a pulse train.

    `current` flows through the junction (positive towards AP), `line_current` along x in the heavy-metal line;
    `voltage` is across the junction (VCMA), `field` in A/m, beside the stray field of the device.
    """

    duration: Second
    current: Ampere = 0.0
    line_current: Ampere = 0.0
    voltage: Volt = 0.0
    field: Vector = ZERO


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Outcome of a simulation: unit vectors (x, y, z), z = 1 parallel to the reference layer.

    `final` has the shape (trajectories, 3), `times` (samples,), in seconds from the start, `sampled` (samples,
    trajectories, 3); `step` is the longest time step that was taken.
    """

    final: np.ndarray
    step: Second
    times: np.ndarray
    sampled: np.ndarray


@dataclass(frozen=True)
class Stretch:
    """Constant coefficients for a whole number of equal steps."""

    spin: Macrospin
    steps: int
    step: Second


def simulate_ensemble(
    mtj: Mtj,
    current: Ampere,
    duration: Second,
    trajectories: int,
    seed: int,
    *,
    temperature: Kelvin = 300.0,
    step: Second | None = None,
    start: str | ArrayLike = "thermal",
    field: Vector = ZERO,
    voltage: Volt = 0.0,
    line_current: Ampere = 0.0,
    samples: int = 0,
    threads: int = 1,
) -> Ensemble:
    """Trajectories of the free layer under one constant pulse; `simulate_phases` does pulse trains.

    >>> from devicemodels.mtj import load_mtj
    >>> mtj = load_mtj("ikeda2010").device
    >>> run = simulate_ensemble(mtj, 4 * mtj.critical_current(), 5e-9, trajectories=100, seed=1)
    >>> float((run.final[:, 2] < 0).mean())
    1.0

    Parameters
    ----------
    current, duration, field, voltage, line_current
        As `Phase`.
    temperature, step, start, samples, threads, trajectories, seed
        As `simulate_phases`.
    """
    phase = Phase(duration=duration, current=current, line_current=line_current, voltage=voltage, field=field)
    return simulate_phases(
        mtj,
        [phase],
        trajectories,
        seed,
        temperature=temperature,
        step=step,
        start=start,
        samples=samples,
        threads=threads,
    )


def simulate_phases(
    mtj: Mtj,
    phases: Sequence[Phase],
    trajectories: int,
    seed: int,
    *,
    temperature: Kelvin = 300.0,
    step: Second | None = None,
    start: str | ArrayLike = "thermal",
    samples: int = 0,
    threads: int = 1,
) -> Ensemble:
    """Trajectories of the free layer, a coherent macrospin, through phases of constant current, voltage and field.

    Trajectory k is the same, bit by bit, for the same seed and phases, whatever the number of trajectories, samples
    and threads.

    Parameters
    ----------
    trajectories, seed
        How many, and a whole number from 0 to 2^64 - 1.
    temperature
        Of the layer, in kelvin: its magnetisation, anisotropy, polarisation and noise follow.
    step
        Upper limit of the time step; a phase is cut into equal ones. By default a third of `macrospin.step_limit`.
    start
        "parallel" or "antiparallel": equilibrium in that well under the field of the first phase, without currents
        and voltage (`equilibrium.thermal_states`); "thermal": the well that the first phase's current works against,
        parallel without one; or directions of shape (3,) or (trajectories, 3), which are normalised.
    samples
        How many times the states are recorded, evenly spaced and the last at the end.
    threads
        Processor cores to use.

    Raises
    ------
    UserError
        If there are no trajectories or phases, a phase is shorter than the step, the step would bias error rates
        (`macrospin.step_limit`), the start is none of the above, there are more samples than steps, or a number is
        negative where it must not be, or not finite.
    """
    check_counts(trajectories, seed, threads)
    stretches = plan(mtj, phases, temperature=temperature, step=step)
    states = initial_states(mtj, phases[0], start, trajectories, seed, temperature=temperature)
    sampled_steps, times = _sample_steps(stretches, samples)
    sampled = np.empty((samples, trajectories, 3))
    done = 0
    for stretch in stretches:
        here = (sampled_steps > done) & (sampled_steps <= done + stretch.steps)
        states, sampled[here] = advance(
            stretch, states, seed=seed, first_step=done, sampled_steps=sampled_steps[here] - done, threads=threads
        )
        done += stretch.steps
    return Ensemble(final=states, step=max(s.step for s in stretches), times=times, sampled=sampled)


def plan(mtj: Mtj, phases: Sequence[Phase], *, temperature: Kelvin, step: Second | None = None) -> list[Stretch]:
    """Coefficients and steps of each phase.

    Raises
    ------
    UserError
        If there are no phases or more than `MOST_STEPS` steps, and as `macrospin.driven` and `macrospin.steps_of`.
    """
    if not phases:
        raise UserError("the pulse train has no phases; give at least one")
    stretches = []
    for phase in phases:
        require_positive("the duration of a pulse", phase.duration, "s")
        spin = _driven(mtj, phase, temperature)
        steps = steps_of(spin, duration=phase.duration, step=step)
        stretches.append(Stretch(spin, steps, phase.duration / steps))
    total = sum(s.steps for s in stretches)
    if total > MOST_STEPS:
        raise UserError(f"the pulses take {total:.3g} time steps, but at most {MOST_STEPS:.3g}; shorten them")
    return stretches


def _driven(mtj: Mtj, phase: Phase, temperature: Kelvin) -> Macrospin:
    return macrospin.driven(
        mtj,
        current=phase.current,
        line_current=phase.line_current,
        voltage=phase.voltage,
        field=phase.field,
        temperature=temperature,
    )


def initial_states(
    mtj: Mtj, phase: Phase, start: str | ArrayLike, trajectories: int, seed: int, *, temperature: Kelvin
) -> np.ndarray:
    """Unit vectors (trajectories, 3) to start `phase` from; `start` as in `simulate_phases`."""
    if isinstance(start, str):
        check_start(start)
        resting = macrospin.driven(mtj, field=phase.field, temperature=temperature)
        side = (0.0, 0.0, -1.0 if starts_antiparallel(start, phase) else 1.0)
        return thermal_states(resting, count=trajectories, seed=seed, side=side)
    directions = np.asarray(start, dtype=float)
    if directions.shape not in ((3,), (trajectories, 3)):
        raise UserError(
            f"the start has the shape {directions.shape}; give one direction (3,) or one for each of "
            f"{trajectories} trajectories, ({trajectories}, 3)"
        )
    length = np.linalg.norm(directions, axis=-1, keepdims=True)
    if not (np.isfinite(length).all() and (length > 0).all()):
        raise UserError("a start direction is zero or not finite; give vectors with a length")
    return np.broadcast_to(directions / length, (trajectories, 3)).copy()


def starts_antiparallel(start: str, phase: Phase) -> bool:
    """Whether one of `STARTS` means the antiparallel well."""
    return start == "antiparallel" or (start == "thermal" and phase.current < 0)


def check_start(start: str) -> None:
    """Refuse a start that is none of `STARTS`."""
    if start not in STARTS:
        raise UserError(f"the start is '{start}'; give one of {', '.join(STARTS)}, or directions")


def advance(
    stretch: Stretch,
    states: np.ndarray,
    *,
    seed: int,
    first_step: int = 0,
    sampled_steps: ArrayLike = (),
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Integrate a stretch from unit vectors `states`, (n, 3); returns the final states and those at `sampled_steps`.

    Random numbers belong to (seed, row of `states`, `first_step` + step): copies of one state in different rows go
    different ways, and a run that continues another takes up its count of steps.
    """
    states = np.array(states, dtype=float, order="C")
    marks = np.asarray(sampled_steps, dtype=np.int64)
    sampled = np.empty((len(marks), len(states), 3))
    blocks = -(-len(states) // LANES)
    torque, half = _torque(stretch.spin, stretch.step), _torque(stretch.spin, stretch.step / 2)
    scale = np.float32(_noise(stretch.spin, stretch.step))

    def run(first: int, last: int) -> None:
        run_blocks(states, first, last, torque, half, scale, np.uint64(seed), first_step, stretch.steps, marks, sampled)

    bounds = np.linspace(0, blocks, min(threads, max(blocks, 1)) + 1).astype(int).tolist()
    if len(bounds) == 2:
        run(0, blocks)
    else:
        with ThreadPoolExecutor(len(bounds) - 1) as pool:
            list(pool.map(run, bounds[:-1], bounds[1:]))
    return states, sampled


def _torque(spin: Macrospin, step: Second) -> np.ndarray:
    """Coefficients of half the rotation vector of a step, shape (10,), as the kernel takes them."""
    half = spin.gyration * step / 2
    torque = half * (1 + spin.damping**2) * np.asarray(spin.damping_like)
    return np.concatenate([half * np.asarray(spin.anisotropy), half * spin.steady, [spin.damping], torque])


def _noise(spin: Macrospin, step: Second) -> float:
    """Deviation of each component of half the random rotation vector.

    With q = 2 D dt the random rotation, whose tangent of half the angle is Gaussian, would spread the Legendre moments
    by a factor 1 - q/2 too little; q (1 + q/2) instead makes all of them right to second order in q.
    """
    variance = 2 * spin.diffusion * step
    return math.sqrt(variance * (1 + variance / 2)) / 2


def _sample_steps(stretches: Sequence[Stretch], samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps, counted from one through all stretches, after which to sample, and their times."""
    if samples < 0:
        raise UserError(f"the number of samples is {samples}; give zero or more")
    first = np.cumsum([0, *[s.steps for s in stretches]])
    begin = np.cumsum([0.0, *[s.steps * s.step for s in stretches]])
    wanted = begin[-1] * np.arange(1, samples + 1) / max(samples, 1)
    stretch = np.searchsorted(begin[1:-1], wanted * (1 - 1e-9), side="right")
    step = np.array([s.step for s in stretches])[stretch]
    within = np.ceil((wanted - begin[stretch]) / step - 1e-6).astype(np.int64)
    steps = first[stretch] + within
    if np.any(np.diff(steps, prepend=0) == 0):
        raise UserError(f"{samples} samples were asked for, but there are only {first[-1]} steps; give fewer")
    return steps, begin[stretch] + within * step


def check_counts(trajectories: int, seed: int, threads: int) -> None:
    """Refuse no or too many trajectories, a seed of more than 64 bits, and no threads."""
    if not 0 < trajectories <= MOST_TRAJECTORIES:
        raise UserError(f"{trajectories} trajectories were asked for; give from 1 to {MOST_TRAJECTORIES}")
    if not 0 <= seed < 2**64:
        raise UserError(f"the seed is {seed}; give a whole number from 0 to 2^64 - 1")
    if threads < 1:
        raise UserError(f"{threads} threads were asked for; give one or more")
