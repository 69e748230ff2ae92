"""Tiles as a chip, and chips as a board: parts that play one program in step."""

from amaranth.hdl import Cat, ClockDomain, Const, Instance, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from rtl.chip.collective import Collective
from rtl.tile.config import TileConfig
from rtl.tile.tile import SUMMED, host_ports, link_ports

FLAGS = ("tainted", "uncorrectable", "load_failed", "load_ready")
"""Outputs that any part may raise. The parts whose memories take a word from the host are ready in the same cycle."""

PLACES = {event: (f"{event}_bank", f"{event}_address") for event in ("uncorrectable", "load_failed")}
"""Where something has happened, of the lowest part that says so in that cycle."""


class Assembly(wiring.Component):
    """Parts that get the same start, prompt, constants and program, and hear each other through one collective.

    It has a tile's ports. Tokens are the first part's: all find the same ones in the same cycle. Words from the host go
    to all parts; where a weight did not hold first is kept here. A part is an instance of the module `part`, which the
    Verilog has once.

    Parameters
    ----------
    part, parts, tiles : module of the parts, how many there are, and tiles in each of them
    cycles : of the collective

    Attributes
    ----------
    number, sent, received : as in `rtl.tile.tile.Tile`; only of an assembly that is a part among others
    """

    def __init__(self, config: TileConfig, *, part: str, parts: int, tiles: int, cycles: int):
        self.config, self.part, self.parts = config, part, parts
        self._collective = Collective(config, parts=parts, tiles=tiles, cycles=cycles)
        self.whole = tiles * parts == config.tiles
        ports = host_ports(config)
        self._inputs = [name for name, member in ports.items() if member.flow == In]
        self._outputs = {name: member.shape for name, member in ports.items() if member.flow == Out}
        super().__init__(ports | ({} if self.whole else link_ports(config, tiles * parts)))

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = sync = ClockDomain(local=True, reset_less=True)
        m.d.comb += sync.clk.eq(self.clk)
        m.submodules.collective = collective = self._collective
        if not self.whole:
            m.d.comb += self.sent.eq(collective.received)
        self._join(m, [self._place(m, number, collective) for number in range(self.parts)])
        return m

    def _place(self, m, number: int, collective) -> dict:
        """A part, and its outputs by name."""
        received = collective.received if self.whole else self.received
        outputs = {name: Signal(shape, name=f"{name}_{number}") for name, shape in self._outputs.items()}
        m.submodules[f"{self.part}_{number}"] = Instance(
            self.part,
            i_number=Cat(Const(number, exact_log2(self.parts)), () if self.whole else self.number),
            i_received=received.as_value(),
            o_sent=collective.sent[number].as_value(),
            **{f"i_{name}": getattr(self, name) for name in self._inputs},
            **{f"o_{name}": signal for name, signal in outputs.items()},
        )
        return outputs

    def _join(self, m, parts: list[dict]):
        """The parts' outputs as one."""
        for name in self._outputs:
            values, port = [part[name] for part in parts], getattr(self, name)
            if name in SUMMED:
                m.d.comb += port.eq(sum(values))
            elif name in FLAGS:
                m.d.comb += port.eq(Cat(values).any())
            elif name not in sum(PLACES.values(), ()):
                m.d.comb += port.eq(values[0])
        for event, names in PLACES.items():
            now = [Signal(self._outputs[name], name=f"{name}_now") for name in names]
            for part in reversed(parts):
                with m.If(part[event]):
                    m.d.comb += [place.eq(part[name]) for place, name in zip(now, names, strict=True)]
            kept = self._first(m, event, now) if event == "load_failed" and self.config.spare_words else now
            m.d.comb += [getattr(self, name).eq(place) for place, name in zip(kept, names, strict=True)]

    def _first(self, m, event: str, now: list) -> list:
        """Where it happened first since the reset: from the cycle on in which it does."""
        before, kept = Signal(name=f"{event}_before"), [Signal.like(place, name=f"{place.name}_kept") for place in now]
        with m.If(self.rst):
            m.d.sync += before.eq(0)
        with m.Elif(getattr(self, event) & ~before):
            m.d.sync += [before.eq(1), *(place.eq(value) for place, value in zip(kept, now, strict=True))]
        return [Mux(before, *pair) for pair in zip(kept, now, strict=True)]


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
