"""The N-curve (Grossar et al. 2006): the current into the low node while it is forced up during a read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.quantities import Kelvin, Volt
from devicemodels.sram.bitcell import Bitcell, half_cells, read_bias
from devicemodels.sram.butterfly import inputs_at

Array = NDArray[np.float64]

STEPS = 80
"""Differences between the nodes, from none to the supply, at which the curve is computed; as many on the other side."""


@dataclass(frozen=True, kw_only=True)
class NCurve:
    """What is read off N-curves, arrays of shape (samples,) in volts and amperes; nan unless a curve has three zeros.

    `voltage_margin` (SVNM) lies between the first zero (`read_bump`, where the low node rests during a read) and the
    second; `current_margin` (SINM) is the peak between them. `trip_voltage` (WTV) and `trip_current` (WTI) are the
    same between the second zero and the third. `read_current` flows from the bitline into the low node at rest.
    """

    read_bump: Array
    read_current: Array
    voltage_margin: Array
    current_margin: Array
    trip_voltage: Array
    trip_current: Array


def n_curve(cell: Bitcell, *, supply: Volt, temperature: Kelvin, threshold_shift: ArrayLike | None = None) -> NCurve:
    """Force node B of cells that store one in node A; wordline and bitlines at the supply.

    Raises `UserError` for a bias outside the transistors' fit.
    """
    a, b = half_cells(cell, read_bias(supply=supply, temperature=temperature), threshold_shift)
    differences = np.linspace(0, supply, STEPS + 1)[:, None]
    falling, rising = inputs_at(a, differences), inputs_at(a, -differences)
    volts = np.concatenate([falling[::-1], rising[1:]])  # node B, rising
    gate = volts + np.concatenate([differences[::-1], -differences[1:]])  # node A
    current = -b.current(gate, volts)
    first, second, third = (_zero(volts, current, k) for k in range(3))
    return NCurve(
        read_bump=first,
        read_current=b.pass_current(first),
        voltage_margin=second - first,
        current_margin=_highest_between(volts, current, first, second),
        trip_voltage=third - second,
        trip_current=_highest_between(volts, -current, second, third),
    )


def _zero(x: Array, y: Array, order: int) -> Array:
    """The zero of that order (0 is the first) of each column, interpolated linearly; nan where there are not three."""
    change = np.sign(y[:-1]) != np.sign(y[1:])
    count = np.cumsum(change, axis=0)
    row = np.argmax(count == order + 1, axis=0)[None]
    x_0, x_1, y_0, y_1 = (np.take_along_axis(z, row + k, axis=0)[0] for z in (x, y) for k in (0, 1))
    return np.where(count[-1] == 3, x_0 - y_0 * (x_1 - x_0) / (y_1 - y_0), np.nan)


def _highest_between(x: Array, y: Array, low: Array, high: Array) -> Array:
    inside = (x >= low) & (x <= high)
    return np.where(inside.any(axis=0), np.max(np.where(inside, y, -np.inf), axis=0), np.nan)
