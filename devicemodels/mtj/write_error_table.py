"""Write errors from a table: the Fokker-Planck equation solved once for all junctions without a stray field.

Such an error rate depends on three numbers, and ln(-ln(1 - WER)) is nearly the asymptotic formula of Butler et al.
(2012) for a high barrier. What is left is smooth; its Chebyshev series over 1/Delta, ln(overdrive) and ln(time) lies
beside this file and is made anew by `python -m devicemodels.mtj.write_error_table` (seconds). For Delta of 20 to 150
and overdrives of 1.2 to 5 it is within 2.5 % of the equation down to 1e-21, and within 0.5 % (rms).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray

from devicemodels.mtj.fokker_planck import switching_probability, write_error_rate

Array = NDArray[np.float64]

TABLE = Path(__file__).with_suffix(".npy")
SHAPE = (10, 28, 16)
"""Terms of the series in 1/Delta, ln(overdrive), and ln(time times rate)."""
STABILITIES = (10.0, 300.0)
OVERDRIVES = (0.85, 7.0)
PROGRESS = (0.7, 56.0)
"""Of time times `_rate`: from hardly moved to an error of 1e-21."""


def tabulated_write_error(*, delta: ArrayLike, overdrive: ArrayLike, reduced_time: ArrayLike) -> Array:
    """`fokker_planck.write_error_rate` without field, interpolated; arguments broadcast, and are not checked.

    Outside the table the formula stands, with what is left of it at the table's edge.
    """
    delta, drive, time = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (delta, overdrive, reduced_time)))
    axes = _axes(delta.ravel(), drive.ravel(), time.ravel())
    vanders = [chebyshev.chebvander(np.clip(x, -1, 1), n - 1) for x, n in zip(axes, SHAPE, strict=True)]
    first, second, third = vanders
    planes = (first @ _table().reshape(SHAPE[0], -1)).reshape(-1, *SHAPE[1:])
    rest = np.einsum("nj,nj->n", second, (planes @ third[:, :, None])[:, :, 0]).reshape(delta.shape)
    return -np.expm1(-np.exp(np.clip(_butler(delta, drive, time) + rest, -50.0, 5.0)))


def _axes(delta: Array, drive: Array, time: Array) -> list[Array]:
    """Places on the table's axes, each from -1 to 1."""
    spans = [(1 / STABILITIES[1], 1 / STABILITIES[0]), np.log(OVERDRIVES), np.log(PROGRESS)]
    progress = np.log(np.maximum(time * _rate(drive), 1e-12))
    values = 1 / delta, np.log(np.maximum(drive, 1e-12)), progress
    return [2 * (v - low) / (high - low) - 1 for v, (low, high) in zip(values, spans, strict=True)]


def _rate(overdrive: Array) -> Array:
    """About how fast ln WER falls: 2 (i - 1), and near one below the threshold, so that a table can end there."""
    return overdrive - 1 + np.hypot(overdrive - 1, 0.9)


def _butler(delta: Array, overdrive: Array, time: Array) -> Array:
    """ln[(pi^2 Delta/4) (i - 1)/(i e^(2 (i - 1) t) - 1)], the logarithm of -ln(1 - WER) at a high barrier."""
    past = np.where(np.abs(overdrive - 1) < 1e-9, 1e-9, overdrive - 1)
    growth = 2 * past * time
    # i e^g - 1 overflows for long pulses: there it is i e^g.
    grown = np.where(growth > 300, 1.0, past / (overdrive * np.exp(np.minimum(growth, 300)) - 1))
    long = np.log(np.maximum(past, 1e-300) / np.maximum(overdrive, 1e-300)) - growth
    return np.log(np.pi**2 * delta / 4) + np.where(growth > 300, long, np.log(np.maximum(grown, 1e-300)))


@cache
def _table() -> Array:
    return np.load(TABLE).astype(float)


def solve_table() -> Array:
    """The coefficients, shape `SHAPE`, from the equation at the Chebyshev nodes."""
    nodes = [np.cos(np.pi * (np.arange(n) + 0.5) / n) for n in SHAPE]
    values = _rest_at(nodes)
    for axis, points in enumerate(nodes):
        inverse = np.linalg.inv(chebyshev.chebvander(points, points.size - 1))
        values = np.moveaxis(np.tensordot(inverse, values, axes=(1, axis)), 0, axis)
    return values


def _rest_at(nodes: Sequence[Array]) -> Array:
    spans = [(1 / STABILITIES[1], 1 / STABILITIES[0]), np.log(OVERDRIVES), np.log(PROGRESS)]
    u, v, w = ((low + high) / 2 + (high - low) / 2 * x for x, (low, high) in zip(nodes, spans, strict=True))
    delta, drive = 1 / u[:, None, None], np.exp(v)[None, :, None]
    time = np.exp(w)[None, None, :] / _rate(drive)
    point = {"delta": delta, "overdrive": drive, "reduced_time": time}
    error, switched = np.asarray(write_error_rate(**point)), np.asarray(switching_probability(**point))
    with np.errstate(divide="ignore"):
        double_log = np.where(error < 0.5, np.log(-np.log1p(-np.minimum(error, 0.9))), np.log(-np.log(switched)))
    return double_log - _butler(*np.broadcast_arrays(delta, drive, time))


if __name__ == "__main__":
    np.save(TABLE, solve_table().astype(np.float32))
