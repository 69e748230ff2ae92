"""A bank of 6T cells, or many at once: facts and choices, what follows from them, and what cannot be built."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from devicemodels.macro.area import AreaPlan
from devicemodels.macro.limits import Limit, limit
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.periphery import Periphery
from devicemodels.macro.repair import array_yield
from devicemodels.macro.row_path import RowPath
from devicemodels.macro.wires import elmore_delay, resistance_scale
from devicemodels.quantities import Ampere, Farad, Kelvin, Metre, Ohm, Ratio, Second, SquareMetre, Volt
from devicemodels.sram.cell import SramCell, read_current, read_current_sigma
from devicemodels.statistics import normal_tail, pair_offset_sigma
from devicemodels.technology import Technology


@dataclass(frozen=True, kw_only=True)
class SramBank:
    """All choices and facts of one bank; each property is one number of the chain from cell to bank.

    `ports` is 1 (6T, one port that reads or writes) or 2 (8T: a second port that only reads, at the same time). Fields
    of the parts may be arrays that broadcast together: one entry for each bank.
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

    @cached_property
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
            wordline_resistance=self.cell.wordline_resistance,
        )

    @property
    def switch_width(self) -> Metre:
        """Width of a column switch: four pass gates."""
        return 4 * self.cell.pass_gate_width

    @cached_property
    def bitline_load(self) -> Farad:
        """Capacitance of one bitline and of the data line behind its switches; two cells share a contact."""
        technology = self.technology
        wire = technology.wire_capacitance * self.cell.height
        drain = technology.junction_capacitance * self.cell.pass_gate_width
        switches = technology.junction_capacitance * self.switch_width * self.organisation.mux
        amplifier = technology.gate_capacitance * self.cell.amplifier_input_width
        precharge = technology.junction_capacitance * self.cell.precharge_width
        return self.organisation.all_rows * (wire + drain) + switches + amplifier + precharge

    @property
    def bitline_resistance(self) -> Ohm:
        """Wire of one bitline."""
        scale = resistance_scale(self.technology, temperature=self.temperature)
        return self.cell.bitline_resistance * scale * self.row_path.subarray_height

    @cached_property
    def read_current(self) -> Ampere:
        """Of a nominal cell."""
        return read_current(self.technology, self.cell, temperature=self.temperature)

    @cached_property
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
        return np.sqrt(np.maximum(self.read_current**2 - (self.cell.margin_sigmas * self.read_sigma) ** 2, 0.0))

    @cached_property
    def development_time(self) -> Second:
        """Bitline wire delay, then I t / C until the swing exceeds the spreads by `margin_sigmas`."""
        wire = elmore_delay(driver=0.0, wire=self.bitline_resistance, wire_load=self.bitline_load)
        return wire + self.cell.margin_sigmas * self.offset * self.bitline_load / self.net_current

    @property
    def swing(self) -> Volt:
        """Bitline swing of a nominal cell when the guarded read ends, at most the supply."""
        slope = self.read_current / self.bitline_load
        return np.minimum(slope * self.periphery.timing_guard * self.development_time, self.technology.supply)

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

    @property
    def read_error_rate(self) -> Ratio:
        """Normal tail of the swing at the guarded sense time over the spreads of cell current and offset."""
        time = self.periphery.timing_guard * self.development_time
        spread = np.hypot(self.read_sigma * time / self.bitline_load, self.offset)
        return normal_tail(self.read_current * time / self.bitline_load / spread)

    @property
    def array_yield(self) -> Ratio:
        """Share of arrays whose weak bits can be repaired; cells that do not keep or take a bit are not counted."""
        return array_yield(self.organisation, bit_error=self.read_error_rate)


def sram_limits(bank: SramBank) -> tuple[Limit, ...]:
    """What the banks must satisfy: a cell that can be drawn, and whose weakest drive the bitline past the offset."""
    return (*_drawing_limits(bank.technology, bank.cell), *_read_limits(bank))


def _drawing_limits(node: Technology, cell: SramCell) -> tuple[Limit, Limit]:
    stripes = 2 * (np.maximum(cell.pass_gate_width, cell.pull_down_width) + cell.pull_up_width)
    seen = {"cell": cell.name, "area": np.asarray(cell.area) * 1e12, "node": node.name}
    return (
        limit(
            "cell area",
            np.asarray(cell.area) >= node.smallest_sram_cell,
            "SRAM cell {cell} of {area:.4f} um2 cannot be drawn at {node}: its gate and metal pitches take at least "
            "{smallest:.4f} um2; enlarge the cell or take another node",
            **seen,
            smallest=node.smallest_sram_cell * 1e12,
        ),
        limit(
            "cell transistors",
            stripes <= cell.width,
            "SRAM cell {cell} of {area:.4f} um2 cannot be drawn at {node}: its transistors are {stripes:.0f} nm wide "
            "side by side, but {height:.0f} nm high it has {width:.0f} nm; enlarge the cell, or take one with smaller "
            "transistors",
            **seen,
            stripes=np.asarray(stripes) * 1e9,
            height=np.asarray(cell.height) * 1e9,
            width=np.asarray(cell.width) * 1e9,
        ),
    )


def _read_limits(bank: SramBank) -> tuple[Limit, Limit]:
    sigmas = bank.cell.margin_sigmas
    return (
        limit(
            "read current",
            bank.net_current > 0,
            "SRAM cell {name} cannot be read: its current is {current:.1f} uA, but {sigmas:g} sigma of its spread are "
            "{spread:.1f} uA; widen its transistors or raise the supply",
            name=bank.cell.name,
            current=bank.read_current * 1e6,
            sigmas=sigmas,
            spread=sigmas * bank.read_sigma * 1e6,
        ),
        limit(
            "amplifier offset",
            sigmas * bank.offset < bank.technology.supply,
            "the read margin is under the sense amplifier's offset: {sigmas:g} sigma of it are {need:.0f} mV, but the "
            "bitline falls by no more than the supply of {supply:.0f} mV; enlarge the amplifier's input pair",
            sigmas=sigmas,
            need=sigmas * bank.offset * 1e3,
            supply=np.asarray(bank.technology.supply) * 1e3,
        ),
    )
