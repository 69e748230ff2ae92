"""Area, highest clock and energy of a tile: macros from physics, logic from synthesis mapped by the node."""

from collections import Counter
from dataclasses import dataclass, replace

from devicemodels.errors import UserError
from devicemodels.transistor import fo4_at, leakage_scale
from rtl.export.verilog import top
from sim.cache import cache_root
from sim.synthesis import ModuleGates, Synthesis, synthesise
from sim.tile import Tile

ACTIVITY = 0.15
"""Output transitions of a NAND2-equivalent in a cycle in which its unit works (assumed: datapaths toggle 10-20 %)."""

CLOCK_LOAD = 1.0
"""NAND2-equivalent transitions that a running clock costs in each flip-flop and cycle (assumed)."""

BLACK_BOXES = ("sram", "weight_bank", "clock_gate")


@dataclass(frozen=True, kw_only=True)
class Physical:
    """A tile in silicon.

    Attributes
    ----------
    area : part to square metres; logic at the node's placement utilisation
    max_clock_hz : highest clock of the logic and of the SRAMs' one-cycle reads
    synthesis : gates behind it
    """

    tile: Tile
    synthesis: Synthesis
    area: dict[str, float]
    max_clock_hz: float

    @property
    def total_area(self) -> float:
        """Square metres of the whole tile."""
        return sum(self.area.values())


def implement(tile: Tile, sources: dict[str, str], *, slower: bool = False) -> Physical:
    """Synthesise a tile's Verilog and add its macros.

    slower : lower a clock that is faster than the logic to a whole megahertz; the banks' cycles, fewer of which might
        do, stay

    Raises
    ------
    UserError
        The design's clock is faster than its logic, and is not to be lowered.
    """
    physical = estimate(tile, sources)
    limit, synthesis = physical.max_clock_hz, physical.synthesis
    if tile.clock_hz > limit and slower:
        return replace(physical, tile=replace(tile, clock_hz=limit // 1e6 * 1e6))
    if tile.clock_hz > limit:
        raise UserError(
            f"tile.clock_mhz is {tile.clock_hz / 1e6:g} and the logic reaches {limit / 1e6:.0f} "
            f"({synthesis.depth_fo4:.0f} FO4 in {synthesis.deepest}): lower it to {int(limit / 1e6)}"
        )
    return physical


def estimate(tile: Tile, sources: dict[str, str]) -> Physical:
    """As `implement`, whatever clock the design asks for."""
    synthesis = synthesise(sources=sources, top=top(tile.config), cache_root=cache_root(), blackboxes=BLACK_BOXES)
    limit = max_clock(tile, synthesis)
    return Physical(tile=tile, synthesis=synthesis, area=_area(tile, synthesis), max_clock_hz=limit)


def max_clock(tile: Tile, synthesis: Synthesis) -> float:
    """Highest clock in hertz: the deepest logic, or an SRAM's read, and a flip-flop, within the node's margin.

    What logic lies behind an SRAM's output before the next register is a multiplexer or two and is not counted.
    """
    technology = tile.technology
    fo4 = fo4_at(technology, temperature=tile.temperature)
    slowest = max([synthesis.depth_fo4 * fo4, *(sram.macro.read_access for sram in tile.srams.values())])
    return float((1 - technology.clock_margin) / (slowest + technology.flop_overhead_fo4 * fo4))


def gates_below(synthesis: Synthesis, name: str) -> float:
    """NAND2 equivalents of a module and all below it, as often as they are there."""
    return sum(module.count * module.nand2_equivalents for module in _below(synthesis, name))


def flops_below(synthesis: Synthesis, name: str) -> int:
    """Flip-flops of a module and all below it, as often as they are there."""
    return sum(module.count * module.flops for module in _below(synthesis, name))


def _below(synthesis: Synthesis, name: str) -> list[ModuleGates]:
    return [module for module in synthesis.modules if f"{module.name}.".startswith(f"{name}.")]


def links_gates(synthesis: Synthesis) -> float:
    """NAND2 equivalents of all that joins tiles; their wires lie above the logic and take no area of their own."""
    return sum(gates_below(synthesis, f"{name}.collective") for name in ("chip", "board"))


def _area(tile: Tile, synthesis: Synthesis) -> dict[str, float]:
    per_gate = tile.technology.nand2_area / tile.technology.placement_utilisation
    lanes, links = gates_below(synthesis, "lane"), links_gates(synthesis)
    logic = {
        "lanes": lanes * per_gate,
        "vector unit and sequencer": (synthesis.nand2_equivalents - lanes - links) * per_gate,
    }
    if tile.config.tiles > 1:
        logic["links"] = links * per_gate
    banks = {"weight banks": tile.bank.area * tile.config.banks}
    small = sum(tile.srams[name].area for name in ("activation", "program", "prompt"))
    return {
        **banks,
        "KV banks": tile.srams["KV"].area,
        "vector memory": tile.srams["vector"].area,
        "constant memory": tile.srams["constant"].area,
        "other memories": small,
        **logic,
    }


def energy(physical: Physical, counts: Counter[str], cycles: float) -> dict[str, float]:
    """Joules by part for the events of `sim.accounts` in a number of cycles.

    Lanes and vector unit switch in the cycles that have work for them, all other logic in every cycle; the clock of
    the lanes is gated, that of all else is not. Of a lane with columns as large a part switches as there are columns
    in use; what locates errors, which are rare, does not.
    """
    tile, technology = physical.tile, physical.tile.technology
    macros = {name: sram.macro for name, sram in tile.srams.items()}
    seconds = cycles / tile.clock_hz
    lanes, vector = (gates_below(physical.synthesis, name) for name in ("lane", "tile.vector_unit"))
    rest = physical.synthesis.nand2_equivalents - lanes - vector
    busy = lanes - gates_below(physical.synthesis, "lane.decoder.corrector.locator")
    flops, gated = physical.synthesis.flops, flops_below(physical.synthesis, "lane")
    per_gate = ACTIVITY * technology.nand2_energy
    tiles = tile.config.tiles  # each has its part of a vector word, and memories of its own for all else
    small = tiles * sum(
        macros[name].read_energy * counts[f"{name} reads"] + macros[name].write_energy * counts[f"{name} writes"]
        for name in ("activation", "constant", "program", "prompt")
    )
    leaking = (
        tile.bank.leakage * tile.config.banks
        + sum(sram.macro.leakage * sram.count for sram in tile.srams.values())
        + physical.synthesis.nand2_equivalents
        * technology.nand2_leakage
        * leakage_scale(technology, temperature=tile.temperature)
    )
    return {
        "weight reads": tile.bank.read_energy * counts["weight reads"],
        "KV": macros["KV"].read_energy * counts["KV reads"] + macros["KV"].write_energy * counts["KV writes"],
        "vector memory": tiles * macros["vector"].read_energy * counts["vector reads"]
        + tiles * macros["vector"].write_energy * counts["vector writes"],
        "other memories": small,
        "lanes": busy / (tile.config.lanes * tile.config.columns) * per_gate * counts["column words"],
        "vector unit and sequencer": per_gate * (vector * counts["vector steps"] + rest * cycles),
        "clock": (gated * counts["lane cycles"] + (flops - gated) * cycles) * CLOCK_LOAD * technology.nand2_energy,
        "leakage": leaking * seconds,
    }
