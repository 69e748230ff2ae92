"""The read port that makes a 6T cell an 8T cell: two n-channel transistors in series on a bitline of their own.

The stored bit drives the lower gate and no current reaches the cell, so the 8T cell's read margin is its hold margin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.compact_model import CompactModel, check_fit_range
from devicemodels.quantities import Kelvin, Metre, Volt
from devicemodels.sram.roots import bracketed_roots
from devicemodels.statistics import threshold_sigma

Array = NDArray[np.float64]

TOLERANCE = 1e-6
"""Volts, of the node between the two transistors."""


@dataclass(frozen=True, kw_only=True)
class ReadPort:
    """The two transistors as drawn: `select_width` on the read wordline, `drive_width` on the stored bit."""

    nmos: CompactModel
    select_width: Metre
    drive_width: Metre


def port_mismatch_sigmas(port: ReadPort) -> Array:
    """Standard deviations of the two thresholds in volts (select, drive), shape (2,)."""
    m, widths = port.nmos, (port.select_width, port.drive_width)
    return np.array([threshold_sigma(matching=m.matching, width=w, length=m.channel_length) for w in widths])


def port_read_current(
    port: ReadPort,
    *,
    supply: Volt,
    temperature: Kelvin,
    threshold_shift: ArrayLike | None = None,
    stored: bool = True,
) -> Array:
    """Current in amperes from a read bitline at the supply, shape (samples,); leakage if the bit `stored` is zero.

    `threshold_shift` in volts has the shape (samples, 2): select, drive.
    """
    check_fit_range(port.nmos, voltage=supply, temperature=temperature)
    shift = np.zeros((1, 2)) if threshold_shift is None else np.asarray(threshold_shift, dtype=float)
    select, drive = (
        port.nmos.drawn(width=width, temperature=temperature, threshold_shift=column)
        for width, column in zip((port.select_width, port.drive_width), shift.T, strict=True)
    )
    gate = supply if stored else 0.0

    def upper(node: Array) -> Array:
        return select.drain_current(gate=supply, drain=supply, source=node)

    ends = np.zeros(len(shift)), np.full(len(shift), supply)
    node = bracketed_roots(
        lambda v: upper(v) - drive.drain_current(gate=gate, drain=v, source=0.0), *ends, tolerance=TOLERANCE
    )
    return drive.drain_current(gate=gate, drain=node, source=0.0)
