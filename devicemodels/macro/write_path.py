"""Can the access transistor that fits the cell write the junction, in both directions?

From antiparallel to parallel the current enters through the junction and the transistor's source is grounded. From
parallel to antiparallel it leaves through the junction, whose voltage lifts the source: less gate drive, more
threshold. Half of the wire and switch resistance lies on either side.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from devicemodels.macro.limits import Limit, limit
from devicemodels.macro.mram_cell import MramCell, access_width
from devicemodels.mtj import Mtj
from devicemodels.quantities import Ampere, Kelvin, Metre, Ohm, Ratio, Volt
from devicemodels.statistics import threshold_sigma
from devicemodels.technology import Technology
from devicemodels.transistor import drain_current

DIRECTIONS = ("AP to P", "P to AP, against its source")


@dataclass(frozen=True, kw_only=True)
class WritePath:
    """One cell between its drivers; `series` is the resistance of switches and wires, half of it on either side."""

    technology: Technology
    mtj: Mtj
    cell: MramCell
    series: Ohm
    temperature: Kelvin

    @cached_property
    def required(self) -> Ampere:
        """The write current: `write_overdrive` times the critical current."""
        return self.cell.write_overdrive * self.mtj.critical_current(self.temperature)

    @cached_property
    def width(self) -> Metre:
        """Of the access transistor; a picometre where none fits, so that its numbers stay finite."""
        return np.maximum(access_width(self.technology, self.cell), 1e-12)

    @cached_property
    def threshold_shift(self) -> Volt:
        """How far the threshold of a slow transistor lies above the nominal one."""
        sigma = threshold_sigma(
            matching=self.technology.matching, width=self.width, length=self.technology.channel_length
        )
        return self.corner * sigma

    @property
    def corner(self) -> Ratio:
        """Deviates of transistor and junction, which are independent, at the likeliest point `corner_sigmas` out."""
        return self.cell.corner_sigmas / np.sqrt(2)

    @property
    def corners(self) -> tuple[tuple[str, "WritePath"], ...]:
        """The same cell at its temperature and at both ends of the node's range."""
        node = self.technology
        ends = (("slow, cold", node.lowest_temperature), ("slow, hot", node.highest_temperature))
        return (("slow", self), *((name, replace(self, temperature=kelvin)) for name, kelvin in ends))


def junction_voltage(path: WritePath, *, current: Ampere, direction: int) -> Volt:
    """Voltage of the junction in the state that the write leaves, at a current, bias dependence of the TMR included.

    An antiparallel junction obeys V (1 + v^2) = I R_P (1 + v^2 + TMR) with v = V / V_h: its only real root between the
    parallel and the unbiased antiparallel drop is found by bisection.
    """
    parallel = current * path.mtj.resistance(0.0, 0.0, path.temperature)
    if direction == 1:
        return parallel
    ratio = path.mtj.tmr(0.0, path.temperature)
    low, high = parallel, parallel * (1 + ratio)
    for _ in range(30):
        middle = (low + high) / 2
        square = (middle / path.mtj.tmr_half_voltage) ** 2
        above = middle * (1 + square) > parallel * (1 + square + ratio)
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


def transistor_current(path: WritePath, *, current: Ampere, direction: int, slow: bool = False) -> Ampere:
    """What the transistor carries with the voltages that `current` through the junction leaves it: above `current`
    if the cell can carry more. `slow` takes the corner, junction included.
    """
    cell, low = path.cell, 1 - path.cell.supply_tolerance * slow
    drop = current * path.series / 2
    spread = 1 + slow * path.corner * path.mtj.sigma_resistance
    junction = spread * junction_voltage(path, current=current, direction=direction)
    source = junction + drop if direction == 1 else drop
    return drain_current(
        path.technology,
        width=path.width,
        gate_source=cell.wordline_write_voltage * low - source,
        drain_source=cell.write_voltage * low - junction - 2 * drop,
        temperature=path.temperature,
        source_body=source,
        threshold_shift=path.threshold_shift * slow,
    )


def available_current(path: WritePath, *, direction: int, slow: bool = False) -> Ampere:
    """The current at which `transistor_current` equals it, by bisection; the surplus falls with the current."""
    low = np.zeros(())
    high = path.cell.write_voltage / path.mtj.resistance(0.0, 0.0, path.temperature)
    for _ in range(50):
        middle = (low + high) / 2
        more = transistor_current(path, current=middle, direction=direction, slow=slow) > middle
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return (low + high) / 2


def write_limits(path: WritePath) -> tuple[Limit, ...]:
    """Limits that a cell must meet to be written: one that can be drawn, and that carries the current both ways."""
    cases = (("nominal", path), *path.corners)
    currents = (_current_limit(at, direction, case) for case, at in cases for direction in (0, 1))
    return (*_drawing_limits(path), *currents)


def _drawing_limits(path: WritePath) -> tuple[Limit, Limit, Limit]:
    cell, node = path.cell, path.technology
    smallest = node.smallest_mram_cell * cell.junctions
    seen = {"cell": cell.name, "area": np.asarray(cell.area) * 1e12, "node": node.name}
    return (
        limit(
            "cell area",
            np.asarray(cell.area) >= smallest,
            "MRAM cell {cell} of {area:.4f} um2 cannot be drawn at {node}: its gate and metal pitches take at least "
            "{smallest:.4f} um2; enlarge the cell or take another node",
            **seen,
            smallest=smallest * 1e12,
        ),
        limit(
            "access transistor",
            access_width(node, cell) > 0,
            "MRAM cell {cell}: its area of {area:.4f} um2 leaves no width for an access transistor at {node}; enlarge "
            "the cell",
            **seen,
        ),
        limit(
            "wordline voltage",
            np.asarray(cell.wordline_write_voltage) <= node.voltage_limit,
            "the wordline of MRAM cell {cell} is written with {volts:.3g} V, but the transistors of {node} bear "
            "{most:.3g} V; lower wordline_write_voltage",
            **seen,
            volts=cell.wordline_write_voltage,
            most=node.voltage_limit,
        ),
    )


def _current_limit(path: WritePath, direction: int, case: str) -> Limit:
    need, slow = path.required, case != "nominal"
    holds = transistor_current(path, current=need, direction=direction, slow=slow) >= need
    return limit(
        f"write current, {DIRECTIONS[direction]}, {case}",
        np.isfinite(need) & holds,
        "the access transistor is too small to write {mtj}: {width:.0f} nm in a cell of {area:.4f} um2 carry "
        "{have:.1f} uA from {direction} ({case}), but {overdrive:.3g} x Ic0 is {need:.1f} uA at {temperature:g} K; "
        "enlarge the cell, raise the write voltages, or lower damping, diameter or RA",
        mtj=path.mtj.name,
        width=path.width * 1e9,
        area=np.asarray(path.cell.area) * 1e12,
        case=case,
        have=lambda: available_current(path, direction=direction, slow=slow) * 1e6,
        direction=DIRECTIONS[direction],
        overdrive=path.cell.write_overdrive,
        need=np.asarray(need) * 1e6,
        temperature=path.temperature,
    )
