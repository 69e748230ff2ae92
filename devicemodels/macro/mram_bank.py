"""A bank of MRAM cells, or many banks at once: facts and choices, what follows from them, and what cannot be built."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from devicemodels.macro import current_sense
from devicemodels.macro.area import AreaPlan
from devicemodels.macro.cell_errors import CellErrors, cell_errors
from devicemodels.macro.current_sense import CurrentSense, ReadCurrents
from devicemodels.macro.limits import Limit, limit
from devicemodels.macro.mram_cell import MramCell, access_width, finger_width, line_resistance
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.periphery import Periphery, switch_density
from devicemodels.macro.repair import allowed_bit_error, array_yield, required_sigmas
from devicemodels.macro.row_path import RowPath
from devicemodels.macro.wires import elmore_delay, resistance_scale
from devicemodels.macro.write_path import WritePath, write_limits
from devicemodels.mtj import Mtj
from devicemodels.quantities import Ampere, Farad, Kelvin, Metre, Ohm, Ratio, Second
from devicemodels.technology import Technology
from devicemodels.transistor import on_resistance

DISTURB_LIMIT = 1e-9
"""Highest read disturb per read and bit that is built: the requirement stated by Beach (2008)."""
WRITE_LOSS = 0.01
"""Highest share of arrays that still have a wrong word after all were written, again where that failed."""


@dataclass(frozen=True, kw_only=True)
class MramBank:
    """All choices and facts; each property is one number of the chain from cell to bank.

    Fields of every part, and the temperature, may be arrays that broadcast together: one entry for each bank.
    """

    technology: Technology
    mtj: Mtj
    cell: MramCell
    sense: CurrentSense
    periphery: Periphery
    organisation: Organisation
    temperature: Kelvin

    @cached_property
    def row_path(self) -> RowPath:
        """The rows as the decoder sees them."""
        return RowPath(
            technology=self.technology,
            periphery=self.periphery,
            organisation=self.organisation,
            temperature=self.temperature,
            cell_width=self.cell.width,
            cell_height=self.cell.height,
            wordline_resistance=self.technology.wire_resistance,
            gate_width=access_width(self.technology, self.cell) * self.cell.junctions,
        )

    @cached_property
    def write_current(self) -> Ampere:
        """Current of a write of one junction, `write_overdrive` x I_c0."""
        return self.cell.write_overdrive * self.mtj.critical_current(self.temperature)

    @property
    def switch_width(self) -> Metre:
        """Width of each switch that carries the write current."""
        return self.write_current / switch_density(self.technology, self.periphery)

    @cached_property
    def wire_resistance(self) -> Ohm:
        """Bitline and source line together: driven from opposite ends, one length for every row."""
        scale = resistance_scale(self.technology, temperature=self.temperature)
        return line_resistance(self.technology, self.cell) * scale * self.row_path.subarray_height

    @cached_property
    def series_resistance(self) -> Ohm:
        """Bitline and source-line wire plus the two column switches, fully on."""
        switch = on_resistance(
            self.technology,
            width=self.switch_width,
            gate_source=self.technology.supply,
            temperature=self.temperature,
        )
        return self.wire_resistance + 2 * switch

    @cached_property
    def bitline_load(self) -> Farad:
        """Capacitance of a bitline, its cells' drains behind their junctions, and the data line behind the switches."""
        technology, organisation = self.technology, self.organisation
        wire = technology.wire_capacitance * self.cell.height
        drain = technology.junction_capacitance * finger_width(self.technology, self.cell)
        column = technology.junction_capacitance * self.switch_width + technology.wire_capacitance * self.cell.width
        return organisation.all_rows * (wire + drain) + organisation.mux * column

    @cached_property
    def sigmas(self) -> Ratio:
        """Standard deviations of read margin, so many that the weak bits of most arrays can be corrected."""
        return required_sigmas(self.organisation, loss=self.sense.read_loss)

    @cached_property
    def currents(self) -> ReadCurrents:
        """Read currents of the two states."""
        access = on_resistance(
            self.technology,
            width=np.maximum(access_width(self.technology, self.cell), 1e-12),
            gate_source=self.technology.supply,
            temperature=self.temperature,
        )
        return current_sense.read_currents(
            mtj=self.mtj,
            sense=self.sense,
            read_voltage=self.cell.read_voltage,
            series=self.series_resistance + access,
            temperature=self.temperature,
            junctions=self.cell.junctions,
        )

    @property
    def bitline_time_constant(self) -> Second:
        """Of the bitline at its clamp."""
        return current_sense.bitline_time_constant(
            sense=self.sense, currents=self.currents, load=self.bitline_load, temperature=self.temperature
        )

    @cached_property
    def settling_time(self) -> Second:
        """Bitline from ground to a quiet read voltage: wire delay, then the clamp's settling."""
        wire = elmore_delay(driver=0.0, wire=self.wire_resistance, wire_load=self.bitline_load)
        settle = current_sense.settling_time(
            sense=self.sense, currents=self.currents, time_constant=self.bitline_time_constant, sigmas=self.sigmas
        )
        return wire + settle

    @cached_property
    def development_time(self) -> Second:
        """Sense node from equal to `sigmas` apart."""
        return current_sense.development_time(self.technology, self.sense, self.currents, self.sigmas)

    @cached_property
    def sense_time(self) -> Second:
        """Time for which the cell conducts in a read, timing guard included."""
        return self.periphery.timing_guard * (self.settling_time + self.development_time)

    @cached_property
    def read_error_rate(self) -> Ratio:
        """Share of bits whose signal, grown for the guarded time, is not beyond the spreads."""
        duration = self.periphery.timing_guard * self.development_time
        return current_sense.error_rate(self.technology, self.sense, self.currents, duration=duration)

    @cached_property
    def errors(self) -> CellErrors:
        """Rates of the cells' own errors, the mean over their spread."""
        return cell_errors(
            self.mtj,
            write_current=self.write_current,
            write_pulse=self.cell.write_pulse,
            write_attempts=self.cell.write_attempts,
            read_current=self.currents.parallel,
            read_duration=np.where(np.isfinite(self.sense_time), self.sense_time, 0.0),
            series_resistance=self.series_resistance,
            temperature=self.temperature,
        )

    @property
    def array_yield(self) -> Ratio:
        """Share of arrays whose dead and weak bits can be repaired."""
        return array_yield(self.organisation, bit_error=self.cell.defects + self.read_error_rate)

    @property
    def plan(self) -> AreaPlan:
        """What the area is made of: each bitline has an N and a P switch at either end, each amplifier two drivers."""
        pair = self.switch_width * (1 + 1 / self.technology.pmos_ratio) * self.cell.junctions
        return AreaPlan(
            technology=self.technology,
            periphery=self.periphery,
            organisation=self.organisation,
            cell_area=self.cell.area,
            array_overhead=self.cell.array_overhead,
            amplifier_width=current_sense.amplifier_width(self.technology, self.sense),
            driver_width=2 * pair,
            column_width=2 * pair,
            segments=self.row_path.segments,
        )

    @property
    def write_path(self) -> WritePath:
        """A cell between its write drivers."""
        return WritePath(
            technology=self.technology,
            mtj=self.mtj,
            cell=self.cell,
            series=self.series_resistance,
            temperature=self.temperature,
        )


