"""A bank of 1T1MTJ cells: its facts and choices, what follows from them, and what cannot be built."""

from dataclasses import dataclass
from functools import cached_property

from devicemodels.errors import UserError
from devicemodels.macro import current_sense, write_path
from devicemodels.macro.area import AreaPlan
from devicemodels.macro.current_sense import CurrentSense, ReadCurrents, load_current_sense
from devicemodels.macro.mram_cell import MramCell, load_mram_cell
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.periphery import Periphery, load_periphery
from devicemodels.macro.row_path import RowPath
from devicemodels.macro.wires import elmore_delay, resistance_scale
from devicemodels.mtj import Mtj
from devicemodels.mtj.reliability import read_disturb_rate
from devicemodels.quantities import Ampere, Farad, Kelvin, Metre, Ohm, Second
from devicemodels.technology import Technology, check_temperature
from devicemodels.transistor import on_resistance

DISTURB_LIMIT = 1e-9
"""Highest read disturb per read and bit that is built: the requirement stated by Beach (2008)."""


@dataclass(frozen=True, kw_only=True)
class MramBank:
    """All choices and facts of one bank; each property is one number of the chain from cell to bank."""

    technology: Technology
    mtj: Mtj
    cell: MramCell
    sense: CurrentSense
    periphery: Periphery
    organisation: Organisation
    temperature: Kelvin

    @property
    def row_path(self) -> RowPath:
        """The rows as the decoder sees them."""
        return RowPath(
            technology=self.technology,
            periphery=self.periphery,
            organisation=self.organisation,
            temperature=self.temperature,
            cell_width=self.cell.width,
            cell_height=self.cell.height,
            gate_width=self.cell.access_width,
        )

    @property
    def write_current(self) -> Ampere:
        """Current of a write, `write_overdrive` x I_c0."""
        return write_path.required_current(mtj=self.mtj, cell=self.cell, temperature=self.temperature)

    @property
    def switch_width(self) -> Metre:
        """Width of each switch that carries the write current."""
        return self.write_current / self.periphery.switch_current_density

    @property
    def wire_resistance(self) -> Ohm:
        """Bitline and source line together: driven from opposite ends, one length for every row."""
        scale = resistance_scale(self.technology, temperature=self.temperature)
        return self.cell.bitline_resistance * scale * self.organisation.rows * self.cell.height

    @property
    def series_resistance(self) -> Ohm:
        """Bitline and source-line wire plus the two column switches, fully on."""
        switch = on_resistance(
            self.technology,
            width=self.switch_width,
            gate_source=self.technology.supply,
            temperature=self.temperature,
        )
        return self.wire_resistance + 2 * switch

    @property
    def bitline_load(self) -> Farad:
        """Capacitance of a bitline, its cells' drains behind their junctions, and the data line behind the switches."""
        technology = self.technology
        wire = technology.wire_capacitance * self.cell.height
        drain = technology.junction_capacitance * self.cell.finger_width
        switches = technology.junction_capacitance * self.switch_width * self.organisation.mux
        return self.organisation.rows * (wire + drain) + switches

    @property
    def currents(self) -> ReadCurrents:
        """Read currents of the two states."""
        access = on_resistance(
            self.technology,
            width=self.cell.access_width,
            gate_source=self.technology.supply,
            temperature=self.temperature,
        )
        return current_sense.read_currents(
            mtj=self.mtj,
            sense=self.sense,
            read_voltage=self.cell.read_voltage,
            series=self.series_resistance + access,
            temperature=self.temperature,
        )

    @property
    def bitline_time_constant(self) -> Second:
        """Of the bitline at its clamp."""
        return current_sense.bitline_time_constant(
            sense=self.sense, currents=self.currents, load=self.bitline_load, temperature=self.temperature
        )

    @property
    def settling_time(self) -> Second:
        """Bitline from ground to a quiet read voltage: wire delay, then the clamp's settling."""
        wire = elmore_delay(driver=0.0, wire=self.wire_resistance, wire_load=self.bitline_load)
        settle = current_sense.settling_time(
            sense=self.sense, currents=self.currents, time_constant=self.bitline_time_constant
        )
        return wire + settle

    @property
    def development_time(self) -> Second:
        """Sense node from equal to `margin_sigmas` apart."""
        return current_sense.development_time(self.technology, self.sense, self.currents)

    @property
    def sense_time(self) -> Second:
        """Time for which the cell conducts in a read, timing guard included."""
        return self.periphery.timing_guard * (self.settling_time + self.development_time)

    @cached_property
    def read_disturb(self) -> float:
        """Probability that a read flips a bit that its current works against, the mean over the spread of cells."""
        return read_disturb_rate(
            self.mtj,
            current=self.currents.parallel,
            duration=self.sense_time,
            temperature=self.temperature,
            series_resistance=self.series_resistance,
        )

    @property
    def plan(self) -> AreaPlan:
        """What the area is made of: each bitline has an N and a P switch at either end, each amplifier two drivers."""
        pair = self.switch_width * (1 + 1 / self.technology.pmos_ratio)
        return AreaPlan(
            technology=self.technology,
            periphery=self.periphery,
            organisation=self.organisation,
            cell_area=self.cell.area,
            array_overhead=self.cell.array_overhead,
            amplifier_width=self.sense.amplifier_total_width,
            driver_width=2 * pair,
            column_width=2 * pair,
            segments=self.row_path.segments,
        )


def mram_bank(
    *,
    technology: Technology,
    mtj: Mtj,
    organisation: Organisation,
    temperature: Kelvin,
    cell: MramCell | None = None,
    sense: CurrentSense | None = None,
    periphery: Periphery | None = None,
) -> MramBank:
    """Collect a bank; cell, sense amplifier and periphery default to the shipped 22 nm sheets.

    Raises
    ------
    UserError
        If physics cannot build it: the free layer lies in the plane, the access transistor is too small to write,
        the read margin is below spread or offset, or a read disturbs more than `DISTURB_LIMIT`; or if the temperature
        is out of range.
    """
    check_temperature(temperature)
    bank = MramBank(
        technology=technology,
        mtj=mtj,
        cell=cell or load_mram_cell("22nm").device,
        sense=sense or load_current_sense("22nm").device,
        periphery=periphery or load_periphery("22nm").device,
        organisation=organisation,
        temperature=temperature,
    )
    _check(bank)
    return bank


def _check(bank: MramBank) -> None:
    if bank.mtj.thermal_stability(bank.temperature) <= 0:
        raise UserError(
            f"the free layer of {bank.mtj.name} lies in the plane at {bank.temperature:g} K (no energy barrier); raise "
            f"interface_anisotropy, or make the layer thinner"
        )
    write_path.check_write(
        technology=bank.technology,
        mtj=bank.mtj,
        cell=bank.cell,
        series=bank.series_resistance,
        temperature=bank.temperature,
    )
    current_sense.check_margin(bank.technology, bank.sense, bank.currents)
    if bank.read_disturb > DISTURB_LIMIT:
        raise UserError(
            f"reading disturbs {bank.mtj.name}: {bank.currents.parallel * 1e6:.1f} uA against an Ic0 of "
            f"{bank.mtj.critical_current(bank.temperature) * 1e6:.1f} uA flips a bit with probability "
            f"{bank.read_disturb:.1e} per read, above {DISTURB_LIMIT:g}; lower the read voltage or raise the barrier"
        )
