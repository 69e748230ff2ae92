"""The 1T1MTJ cell: what a node offers for embedded MRAM, whatever stack sits on it."""

from dataclasses import dataclass
from pathlib import Path

from devicemodels.quantities import Metre, OhmPerMetre, Ratio, Second, Sheet, SquareMetre, Volt, load_sheet


@dataclass(frozen=True, kw_only=True)
class MramCell:
    """Geometry of the cell, its voltages and its write conditions.

    `height` runs along the bitline, across the fingers. The access transistor fills the cell: `access_fingers` of
    width `area / height - finger_spacing`. A write drives `write_overdrive` I_c0 for `write_pulse`; the bitline and
    the source line are driven from opposite ends, so that every row sees the same length of wire.
    `array_overhead` is the area of references, regulators, edge and dummy cells, redundancy and test over the cells'.
    """

    name: str
    area: SquareMetre
    height: Metre
    access_fingers: Ratio
    finger_spacing: Metre
    bitline_resistance: OhmPerMetre
    wordline_write_voltage: Volt
    write_voltage: Volt
    write_overdrive: Ratio
    write_pulse: Second
    read_voltage: Volt
    array_overhead: Ratio

    @property
    def width(self) -> Metre:
        """Extent along the wordline."""
        return self.area / self.height

    @property
    def finger_width(self) -> Metre:
        """Gate width of one finger."""
        return self.width - self.finger_spacing

    @property
    def access_width(self) -> Metre:
        """Gate width of the access transistor that fits the cell."""
        return self.access_fingers * self.finger_width


def load_mram_cell(name_or_path: Path | str) -> Sheet[MramCell]:
    """Read an MRAM cell sheet by its shipped name or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("mram", name_or_path, MramCell)
