"""A 6T cell and what a bank needs of it: read current, its spread, bitline load and leakage."""

import math
from dataclasses import dataclass
from pathlib import Path

from scipy.optimize import brentq

from devicemodels.quantities import Ampere, Kelvin, Metre, Ratio, Sheet, SquareMetre, load_sheet
from devicemodels.statistics import threshold_sigma
from devicemodels.technology import Technology
from devicemodels.transistor import drain_current, off_current, threshold_at


@dataclass(frozen=True, kw_only=True)
class SramCell:
    """Facts of a 6T cell and of the voltage sense amplifier that reads it.

    `height` runs along the bitline. `two_port_area_ratio` is the area of the 8T cell (a second, read-only port) over
    that of the 6T cell; `array_overhead` the area of edge and dummy cells, straps, redundancy and built-in test over
    that of the cells. Sense margins hold at `margin_sigmas` standard deviations.
    """

    name: str
    area: SquareMetre
    height: Metre
    pass_gate_width: Metre
    pull_down_width: Metre
    leakage_width: Metre
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


def read_current(technology: Technology, cell: SramCell, *, temperature: Kelvin) -> Ampere:
    """Current that discharges a bitline at the supply: pass gate and pull-down in series, the node between them solved.

    The pull-down's gate is at the supply (the stored one); the pass gate's source rises with the node.
    """
    supply = technology.supply

    def imbalance(node: float) -> float:
        lower = drain_current(
            technology, width=cell.pull_down_width, gate_source=supply, drain_source=node, temperature=temperature
        )
        return lower - _pass_gate_current(technology, cell, node=node, temperature=temperature)

    return _pass_gate_current(technology, cell, node=brentq(imbalance, 0.0, supply), temperature=temperature)


def _pass_gate_current(technology: Technology, cell: SramCell, *, node: float, temperature: Kelvin) -> Ampere:
    supply = technology.supply
    return drain_current(
        technology,
        width=cell.pass_gate_width,
        gate_source=supply - node,
        drain_source=supply - node,
        temperature=temperature,
        source_body=node,
    )


def read_current_sigma(technology: Technology, cell: SramCell, *, temperature: Kelvin) -> Ratio:
    """Relative spread of the read current from threshold mismatch of both transistors, alpha sigma_Vt / overdrive.

    Each transistor is weighted by half, since the two are in series and about equally resistive.
    """
    overdrive = technology.supply - threshold_at(technology, temperature=temperature)
    sigmas = [
        threshold_sigma(matching=technology.matching, width=width, length=technology.channel_length)
        for width in (cell.pass_gate_width, cell.pull_down_width)
    ]
    return technology.velocity_index / overdrive * math.hypot(*sigmas) / 2


def leakage_current(technology: Technology, cell: SramCell, *, temperature: Kelvin) -> Ampere:
    """Standby current of one cell: the off-currents through its three leaking transistors as one width."""
    return off_current(technology, width=cell.leakage_width, temperature=temperature)
