"""How far a bitline must fall, or a wordline rise, to write: the bias at which a state's lobe closes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.quantities import Kelvin, Volt
from devicemodels.sram.bitcell import Bias, Bitcell, half_cells, read_bias, write_bias
from devicemodels.sram.butterfly import state_margin
from devicemodels.sram.roots import bracketed_roots

Array = NDArray[np.float64]

TOLERANCE = 1e-4
"""Volts, of a flip voltage."""

REACH = 0.5
"""How far below ground (bitline) or above the supply (wordline) a flip is sought, as a fraction of the supply."""


def bitline_flip(
    cell: Bitcell, *, supply: Volt, temperature: Kelvin, threshold_shift: ArrayLike | None = None
) -> Array:
    """Voltage of the falling bitline A at which node A, storing one, flips; wordline at the supply. Shape (samples,).

    The higher, the easier the write. Below zero a bitline at ground does not write; nan where -supply/2 does not.
    """
    bias = read_bias(supply=supply, temperature=temperature)
    return _flip(cell, lambda v: replace(bias, bitline_a=v), (-REACH * supply, supply), threshold_shift)


def wordline_flip(
    cell: Bitcell, *, supply: Volt, temperature: Kelvin, threshold_shift: ArrayLike | None = None
) -> Array:
    """Voltage of the rising wordline at which node A, storing one, flips; bitline A at ground. Shape (samples,).

    The lower, the easier the write. Above the supply the cell is not writeable; nan where 1.5 supplies do not write.
    """
    bias = write_bias(supply=supply, temperature=temperature)
    return _flip(cell, lambda v: replace(bias, wordline=v), (0.0, (1 + REACH) * supply), threshold_shift)


def _flip(
    cell: Bitcell, bias: Callable[[Array], Bias], span: tuple[Volt, Volt], threshold_shift: ArrayLike | None
) -> Array:
    samples = 1 if threshold_shift is None else len(np.asarray(threshold_shift))

    def margin(volts: Array) -> Array:
        return state_margin(*half_cells(cell, bias(volts), threshold_shift))

    low, high = (np.full(samples, end) for end in span)
    return bracketed_roots(margin, low, high, tolerance=TOLERANCE)