def mram_limits(bank: MramBank) -> tuple[Limit, ...]:
    """What the banks must satisfy, in the order in which a refusal is most useful."""
    return (
        *write_limits(bank.write_path),
        *current_sense.margin_limits(bank.technology, bank.sense, bank.currents, bank.sigmas),
        _disturb_limit(bank),
        _rewrite_limit(bank),
    )


def _disturb_limit(bank: MramBank) -> Limit:
    return limit(
        "read disturb",
        bank.errors.disturb <= DISTURB_LIMIT,
        "reading disturbs {name}: {current:.1f} uA against an Ic0 of {critical:.1f} uA flips a bit with probability "
        "{rate:.1e} per read, above {most:g}; lower the read voltage or raise the barrier",
        name=bank.mtj.name,
        current=bank.currents.parallel * 1e6,
        critical=np.asarray(bank.mtj.critical_current(bank.temperature)) * 1e6,
        rate=bank.errors.disturb,
        most=DISTURB_LIMIT,
    )


def _rewrite_limit(bank: MramBank) -> Limit:
    allowed = allowed_bit_error(bank.organisation, loss=WRITE_LOSS)
    return limit(
        "write errors",
        bank.errors.rewrite <= allowed,
        "the write window of {name} is closed: {overdrive:.3g} x Ic0 for {pulse:.3g} ns, up to {attempts:g} times, "
        "leaves {rate:.1e} of bits wrong, but {words} words of {bits} bits with {check} check bits bear {allowed:.1e}; "
        "write longer or with more current, or add check bits",
        name=bank.mtj.name,
        overdrive=bank.cell.write_overdrive,
        pulse=np.asarray(bank.cell.write_pulse) * 1e9,
        attempts=bank.cell.write_attempts,
        rate=bank.errors.rewrite,
        words=bank.organisation.words,
        bits=bank.organisation.word_bits,
        check=bank.organisation.check_bits,
        allowed=allowed,
    )
