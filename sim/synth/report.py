"""From a synthesised tile to what a designer asks of it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from devicemodels.errors import UserError
from devicemodels.quantities import Kelvin, Ratio, SquareMetre, Watt
from devicemodels.technology import Technology
from devicemodels.transistor import fo4_at, leakage_scale
from sim.physical import ACTIVITY, CLOCK_LOAD, Physical
from sim.synth.spread import Range, Spread, spreads, within
from sim.synthesis import ModuleGates, Synthesis


@dataclass(frozen=True, kw_only=True)
class Block:
    """All copies of one module together, without the modules below it.

    `power` is that of a block which works in every cycle: switching at the report's activity, clock, and leakage.
    """

    name: str
    count: int
    nand2_equivalents: float
    flops: int
    depth_fo4: float
    area: SquareMetre
    power: Watt


@dataclass(frozen=True, kw_only=True)
class Node:
    """The gates on one node's sheet: placed area, highest clock of the logic alone, power at the design's clock."""

    name: str
    logic_area: Range
    logic_clock: Range
    power: Watt
    spreads: tuple[Spread, ...]


@dataclass(frozen=True, kw_only=True)
class SynthesisReport:
    """Gates of a tile by block, mapped to its node and to others.

    Attributes
    ----------
    clock_hz, max_clock_hz : chosen by the design, and the highest of logic and one-cycle memories
    limit : what sets the highest clock: a block, or a memory
    memories : area of each kind in square metres
    node, others : the design's own technology, and those it is compared with
    """

    design: str
    tool: str
    clock_hz: float
    max_clock_hz: float
    limit: str
    depth_fo4: float
    temperature: Kelvin
    activity: Ratio
    blocks: tuple[Block, ...]
    memories: dict[str, SquareMetre]
    node: Node
    others: tuple[Node, ...]

    @property
    def nand2_equivalents(self) -> float:
        """Area of all logic as a multiple of a NAND2's."""
        return sum(block.nand2_equivalents for block in self.blocks)

    @property
    def flops(self) -> int:
        """Number of flip-flops."""
        return sum(block.flops for block in self.blocks)

    @property
    def tile_area(self) -> Range:
        """Memories and placed logic; the spread is the logic's alone."""
        memories, logic = sum(self.memories.values()), self.node.logic_area
        return Range(value=memories + logic.value, low=memories + logic.low, high=memories + logic.high)

    @property
    def clock_met(self) -> bool:
        """Whether the logic reaches the design's clock."""
        return self.clock_hz <= self.max_clock_hz

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON, in SI units."""
        totals = {"nand2_equivalents": self.nand2_equivalents, "flops": self.flops}
        return {**asdict(self), **totals, "tile_area": asdict(self.tile_area), "clock_met": self.clock_met}


def report(
    design: str, physical: Physical, *, activity: Ratio = ACTIVITY, others: Sequence[Technology] = ()
) -> SynthesisReport:
    """Map a synthesised tile to its node, and its gates to others; raises as `check_activity`."""
    check_activity(activity)
    tile, synthesis = physical.tile, physical.synthesis
    nodes = [
        _node(technology, synthesis, tile.clock_hz, tile.temperature, activity)
        for technology in (tile.technology, *others)
    ]
    return SynthesisReport(
        design=design, tool=synthesis.tool, clock_hz=tile.clock_hz, max_clock_hz=physical.max_clock_hz,
        limit=_limit(physical), depth_fo4=synthesis.depth_fo4, temperature=tile.temperature, activity=activity,
        blocks=_blocks(physical, activity), memories=_memories(physical), node=nodes[0], others=tuple(nodes[1:]),
    )  # fmt: skip


def check_activity(activity: Ratio) -> None:
    """Refuse an activity that is not above 0 and at most 1, with a `UserError`."""
    if not 0 < activity <= 1:
        raise UserError(
            f"--activity is {activity:g}, but it is the share of gates that switch in a cycle: "
            "give one above 0, at most 1"
        )


def _node(technology: Technology, synthesis: Synthesis, clock_hz: float, temperature: Kelvin, activity: Ratio) -> Node:
    doubts = spreads(technology)
    area = within(placed_area(technology, synthesis.nand2_equivalents), (doubt.area for doubt in doubts))
    fo4 = fo4_at(technology, temperature=temperature)
    period = (synthesis.depth_fo4 + technology.flop_overhead_fo4) * fo4 / (1 - technology.clock_margin)
    periods = within(period, (doubt.period for doubt in doubts))
    power = logic_power(
        technology, gates=synthesis.nand2_equivalents, flops=synthesis.flops, clock_hz=clock_hz,
        temperature=temperature, activity=activity,
    )  # fmt: skip
    return Node(
        name=technology.name, logic_area=area, power=power, spreads=doubts,
        logic_clock=Range(value=1 / period, low=1 / periods.high, high=1 / periods.low),
    )  # fmt: skip


def placed_area(technology: Technology, gates: float) -> SquareMetre:
    """Area of NAND2 equivalents at the sheet's placement utilisation."""
    return gates * technology.nand2_area / technology.placement_utilisation


def logic_power(
    technology: Technology, *, gates: float, flops: int, clock_hz: float, temperature: Kelvin, activity: Ratio
) -> Watt:
    """Power of NAND2 equivalents that work in every cycle: `activity` transitions each, the clock, and leakage."""
    switching = (gates * activity + flops * CLOCK_LOAD) * technology.nand2_energy * clock_hz
    return switching + gates * technology.nand2_leakage * leakage_scale(technology, temperature=temperature)


def _limit(physical: Physical) -> str:
    """The block with the longest path, or the memory whose read takes longer."""
    tile, synthesis = physical.tile, physical.synthesis
    slowest = max(tile.srams, key=lambda name: tile.srams[name].macro.read_access)
    logic = synthesis.depth_fo4 * fo4_at(tile.technology, temperature=tile.temperature)
    read = tile.srams[slowest].macro.read_access
    return f"{slowest} memory" if read > logic else _names(synthesis.modules)[synthesis.deepest]


def _blocks(physical: Physical, activity: Ratio) -> tuple[Block, ...]:
    tile, names = physical.tile, _names(physical.synthesis.modules)

    def block(module: ModuleGates) -> Block:
        gates, flops = module.count * module.nand2_equivalents, module.count * module.flops
        power = logic_power(
            tile.technology, gates=gates, flops=flops, clock_hz=tile.clock_hz, temperature=tile.temperature,
            activity=activity,
        )  # fmt: skip
        return Block(
            name=names[module.name], count=module.count, nand2_equivalents=gates, flops=flops,
            depth_fo4=module.depth_fo4, area=placed_area(tile.technology, gates), power=power,
        )  # fmt: skip

    return tuple(block(module) for module in physical.synthesis.modules)


def _names(modules: Sequence[ModuleGates]) -> dict[str, str]:
    """Module name to block name: without the number of the first copy, where no other module has what is left."""
    short = {module.name: re.sub(r"\$\d+|_\d+$", "", module.name) for module in modules}
    taken = Counter(short.values())
    return {name: block if taken[block] == 1 else name for name, block in short.items()}


def _memories(physical: Physical) -> dict[str, SquareMetre]:
    """Areas of the weight banks and of each kind of SRAM: all of the tile that is not synthesised."""
    tile = physical.tile
    srams = {f"{name} memory": float(sram.area) for name, sram in tile.srams.items()}
    return {"weight banks": float(tile.macro_area) - sum(srams.values()), **srams}
