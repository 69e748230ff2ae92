"""A tile with its host interface: the module that a chip would place."""

from amaranth.hdl import ClockDomain, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Flow, In

from rtl.host.interface import COUNTERS, SETTINGS, HostInterface, bus_members
from rtl.host.packets import Target, tile_targets
from rtl.tile import tile
from rtl.tile.config import TileConfig

TOP = "hosted_tile"


class HostedTile(wiring.Component):
    """`rtl.tile.tile.Tile`, placed as the module `tile`, behind a `HostInterface`.

    Of several columns the host gets what a run from position 0 makes of them: a prompt is taken as many tokens at once.

    Attributes
    ----------
    clk, rst : clock, and reset to be held for two cycles at least
    s_axil_*, s_axis_*, m_axis_*, irq : as in `HostInterface`
    """

    def __init__(self, config: TileConfig):
        self.config = config
        super().__init__({"clk": In(1), "rst": In(1), **bus_members()})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = sync = ClockDomain(local=True)
        m.domains.raw = raw = ClockDomain(local=True, reset_less=True)
        m.d.comb += [sync.clk.eq(self.clk), raw.clk.eq(self.clk)]
        m.d.raw += sync.rst.eq(self.rst)
        # The tile's other memories have no write port yet: they are loaded before the run.
        targets = tuple(one for one in tile_targets(self.config) if one.target is Target.PROMPT)
        host = HostInterface(context=self.config.context, lanes=self.config.lanes, targets=targets)
        m.submodules.host = host
        for name, member in bus_members().items():
            ours, theirs = getattr(self, name), getattr(host, name)
            m.d.comb += theirs.eq(ours) if member.flow is Flow.In else ours.eq(theirs)
        m.submodules.tile = Instance("tile", i_clk=ClockSignal(), **self._ports(m, host))
        return m

    def _ports(self, m, host):
        """The tile's ports, all but the clock."""
        m.d.comb += host.load_ready.eq(1)
        before = Signal.like(host.uncorrectable_words)
        m.d.sync += before.eq(host.uncorrectable_words)
        m.d.comb += host.uncorrectable.eq(host.uncorrectable_words > before)
        inputs = {
            "rst": host.tile_reset,
            "start": host.start,
            **{name: getattr(host, name) for name in SETTINGS},
            "prompt_write": host.load_valid,
            "prompt_write_address": host.load_address[: tile.TOKEN_BITS],
            "prompt_write_data": host.load_data,
        }
        if self.config.columns > 1:
            inputs |= {"columns": Const(self.config.columns), "first_position": Const(0, tile.TOKEN_BITS)}
            inputs |= {"first_emitted": (host.prompt_length - 1)[: tile.TOKEN_BITS]}
        outputs = {name: getattr(host, name) for name in ("busy", "token_valid", "token", *COUNTERS)}
        return {f"i_{name}": value for name, value in inputs.items()} | {
            f"o_{name}": value for name, value in outputs.items()
        }
