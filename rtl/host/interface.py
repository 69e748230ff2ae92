"""The host interface: registers, load stream and token stream of a tile, or of several that share the work."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Flow, In, Out

from rtl.host import loader as loading
from rtl.host import register_port as registers
from rtl.host import token_queue as tokens
from rtl.host.axi import STREAM_BITS, axi_lite_slave, axi_stream
from rtl.host.loader import PacketLoader, load_port
from rtl.host.packets import LoadTarget
from rtl.host.register_port import RegisterPort
from rtl.host.registers import ADDRESS_BITS, COLUMN_BITS, COUNTER_BITS, EVENTS, IDENTIFICATION, VERSION
from rtl.host.token_queue import TokenQueue
from rtl.tile.activity import ACTIVITIES
from rtl.tile.sequencer import TOKEN_BITS

SETTINGS = {"prompt_length": TOKEN_BITS, "total_length": TOKEN_BITS, "vocabulary": TOKEN_BITS, "epsilon": 32}
COLUMN_SETTINGS = {"first_position": TOKEN_BITS, "first_emitted": TOKEN_BITS, "columns": COLUMN_BITS}
"""What a tile with several columns takes beside `SETTINGS`."""

COUNTERS = ("cycles", "weight_words", "lane_words", "corrected_words", "uncorrectable_words", *ACTIVITIES)

LOADING = {
    "load_retries": 32,
    "load_repaired": 32,
    "load_unrepairable": 32,
    "load_failed_bank": 12,
    "load_failed_address": 20,
}
"""What the tile says of the weights that were loaded: counts, and where the first word did not hold."""

SETTLE_CYCLES = 63
"""A run counts as on for so long after `start` and after the tile's last busy cycle: `busy` may rise a few cycles after
`start`, and steps that an illegal program has issued may be on their way for a while after `busy` falls."""

RESET_CYCLES = 4
"""Length of the tile's reset."""


def bus_members() -> dict[str, wiring.Member]:
    """The host's side: three AXI ports and the interrupt."""
    return {
        **axi_lite_slave(registers.AXI, ADDRESS_BITS),
        **axi_stream(loading.AXI, STREAM_BITS, slave=True),
        **axi_stream(tokens.AXI, tokens.DATA_BITS, slave=False),
        "irq": Out(1),
    }


def tile_members(targets: tuple[LoadTarget, ...]) -> dict[str, wiring.Member]:
    """The tile's side, as the host interface sees it."""
    return {
        "tile_reset": Out(1),
        "start": Out(1),
        **{name: Out(bits) for name, bits in (SETTINGS | COLUMN_SETTINGS).items()},
        "busy": In(1),
        "token_valid": In(1),
        "token": In(TOKEN_BITS),
        "tainted": In(1),
        **{name: In(COUNTER_BITS) for name in COUNTERS},
        "illegal_program": In(1),
        "uncorrectable": In(1),
        "uncorrectable_bank": In(12),
        "uncorrectable_address": In(20),
        "load_failed": In(1),
        **{name: In(bits) for name, bits in LOADING.items()},
        **load_port(targets),
    }


