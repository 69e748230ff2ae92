"""The MRAM cell: what a node offers for embedded MRAM, whatever stack sits on it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from devicemodels.quantities import Metre, OhmPerMetre, Ratio, Second, Sheet, SquareMetre, Volt, load_sheet
from devicemodels.technology import Technology
from devicemodels.transistor import fitting_width


@dataclass(frozen=True, kw_only=True)
class MramCell:
    """Geometry of one bit, its voltages and its write conditions.

    `height` runs along the bitline, across the fingers. `junctions` per bit is 1, or 2 in opposite states (2T-2MTJ),
    each with an access transistor and a column of its own. A transistor fills its share of the cell: `access_fingers`
    as wide as that share less `finger_spacing`. A write drives `write_overdrive` I_c0 for `write_pulse`, and a word
    that fails to verify again, `write_attempts` times in all; bitline and source line are driven from opposite ends, so
    that every row sees the same length of wire. The current must flow where transistor and junction are `corner_sigmas`
    off together and supplies `supply_tolerance` low, cold and hot. `defects` is the share of bits that never work;
    `array_overhead` the area of references, regulators, edge and dummy cells and test over the cells'.
    """

    name: str
    area: SquareMetre
    height: Metre
    junctions: Ratio = 1.0
    access_fingers: Ratio
    finger_spacing: Metre
    wordline_write_voltage: Volt
    write_voltage: Volt
    write_overdrive: Ratio
    write_pulse: Second
    write_attempts: Ratio
    read_voltage: Volt
    corner_sigmas: Ratio
    supply_tolerance: Ratio
    defects: Ratio
    array_overhead: Ratio

    @property
    def width(self) -> Metre:
        """Extent along the wordline."""
        return self.area / self.height

    @property
    def share(self) -> Metre:
        """Extent along the wordline of one junction with its transistor."""
        return self.width / self.junctions


def load_mram_cell(name_or_path: Path | str) -> Sheet[MramCell]:
    """Read an MRAM cell sheet by its shipped name or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("mram", name_or_path, MramCell)


def finger_width(technology: Technology, cell: MramCell) -> Metre:
    """Gate width of one finger that fits the cell: whole fins of a FinFET, zero if there is no room."""
    return fitting_width(technology, space=cell.share - cell.finger_spacing)


def access_width(technology: Technology, cell: MramCell) -> Metre:
    """Gate width of one access transistor."""
    return cell.access_fingers * finger_width(technology, cell)


def line_resistance(technology: Technology, cell: MramCell) -> OhmPerMetre:
    """Of a bitline or a source line: the two share the width, with a minimum space beside each."""
    line = np.maximum(cell.share / 2 - technology.wire_pitch / 2, technology.wire_pitch / 2)
    return technology.wire_resistance * technology.wire_pitch / 2 / line
