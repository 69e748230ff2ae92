"""How often a cell fails to hold, read or write, and the lowest supply at which that is rare enough."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devicemodels.errors import UserError
from devicemodels.quantities import Kelvin, Volt
from devicemodels.sram.bitcell import TRANSISTORS, Bias, Bitcell, half_cells, hold_bias, mismatch_sigmas, read_bias
from devicemodels.sram.bitcell import write_bias as write_zero_bias
from devicemodels.sram.butterfly import BLOCK, state_margin
from devicemodels.sram.rare_failure import (
    FailureProbability,
    Margin,
    importance_sample,
    most_probable_failure,
    sample_directly,
    unseen,
)

Array = NDArray[np.float64]

MODES = ("hold", "read", "write")
SAMPLES = 4000
SUPPLY_STEP = 1e-3
"""Volts, to which a lowest supply is found."""

# The direction, in the order of TRANSISTORS, from which the search for the most probable failure of "A stores one"
# starts: a stronger pass gate and weaker pull-down at the zero, a weaker pull-up at the one; the reverse for a write.
_WEAKER = {
    "hold": (-1.0, 0.0, 1.0, 1.0, -1.0, -1.0),
    "read": (-0.5, 0.0, 0.5, 1.0, -1.0, -0.5),
    "write": (0.0, 1.0, -1.0, 0.0, 0.5, 0.5),
}


def state_margins(cell: Bitcell, mode: str, *, supply: Volt, temperature: Kelvin) -> Margin:
    """Margin in volts against failing in `mode` while (or, to be written, before) node A stores one.

    A function of points (samples, 6) in standard deviations of each threshold; by symmetry the other state fails as
    often, with the halves exchanged. Raises `UserError` for an unknown mode.
    """
    biases: dict[str, Callable[..., Bias]] = {"hold": hold_bias, "read": read_bias, "write": write_zero_bias}
    if mode not in MODES:
        raise UserError(f"the failure mode is '{mode}', but must be one of {', '.join(MODES)}")
    bias, sigmas = biases[mode](supply=supply, temperature=temperature), mismatch_sigmas(cell)
    sign = -1.0 if mode == "write" else 1.0

    def margin(points: Array) -> Array:
        blocks = [points[k : k + BLOCK] * sigmas for k in range(0, len(points), BLOCK)]
        return sign * np.concatenate([state_margin(*half_cells(cell, bias, block)) for block in blocks])

    return margin


def failure_probability(
    cell: Bitcell, mode: str, *, supply: Volt, temperature: Kelvin, samples: int = SAMPLES, seed: int = 0
) -> FailureProbability:
    """Probability that one cell fails in `mode` ("hold", "read" or "write") in either state, by importance sampling.

    The two states fail at mirrored places far from each other, so their probabilities add. Raises `UserError` for a
    bias outside the fit or an unknown mode. Where no failure lies within twelve sigmas, the estimate is zero.
    """
    margin = state_margins(cell, mode, supply=supply, temperature=temperature)
    point = most_probable_failure(margin, np.array(_WEAKER[mode]))
    if point is None:
        return unseen(len(TRANSISTORS))
    one = importance_sample(margin, [point], samples=samples, generator=np.random.default_rng(seed))
    return _both_states(one)


def _both_states(one: FailureProbability) -> FailureProbability:
    mirrored = np.roll(one.points, len(TRANSISTORS) // 2, axis=1)
    return FailureProbability(
        estimate=2 * one.estimate,
        low=2 * one.low,
        high=2 * one.high,
        evaluations=one.evaluations,
        points=np.concatenate([one.points, mirrored]),
    )


def sampled_failure_probability(
    cell: Bitcell, mode: str, *, supply: Volt, temperature: Kelvin, samples: int, seed: int = 0
) -> FailureProbability:
    """The same by plain Monte Carlo over both states, for probabilities that `samples` can see."""
    one = state_margins(cell, mode, supply=supply, temperature=temperature)

    def either(points: Array) -> Array:
        return np.minimum(one(points), one(np.roll(points, len(TRANSISTORS) // 2, axis=1)))

    generator = np.random.default_rng(seed)
    return sample_directly(either, dimensions=len(TRANSISTORS), samples=samples, generator=generator)


@dataclass(frozen=True, kw_only=True)
class LowestSupply:
    """The lowest supply in volts, the mode that sets it, and the failure probability there in each mode."""

    supply: Volt
    limiting_mode: str
    probabilities: dict[str, FailureProbability]


def lowest_supply(
    cell: Bitcell,
    *,
    failure_limit: float,
    temperature: Kelvin,
    span: tuple[Volt, Volt],
    samples: int = SAMPLES,
    modes: tuple[str, ...] = MODES,
    seed: int = 0,
) -> LowestSupply:
    """Vmin: the lowest supply within `span` at which no mode fails more often than `failure_limit` in one cell.

    Bisection on the supply, with the same random numbers at each. Raises `UserError` if the highest supply does not
    do; the message says which mode fails and how often.
    """
    low, high = span

    def at(supply: Volt) -> dict[str, FailureProbability]:
        given = {"supply": supply, "temperature": temperature, "samples": samples, "seed": seed}
        return {mode: failure_probability(cell, mode, **given) for mode in modes}

    found = at(high)
    worst = max(modes, key=lambda mode: found[mode].estimate)
    if found[worst].estimate > failure_limit:
        raise UserError(
            f"at {high:g} V a cell fails to {worst} with probability {found[worst].estimate:.2g}, but the limit is "
            f"{failure_limit:.2g}; raise the supply, widen the cell's transistors or allow more failures"
        )
    while high - low > SUPPLY_STEP:
        middle = (low + high) / 2
        tried = at(middle)
        if max(p.estimate for p in tried.values()) > failure_limit:
            low, worst = middle, max(modes, key=lambda mode: tried[mode].estimate)
        else:
            high, found = middle, tried
    return LowestSupply(supply=high, limiting_mode=worst, probabilities=found)