class HostInterface(wiring.Component):
    """Lets a host load a tile, run it and take its tokens. Only the host ever waits: nothing here stalls a run.

    Attributes
    ----------
    s_axil_* : registers (`rtl.host.registers`), see `RegisterPort`
    s_axis_* : load packets (`rtl.host.packets`), see `PacketLoader`; none begins while a run is on
    m_axis_* : tokens, see `TokenQueue`, which holds all of a run
    irq : an event whose interrupt is enabled has happened
    tile_reset : resets the tile, for `RESET_CYCLES`
    start : for one cycle, with the settings beside it
    first_position, first_emitted, columns : as in `rtl.tile.sequencer.Sequencer`, for a tile with several columns
    busy, token_valid, token, tainted, cycles ... : from the tile, as in `rtl.tile.tile.Tile`
    illegal_program, uncorrectable : events of the tile, for one cycle each, the latter with bank and address
    load_failed, load_failed_bank ... : for one cycle, a weight word did not hold; what loading came to
    load_valid ... load_data : write port of the tile's memories: valid and ready, target, bank, address, data in the
        lowest bits
    """

    def __init__(self, *, context: int, lanes: int, columns: int, targets: tuple[LoadTarget, ...]):
        self.context, self.lanes, self.built, self.targets = context, lanes, columns, targets
        super().__init__({**bus_members(), **tile_members(targets)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.registers = port = RegisterPort({"columns": self.built})
        m.submodules.loader = loader = PacketLoader(self.targets)
        m.submodules.queue = queue = TokenQueue(self.context)
        for part, prefix in ((port, "s_axil_"), (loader, "s_axis_"), (queue, "m_axis_")):
            self._join(m, part, prefix)
        self._join(m, loader, "load_")
        on = self._run(m, port, loader, queue)
        self._reset(m, port, loader)
        self._events(m, port, loader, queue, on)
        self._facts(m, port, loader, queue)
        return m

    def _join(self, m, part, prefix):
        """Connects the ports of a part whose names begin so to the ports of this component that are called the same."""
        for name, member in part.signature.members.items():
            if name.startswith(prefix):
                ours, theirs = getattr(self, name), getattr(part, name)
                m.d.comb += theirs.eq(ours) if member.flow is Flow.In else ours.eq(theirs)

    def _run(self, m, port, loader, queue):
        """Start, and whether a run is on; the tokens of a run."""
        settle, last, emitted = Signal(range(SETTLE_CYCLES + 1)), Signal(17), Signal(COUNTER_BITS)
        on, possible = Signal(), Signal()
        m.d.comb += [
            on.eq(self.busy | (settle != 0)),
            last.eq(port.total_length - port.prompt_length + port.drafts),
            self.first_position.eq(port.first_position),
            self.first_emitted.eq(port.prompt_length - 1 - port.drafts),
            self.columns.eq(port.columns),
            port.start_refused.eq(on | loader.loading | port.resetting | ~possible),
            port.busy.eq(on),
            loader.hold.eq(on | port.start | port.resetting),
        ]
        # A cycle late, which no start sees: settings change two cycles before it, and the queue grows only in a run.
        m.d.sync += possible.eq(
            (port.prompt_length != 0)
            & (port.prompt_length <= port.total_length)
            & (port.total_length <= self.context)
            & (last + queue.level < self.context)
            & self._possible_columns(port)
        )
        m.d.comb += [getattr(self, name).eq(getattr(port, name)) for name in SETTINGS]
        m.d.sync += self.start.eq(port.start)
        with m.If(port.start | self.busy):
            m.d.sync += settle.eq(SETTLE_CYCLES)
        with m.Elif(settle != 0):
            m.d.sync += settle.eq(settle - 1)
        with m.If(port.start):
            m.d.sync += emitted.eq(0)
        with m.Elif(self.token_valid):
            m.d.sync += emitted.eq(emitted + 1)
        m.d.comb += [
            port.tokens.eq(emitted),
            queue.write.eq(self.token_valid),
            queue.token.eq(self.token),
            queue.tainted.eq(self.tainted),
            queue.last.eq(emitted == last),
        ]
        return on

    def _possible_columns(self, port):
        """Whether a run can begin there, with these drafts and so many columns."""
        first = port.first_position + port.drafts
        drafts = first == 0 if self.built == 1 else first < port.prompt_length
        return drafts & (port.columns != 0) & (port.columns <= self.built)

    def _reset(self, m, port, loader):
        left = Signal(range(RESET_CYCLES + 1), init=RESET_CYCLES)
        with m.If(port.soft_reset):
            m.d.sync += left.eq(RESET_CYCLES)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        m.d.comb += [port.resetting.eq(left != 0), self.tile_reset.eq(left != 0), loader.abort.eq(port.soft_reset)]

    def _events(self, m, port, loader, queue, on):
        """Sticky bits, the record of the first of each, and the interrupt."""
        before, number = Signal(), Signal(16)
        enabled = Cat(getattr(port, f"{name}_enable") for name, _ in EVENTS)
        m.d.sync += [before.eq(on), self.irq.eq((port.status & enabled).any())]
        m.d.comb += [
            port.done.eq(before & ~on),
            port.illegal_program.eq(self.illegal_program),
            port.illegal_access.eq(port.illegal),
            port.uncorrectable.eq(self.uncorrectable),
            port.unrepairable.eq(self.load_failed),
            port.packet_error.eq(loader.error),
            port.token_lost.eq(queue.lost),
        ]
        with m.If(loader.begun):
            m.d.sync += number.eq(number + 1)
        self._record(m, port, "illegal_access", illegal_address=port.illegal_at, illegal_write=port.illegal_is_write)
        self._record(m, port, "packet_error", packet_error_code=loader.error_code, packet_number=number - 1)
        self._record(
            m,
            port,
            "uncorrectable",
            uncorrectable_bank=self.uncorrectable_bank,
            uncorrectable_address=self.uncorrectable_address,
        )

    @staticmethod
    def _record(m, port, event, **values):
        """Keeps values of the first event since its bit was cleared."""
        first = getattr(port, event) & ~port.status[[name for name, _ in EVENTS].index(event)]
        for name, value in values.items():
            shown = getattr(port, name)
            kept = Signal.like(shown, name=f"first_{name}")
            m.d.comb += shown.eq(kept)
            with m.If(first):
                m.d.sync += kept.eq(value)

    def _facts(self, m, port, loader, queue):
        m.d.comb += [
            port.identification.eq(IDENTIFICATION),
            port.major.eq(VERSION[0]),
            port.minor.eq(VERSION[1]),
            port.context.eq(self.context),
            port.lanes.eq(self.lanes),
            port.columns_built.eq(self.built),
            port.loading.eq(loader.loading),
            port.waiting.eq(queue.level),
        ]
        m.d.comb += [getattr(port, name).eq(getattr(self, name)) for name in (*COUNTERS, *LOADING)]
