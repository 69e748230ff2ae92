"""Tiles as a chip, and chips as a board: parts that play one program in step."""

from amaranth.hdl import Cat, ClockDomain, Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from rtl.chip.collective import Collective
from rtl.tile.config import TileConfig
from rtl.tile.tile import COUNTERS, link_ports, tile_signature


class Assembly(wiring.Component):
    """Parts that get the same start, prompt and program, and hear each other through one collective.

    It has a tile's ports, and the first part's tokens: all parts find the same ones in the same cycle. Counts of words
    are those of all parts. A part is an instance of the module `part`, which the Verilog has once.

    Parameters
    ----------
    part, parts, tiles : module of the parts, how many there are, and tiles in each of them
    cycles : of the collective

    Attributes
    ----------
    tile, sent, received : as in `rtl.tile.tile.Tile`; only of an assembly that is a part among others
    """

    def __init__(self, config: TileConfig, *, part: str, parts: int, tiles: int, cycles: int):
        self.config, self.part, self.parts = config, part, parts
        self._collective = Collective(config, parts=parts, tiles=tiles, cycles=cycles)
        self.whole = tiles * parts == config.tiles
        self._host = tile_signature(config.columns)
        super().__init__(self._host | ({} if self.whole else link_ports(config, tiles * parts)))

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = sync = ClockDomain(local=True, reset_less=True)
        m.d.comb += sync.clk.eq(self.clk)
        m.submodules.collective = collective = self._collective
        received = collective.received if self.whole else self.received
        if not self.whole:
            m.d.comb += self.sent.eq(collective.received)
        counts = {name: [] for name in COUNTERS}
        for number in range(self.parts):
            outputs = {
                name: Signal(member.shape, name=f"{name}_{number}")
                for name, member in self._host.items()
                if member.flow == Out
            }
            m.submodules[f"{self.part}_{number}"] = Instance(
                self.part,
                i_tile=Cat(Const(number, exact_log2(self.parts)), () if self.whole else self.tile),
                i_received=received.as_value(),
                o_sent=collective.sent[number].as_value(),
                **{f"i_{name}": getattr(self, name) for name, member in self._host.items() if member.flow == In},
                **{f"o_{name}": signal for name, signal in outputs.items()},
            )
            for name in COUNTERS:
                counts[name].append(outputs[name])
            if number == 0:
                m.d.comb += [getattr(self, name).eq(outputs[name]) for name in outputs if name not in COUNTERS]
        m.d.comb += [getattr(self, name).eq(sum(counts[name])) for name in COUNTERS]
        return m


def tile_paths(config: TileConfig) -> list[str]:
    """Path of each tile from the top module on, under which its memories look for their contents."""
    if config.tiles == 1:
        return ["tile"]
    tiles = config.tiles // config.chips
    if config.chips == 1:
        return [f"chip.tile_{number}" for number in range(tiles)]
    return [f"board.chip_{number // tiles}.tile_{number % tiles}" for number in range(config.tiles)]


def chip(config: TileConfig) -> Assembly:
    """The tiles of one chip."""
    tiles = config.tiles // config.chips
    return Assembly(config, part="tile", parts=tiles, tiles=1, cycles=config.link_cycles)


def board(config: TileConfig) -> Assembly:
    """All chips."""
    tiles = config.tiles // config.chips
    return Assembly(config, part="chip", parts=config.chips, tiles=tiles, cycles=config.chip_link_cycles)
