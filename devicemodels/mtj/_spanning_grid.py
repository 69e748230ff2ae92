"""A costly function at very many points, by splines through its values on a grid that spans them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import NdBSpline, make_interp_spline

Array = NDArray[np.float64]


def on_spanning_grid(function: Callable[..., ArrayLike], columns: Sequence[Array], points: Sequence[int]) -> Array:
    """`function(*columns)`, by tensor cubic splines in as many points of each column as given.

    Parameters
    ----------
    function
        Takes arrays that broadcast together, one for each column; smooth.
    columns
        Arguments, each of shape (n,). One whose values are all alike spans no axis.
    points
        Of each axis, four or more. If there are no more arguments than points, the function is called on them directly.

    Returns
    -------
    Array
        Shape (n,).
    """
    if columns[0].size <= math.prod(points):
        return np.asarray(function(*columns))
    varied = [np.ptp(column) > 1e-9 * max(np.max(np.abs(column)), 1.0) for column in columns]
    axes = [np.linspace(column.min(), column.max(), count) for column, count in zip(columns, points, strict=True)]
    active = [axis for axis, on in zip(axes, varied, strict=True) if on]
    if not active:
        return np.full(columns[0].shape, function(*(column[0] for column in columns)))
    mesh = iter(np.meshgrid(*active, indexing="ij", sparse=True))
    values = function(*(next(mesh) if on else column[0] for column, on in zip(columns, varied, strict=True)))
    return _tensor_spline(active, np.asarray(values))(
        np.stack([column for column, on in zip(columns, varied, strict=True) if on], axis=-1)
    )


def _tensor_spline(axes: Sequence[Array], values: Array) -> NdBSpline:
    """Cubic in each axis in turn, with scipy's direct solver: `RegularGridInterpolator` iterates, and may give up."""
    knots = []
    for number, axis in enumerate(axes):
        spline = make_interp_spline(axis, values, k=3, axis=number)
        knots.append(spline.t)
        values = np.moveaxis(spline.c, 0, number)  # scipy puts the axis first
    return NdBSpline(tuple(knots), values, 3)
