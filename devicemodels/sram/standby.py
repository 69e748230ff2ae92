"""A cell that only keeps its bit: what it leaks, and how low its supply may go."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.quantities import Kelvin, Volt
from devicemodels.sram.bitcell import Bitcell, half_cells, hold_bias
from devicemodels.sram.butterfly import lobe_margins
from devicemodels.sram.roots import bracketed_roots

Array = NDArray[np.float64]

TOLERANCE = 1e-4
"""Volts, of a retention voltage."""

LOWEST_SUPPLY = 0.02
"""Volts, below the thermal limit of an inverter pair: no bit is held here."""


def standby_current(
    cell: Bitcell, *, supply: ArrayLike, temperature: Kelvin, threshold_shift: ArrayLike | None = None
) -> Array:
    """Current in amperes from the supply and the bitlines of a cell that stores one in A, shape (samples,).

    The sum of the three off-transistors with the whole supply across them; gate and junction leakage are left out.
    """
    a, b = half_cells(cell, hold_bias(supply=supply, temperature=temperature), threshold_shift)
    # Node A at the supply: its pull-down leaks. Node B at ground: its pass gate and pull-up do.
    return b.pass_current(0.0) + b.up_current(supply, 0.0) - (a.current(0.0, supply) - a.up_current(0.0, supply))


def retention_voltage(
    cell: Bitcell, *, temperature: Kelvin, threshold_shift: ArrayLike | None = None, highest: Volt | None = None
) -> Array:
    """Lowest supply in volts at which both bits hold, shape (samples,); bitlines at the supply, wordline at ground.

    Sought up to `highest` (the transistors' limit if None); nan where the cell does not hold even there.
    """
    samples = 1 if threshold_shift is None else len(np.asarray(threshold_shift))
    top = min(cell.nmos.voltage_limit, cell.pmos.voltage_limit) if highest is None else highest

    def margin(supply: Array) -> Array:
        return lobe_margins(cell, hold_bias(supply=supply, temperature=temperature), threshold_shift).min(axis=1)

    low, high = np.full(samples, LOWEST_SUPPLY), np.full(samples, top)
    return bracketed_roots(margin, low, high, tolerance=TOLERANCE)
