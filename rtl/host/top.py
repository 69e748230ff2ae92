"""A tile, or several as a chip or board, with the host interface: the module at the top."""

from amaranth.hdl import ClockDomain, ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Flow, In

from rtl.host.interface import COLUMN_SETTINGS, COUNTERS, LOADING, SETTINGS, HostInterface, bus_members
from rtl.host.loader import load_port
from rtl.host.packets import tile_targets
from rtl.tile.config import TileConfig

TOP = "hosted_tile"
OUTPUTS = (
    "busy", "token_valid", "token", "illegal_program", "tainted",
    "uncorrectable", "uncorrectable_bank", "uncorrectable_address", "load_ready", "load_failed",
)  # fmt: skip
"""Ports of the tile that the host interface takes as they are, beside the counters and what loading came to."""


class HostedTile(wiring.Component):
    """`rtl.tile.tile.Tile`, or several as a chip or board, behind a `HostInterface`.

    Parameters
    ----------
    config : of the tile, or of all tiles together
    placed : name of the module with it, or them, and of its instance

    Attributes
    ----------
    clk, rst : clock, and reset to be held for two cycles at least
    s_axil_*, s_axis_*, m_axis_*, irq : as in `HostInterface`
    """

    def __init__(self, config: TileConfig, *, placed: str):
        self.config, self.placed = config, placed
        super().__init__({"clk": In(1), "rst": In(1), **bus_members()})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = sync = ClockDomain(local=True)
        m.domains.raw = raw = ClockDomain(local=True, reset_less=True)
        m.d.comb += [sync.clk.eq(self.clk), raw.clk.eq(self.clk)]
        m.d.raw += sync.rst.eq(self.rst)
        host = HostInterface(
            context=self.config.context,
            lanes=self.config.lanes,
            columns=self.config.columns,
            targets=tile_targets(self.config),
        )
        m.submodules.host = host
        for name, member in bus_members().items():
            ours, theirs = getattr(self, name), getattr(host, name)
            m.d.comb += theirs.eq(ours) if member.flow is Flow.In else ours.eq(theirs)
        m.submodules[self.placed] = Instance(self.placed, i_clk=ClockSignal(), **self._ports(m, host))
        return m

    def _ports(self, m, host):
        """The tile's ports, all but the clock."""
        load = load_port(tile_targets(self.config))
        inputs = {
            "rst": host.tile_reset,
            "start": host.start,
            **{name: getattr(host, name) for name in SETTINGS},
            **{name: getattr(host, name) for name, member in load.items() if member.flow is Flow.Out},
        }
        if self.config.columns > 1:
            inputs |= {name: getattr(host, name) for name in COLUMN_SETTINGS}
            inputs["columns"] = host.columns[: self.config.columns.bit_length()]
        outputs = {name: getattr(host, name) for name in (*OUTPUTS, *COUNTERS, *LOADING)}
        if self.config.columns > 1:
            outputs["token_column"] = Signal(self.config.column_bits)
        return {f"i_{name}": value for name, value in inputs.items()} | {
            f"o_{name}": value for name, value in outputs.items()
        }
