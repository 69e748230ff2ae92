"""A 6T cell and what a bank needs of it: read current, its spread and leakage, and the circuit that has margins."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from devicemodels.quantities import Metre, OhmPerMetre, Ratio, Sheet, SquareMetre, load_sheet
from devicemodels.sram.bitcell import Bitcell
from devicemodels.sram.roots import bracketed_roots
from devicemodels.statistics import threshold_sigma
from devicemodels.technology import Technology
from devicemodels.transistor import off_current

TOLERANCE = 1e-6
"""Volts, of the node between pass gate and pull-down."""

THRESHOLD_STEP = 1e-3
"""Volts, by which a threshold is moved to see what mismatch does to the read current."""


@dataclass(frozen=True, kw_only=True)
class SramCell:
    """Facts of a 6T cell and of the voltage sense amplifier that reads it.

    `height` runs along the bitline; widths are layout widths, of a FinFET whole fins. `bitline_resistance` and
    `wordline_resistance` are those of the lines that fit the cell. `two_port_area_ratio` is the area of the 8T cell (a
    second, read-only port) over that of the 6T cell; `array_overhead` the area of edge and dummy cells, straps,
    redundancy and built-in test over that of the cells. Sense margins hold at `margin_sigmas` standard deviations.
    """

    name: str
    area: SquareMetre
    height: Metre
    pass_gate_width: Metre
    pull_down_width: Metre
    pull_up_width: Metre
    bitline_resistance: OhmPerMetre
    wordline_resistance: OhmPerMetre
    two_port_area_ratio: Ratio
    array_overhead: Ratio
    margin_sigmas: Ratio
    amplifier_input_width: Metre
    amplifier_input_length: Metre
    amplifier_total_width: Metre
    precharge_width: Metre

    @property
    def width(self) -> Metre:
        """Extent along the wordline."""
        return self.area / self.height


def load_sram_cell(name_or_path: Path | str) -> Sheet[SramCell]:
    """Read an SRAM cell sheet by its shipped name or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("sram", name_or_path, SramCell)


def cell_circuit(technology: Technology, cell: SramCell) -> Bitcell:
    """The six transistors of `cell` in the node's own, for the margins and yields of this package."""
    return Bitcell(
        nmos=technology.nmos,
        pmos=technology.pmos,
        pull_down_width=cell.pull_down_width,
        pass_gate_width=cell.pass_gate_width,
        pull_up_width=cell.pull_up_width,
    )


def read_current(
    technology: Technology,
    cell: SramCell,
    *,
    temperature: ArrayLike,
    pass_gate_shift: ArrayLike = 0.0,
    pull_down_shift: ArrayLike = 0.0,
) -> Any:
    """Current in amperes that discharges a bitline at the supply: pass gate and pull-down in series.

    The pull-down's gate is at the supply (the stored one); the pass gate's source rises with the node between them,
    which is solved. The shifts in volts are added to the two thresholds; all arguments may be arrays.
    """
    supply, nmos = technology.supply, technology.nmos
    upper = nmos.drawn(width=cell.pass_gate_width, temperature=temperature, threshold_shift=pass_gate_shift)
    lower = nmos.drawn(width=cell.pull_down_width, temperature=temperature, threshold_shift=pull_down_shift)

    def surplus(node: Any) -> Any:
        downward = lower.drain_current(gate=supply, drain=node, source=0.0)
        return downward - upper.drain_current(gate=supply, drain=supply, source=node)

    low = np.zeros(np.shape(surplus(np.zeros(()))))
    node = bracketed_roots(surplus, low, low + supply, tolerance=TOLERANCE)
    return upper.drain_current(gate=supply, drain=supply, source=node)


def read_current_sigma(technology: Technology, cell: SramCell, *, temperature: ArrayLike) -> Any:
    """Relative spread of the read current from threshold mismatch of both transistors, to first order."""
    moved = [
        np.log(
            read_current(technology, cell, temperature=temperature, **{name: -THRESHOLD_STEP})
            / read_current(technology, cell, temperature=temperature, **{name: THRESHOLD_STEP})
        )
        for name in ("pass_gate_shift", "pull_down_shift")
    ]
    sigmas = [
        threshold_sigma(matching=technology.matching, width=width, length=technology.channel_length)
        for width in (cell.pass_gate_width, cell.pull_down_width)
    ]
    spreads = [m / (2 * THRESHOLD_STEP) * s for m, s in zip(moved, sigmas, strict=True)]
    return np.hypot(*spreads)


def leakage_current(technology: Technology, cell: SramCell, *, temperature: ArrayLike) -> Any:
    """Standby current of one cell in amperes: a pull-down, a pass gate and a pull-up are off with the supply across."""
    width = cell.pull_down_width + cell.pass_gate_width + cell.pull_up_width
    return off_current(technology, width=width, temperature=temperature)
