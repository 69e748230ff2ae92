"""Many one-dimensional roots at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_STEPS = 60
"""Bisection from any bracket used here to the tolerance would take fewer."""


def bracketed_roots(function: Callable[[Array], Array], low: Array, high: Array, *, tolerance: float) -> Array:
    """Roots of a function that acts element by element, one in each bracket [low, high] (all of one shape).

    Chandrupatla (1997): inverse quadratic interpolation where it is safe, bisection elsewhere. An element whose ends
    have the same sign has no bracket and yields nan. `tolerance` is in the units of the argument.
    """
    a, b = np.array(high, dtype=float), np.array(low, dtype=float)
    f_a, f_b = function(a), function(b)
    unbracketed = f_a * f_b > 0
    c, f_c = a, f_a
    step = np.full(a.shape, 0.5)
    for _ in range(MOST_STEPS):
        x = a + step * (b - a)
        f_x = function(x)
        kept = np.sign(f_x) == np.sign(f_a)
        c, f_c = np.where(kept, a, b), np.where(kept, f_a, f_b)
        b, f_b = np.where(kept, b, a), np.where(kept, f_b, f_a)
        a, f_a = x, f_x
        best = np.where(np.abs(f_a) < np.abs(f_b), a, b)
        least = tolerance / np.maximum(np.abs(b - a), tolerance)
        if np.all((least > 0.5) | (np.minimum(np.abs(f_a), np.abs(f_b)) == 0) | unbracketed):
            break
        step = np.clip(_step(a, b, c, f_a, f_b, f_c), np.minimum(least, 0.5), 1 - np.minimum(least, 0.5))
    return np.where(unbracketed, np.nan, best)


def _step(a: Array, b: Array, c: Array, f_a: Array, f_b: Array, f_c: Array) -> Array:
    """Where to try next, as a fraction of the way from a to b."""
    with np.errstate(divide="ignore", invalid="ignore"):
        xi, phi = (a - b) / (c - b), (f_a - f_b) / (f_c - f_b)
        safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        quadratic = f_a / (f_b - f_a) * f_c / (f_b - f_c)
        quadratic = quadratic + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
    return np.where(safe & np.isfinite(quadratic), quadratic, 0.5)
