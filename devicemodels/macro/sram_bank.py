"""A bank of 6T cells: its facts and choices, what follows from them, and what cannot be built."""

import math
from dataclasses import dataclass

from devicemodels.errors import UserError
from devicemodels.macro.area import AreaPlan
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.periphery import Periphery, load_periphery
from devicemodels.macro.row_path import RowPath
from devicemodels.macro.wires import elmore_delay, resistance_scale
from devicemodels.quantities import Ampere, Farad, Kelvin, Metre, Ohm, Second, SquareMetre, Volt
from devicemodels.sram.cell import SramCell, read_current, read_current_sigma
from devicemodels.statistics import pair_offset_sigma
from devicemodels.technology import Technology, check_temperature


@dataclass(frozen=True, kw_only=True)
class SramBank:
    """All choices and facts of one bank; each property is one number of the chain from cell to bank.

    `ports` is 1 (6T, one port that reads or writes) or 2 (8T: a second port that only reads, at the same time).
    """

    technology: Technology
    cell: SramCell
    periphery: Periphery
    organisation: Organisation
    temperature: Kelvin
    ports: int = 1

    @property
    def cell_area(self) -> SquareMetre:
        """Area of a cell with its ports."""
        return self.cell.area * (self.cell.two_port_area_ratio if self.ports == 2 else 1.0)

    @property
    def row_path(self) -> RowPath:
        """The rows as the decoder sees them; a second port makes the cell wider, not higher."""
        return RowPath(
            technology=self.technology,
            periphery=self.periphery,
            organisation=self.organisation,
            temperature=self.temperature,
            cell_width=self.cell_area / self.cell.height,
            cell_height=self.cell.height,
            gate_width=2 * self.cell.pass_gate_width,
        )

    @property
    def switch_width(self) -> Metre:
        """Width of a column switch: four pass gates."""
        return 4 * self.cell.pass_gate_width

    @property
    def bitline_load(self) -> Farad:
        """Capacitance of one bitline and of the data line behind its switches; two cells share a contact."""
        technology = self.technology
        wire = technology.wire_capacitance * self.cell.height
        drain = technology.junction_capacitance * self.cell.pass_gate_width
        switches = technology.junction_capacitance * self.switch_width * self.organisation.mux
        amplifier = technology.gate_capacitance * self.cell.amplifier_input_width
        precharge = technology.junction_capacitance * self.cell.precharge_width
        return self.organisation.rows * (wire + drain) + switches + amplifier + precharge

    @property
    def bitline_resistance(self) -> Ohm:
        """Wire of one bitline."""
        scale = resistance_scale(self.technology, temperature=self.temperature)
        return self.technology.wire_resistance * scale * self.organisation.rows * self.cell.height

    @property
    def read_current(self) -> Ampere:
        """Of a nominal cell."""
        return read_current(self.technology, self.cell, temperature=self.temperature)

    @property
    def read_sigma(self) -> Ampere:
        """Standard deviation of the read current."""
        return self.read_current * read_current_sigma(self.technology, self.cell, temperature=self.temperature)

    @property
    def offset(self) -> Volt:
        """Standard deviation of the amplifier's offset."""
        return pair_offset_sigma(
            matching=self.technology.matching,
            width=self.cell.amplifier_input_width,
            length=self.cell.amplifier_input_length,
        )

    @property
    def net_current(self) -> Ampere:
        """sqrt(I^2 - n^2 sigma^2): cell and offset spreads taken together, as for MRAM (`current_sense`)."""
        return math.sqrt(max(self.read_current**2 - (self.cell.margin_sigmas * self.read_sigma) ** 2, 0.0))

    @property
    def development_time(self) -> Second:
        """Bitline wire delay, then I t / C until the swing exceeds the spreads by `margin_sigmas`."""
        wire = elmore_delay(driver=0.0, wire=self.bitline_resistance, wire_load=self.bitline_load)
        return wire + self.cell.margin_sigmas * self.offset * self.bitline_load / self.net_current

    @property
    def swing(self) -> Volt:
        """Bitline swing of a nominal cell when the guarded read ends, at most the supply."""
        slope = self.read_current / self.bitline_load
        return min(slope * self.periphery.timing_guard * self.development_time, self.technology.supply)

    @property
    def plan(self) -> AreaPlan:
        """What the area is made of: two switches and three precharge devices per column."""
        ratio = 1 + 1 / self.technology.pmos_ratio
        return AreaPlan(
            technology=self.technology,
            periphery=self.periphery,
            organisation=self.organisation,
            cell_area=self.cell_area,
            array_overhead=self.cell.array_overhead,
            amplifier_width=self.cell.amplifier_total_width,
            driver_width=2 * self.switch_width * ratio,
            column_width=2 * self.switch_width + 3 * self.cell.precharge_width,
            segments=self.row_path.segments,
            ports=self.ports,
        )


def sram_bank(
    *,
    technology: Technology,
    cell: SramCell,
    organisation: Organisation,
    temperature: Kelvin,
    ports: int = 1,
    periphery: Periphery | None = None,
) -> SramBank:
    """Collect a bank; the periphery defaults to the shipped 22 nm sheet.

    Raises
    ------
    UserError
        If `ports` is neither 1 nor 2, the temperature is out of range, or the weakest cells do not
        conduct (spread above the mean current).
    """
    check_temperature(temperature)
    if ports not in (1, 2):
        raise UserError(f"an SRAM bank with {ports} ports is not modelled; use 1 (6T) or 2 (8T, one more read port)")
    bank = SramBank(
        technology=technology,
        cell=cell,
        periphery=periphery or load_periphery("22nm").device,
        organisation=organisation,
        temperature=temperature,
        ports=ports,
    )
    if bank.net_current <= 0:
        raise UserError(
            f"SRAM cell {cell.name} cannot be read: its current is {bank.read_current * 1e6:.1f} uA, but "
            f"{cell.margin_sigmas:g} sigma of its spread are {cell.margin_sigmas * bank.read_sigma * 1e6:.1f} uA; "
            f"widen its transistors or raise the supply"
        )
    return bank
