"""Probabilities of one in a billion, by sampling where the failures are.

A margin is a function of standard normal variables that is negative where the cell fails. The most probable failure
point is the failing point nearest the origin; its distance, in sigmas, is the reliability index (Hasofer and Lind
1974; Rackwitz and Fiessler 1978). Samples drawn around it and weighted by how much rarer they truly are give the
probability and its confidence interval (importance sampling by mean shift; Kanj, Joshi and Nassif 2006).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincc

from devicemodels.statistics import normal_tail

Array = NDArray[np.float64]
Margin = Callable[[Array], Array]
"""Margins (samples,) of points (samples, dimensions) in standard deviations; negative where the point fails."""

FARTHEST = 12.0
"""Sigmas beyond which no failure is sought: one in 10^32."""

CONFIDENCE_SIGMAS = 1.96
"""Half-width of a two-sided 95 % interval."""

STEP = 0.05
"""Sigmas, of the central differences that give the gradient: wide, since a margin is a maximum over a coarse grid."""

SEARCH_STEPS = 30
SETTLED = 0.02
"""Sigmas: a step this short ends the search; the centre of the samples need not be exact."""


@dataclass(frozen=True, kw_only=True)
class FailureProbability:
    """An estimate with its 95 % confidence interval (`low`, `high`) and the margins evaluated for it.

    `points` are the most probable failure points, shape (points, dimensions), in standard deviations.
    """

    estimate: float
    low: float
    high: float
    evaluations: int
    points: Array

    @property
    def sigmas(self) -> float:
        """The number of sigmas at which a one-sided normal tail has this probability."""
        return tail_sigmas(self.estimate)


def tail_sigmas(probability: float) -> float:
    """Inverse of `normal_tail`, at most `FARTHEST`; `probability` is below one."""
    if probability < normal_tail(FARTHEST):
        return FARTHEST
    return float(brentq(lambda s: math.log(normal_tail(s) / probability), -FARTHEST, FARTHEST))


def most_probable_failure(margin: Margin, start: Array) -> Array | None:
    """The failing point nearest the origin, shape (dimensions,), sought from where the ray along `start` first fails.

    Each step of Hasofer, Lind, Rackwitz and Fiessler goes to the point of the tangent plane nearest the origin. None if
    nothing fails along the ray within `FARTHEST` sigmas, or if the steps lead beyond them.
    """
    point = _first_failure(margin, start)
    for _ in range(SEARCH_STEPS):
        if point is None or np.linalg.norm(point) > FARTHEST:
            return None
        value, slope = _value_and_gradient(margin, point)
        following = (slope @ point - value) / (slope @ slope) * slope
        moved = float(np.linalg.norm(following - point))
        # Half steps once the search nears its end, lest it circle a curved surface for ever.
        point = following if moved > 1 else (point + following) / 2
        if moved < SETTLED:
            break
    return point


def _first_failure(margin: Margin, direction: Array) -> Array | None:
    """Where the ray along `direction` first fails, on a grid of half sigmas, if it does."""
    unit = direction / np.linalg.norm(direction)
    radii = np.arange(0.5, FARTHEST + 0.5, 0.5)
    failing = margin(radii[:, None] * unit) < 0
    return radii[np.argmax(failing)] * unit if failing.any() else None


def _value_and_gradient(margin: Margin, point: Array) -> tuple[float, Array]:
    shifts = STEP * np.eye(len(point))
    values = margin(np.concatenate([point[None], point + shifts, point - shifts]))
    above, below = np.split(values[1:], 2)
    return float(values[0]), (above - below) / (2 * STEP)


def importance_sample(
    margin: Margin, points: Sequence[Array], *, samples: int, generator: np.random.Generator
) -> FailureProbability:
    """Failure probability from `samples` unit normals spread evenly over `points`, weighted by true over drawn density.

    Failures that no point is near are missed; one point for each way to fail is the caller's part.
    """
    centres = np.array(points)
    drawn = generator.standard_normal((samples, centres.shape[1])) + centres[np.arange(samples) % len(centres)]
    # phi(z - c) / phi(z) = exp(c.z - c.c/2): the drawn density over the true one is the mean of these.
    ratios = np.exp(drawn @ centres.T - 0.5 * np.sum(centres**2, axis=1)).mean(axis=1)
    weights = np.where(margin(drawn) < 0, 1 / ratios, 0.0)
    return _estimate(weights, centres)


def sample_directly(
    margin: Margin, *, dimensions: int, samples: int, generator: np.random.Generator
) -> FailureProbability:
    """Failure probability by plain Monte Carlo: for probabilities that `samples` can see."""
    weights = (margin(generator.standard_normal((samples, dimensions))) < 0).astype(float)
    return _estimate(weights, np.empty((0, dimensions)))


def unseen(dimensions: int) -> FailureProbability:
    """What is known when no failure lies within `FARTHEST`: at most the probability of being outside that sphere."""
    outside = float(gammaincc(dimensions / 2, FARTHEST**2 / 2))
    return FailureProbability(estimate=0.0, low=0.0, high=outside, evaluations=0, points=np.empty((0, dimensions)))


def _estimate(weights: Array, points: Array) -> FailureProbability:
    mean = float(weights.mean())
    half = CONFIDENCE_SIGMAS * float(weights.std(ddof=1)) / math.sqrt(len(weights))
    return FailureProbability(
        estimate=mean, low=max(mean - half, 0.0), high=mean + half, evaluations=len(weights), points=points
    )


def array_yield(probability: float, *, bits: int) -> float:
    """Probability that none of `bits` independent cells fails."""
    return math.exp(bits * math.log1p(-probability)) if probability < 1 else 0.0
