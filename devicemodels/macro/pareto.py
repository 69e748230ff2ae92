"""Which points of many are not beaten in every objective by another one."""

import numpy as np
from numpy.typing import NDArray

BLOCK = 256
"""Points that are set against all others at once: a bound on memory."""


def pareto_front(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask, shape (points,), of the points of `costs`, shape (points, objectives), that no other point dominates.

    Lower is better. A point dominates another if it is nowhere higher and somewhere lower; of equal points none
    dominates, so all of them are on the front or none. Exact: a point is only dropped for one that dominates it.
    Points with a cost that is not a number are never on the front.

    Ordered by their first cost and then the next, no point dominates an earlier one. So blocks are taken in that order,
    thinned by the front so far and then among themselves.
    """
    usable = np.flatnonzero(~np.isnan(costs).any(axis=1))
    order = usable[np.lexsort(costs[usable].T[::-1])]
    front = order[:0]
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        block = block[~_dominated(costs[block], by=costs[front])]
        block = block[~_dominated(costs[block], by=costs[block])]
        front = np.concatenate([front, block])
    mask = np.zeros(len(costs), dtype=bool)
    mask[front] = True
    return mask


def _dominated(costs: NDArray[np.float64], *, by: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask over `costs` (n, k): dominated by any of `by` (m, k)."""
    no_higher, lower = np.ones((len(costs), len(by)), dtype=bool), np.zeros((len(costs), len(by)), dtype=bool)
    for one, other in zip(costs.T, by.T, strict=True):  # objective by objective, which keeps the arrays flat
        no_higher &= other <= one[:, np.newaxis]
        lower |= other < one[:, np.newaxis]
    return (no_higher & lower).any(axis=1)
