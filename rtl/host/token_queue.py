"""Keeps the tokens of a run until the host takes them."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from rtl.host.axi import axi_stream
from rtl.memory.macros import sram
from rtl.tile.sequencer import TOKEN_BITS

AXI = "m_axis"
DATA_BITS = 32

TAINTED = 31
"""Bit of a token's word: the run has read a weight word that was beyond repair."""


class TokenQueue(wiring.Component):
    """A first-in, first-out queue in one SRAM, which never makes the writer wait.

    A token is on the stream two cycles after it was written when the queue was empty; one token a cycle goes in and
    one comes out. TLAST marks the last token of a run; bit `TAINTED` of the data says that `tainted` came with it.

    Attributes
    ----------
    write, token, tainted, last : a token comes in
    lost : for one cycle, it came while the queue was full and is gone
    level : tokens that wait, with the one on the stream
    m_axis_* : the stream
    """

    def __init__(self, depth: int):
        self.depth = depth
        super().__init__(
            {
                **axi_stream(AXI, DATA_BITS, slave=False),
                "write": In(1),
                "token": In(TOKEN_BITS),
                "tainted": In(1),
                "last": In(1),
                "lost": Out(1),
                "level": Out(range(depth + 2)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        head, tail, stored = Signal(range(self.depth)), Signal(range(self.depth)), Signal(range(self.depth + 1))
        writes, reads, word = Signal(), Signal(), Signal(TOKEN_BITS + 2)
        full = stored == self.depth
        m.d.comb += [
            writes.eq(self.write & ~full),
            self.lost.eq(self.write & full),
            reads.eq((stored != 0) & (~self.m_axis_tvalid | self.m_axis_tready)),
            self.level.eq(stored + self.m_axis_tvalid),
            self.m_axis_tdata.eq(word[:TOKEN_BITS] | word[-2] << TAINTED),
            self.m_axis_tlast.eq(word[-1]),
        ]
        m.d.sync += stored.eq(stored + writes - reads)
        with m.If(writes):
            m.d.sync += tail.eq(self._next(tail))
        with m.If(reads):
            m.d.sync += [head.eq(self._next(head)), self.m_axis_tvalid.eq(1)]
        with m.Elif(self.m_axis_tready):
            m.d.sync += self.m_axis_tvalid.eq(0)
        m.submodules.ring = sram(
            words=self.depth,
            grain=TOKEN_BITS + 2,
            read_enable=reads,
            read_address=head[: ceil_log2(self.depth)],
            read_data=word,
            write_enable=writes,
            write_address=tail[: ceil_log2(self.depth)],
            write_data=Cat(self.token, self.tainted, self.last),
        )
        return m

    def _next(self, pointer):
        return Mux(pointer == self.depth - 1, 0, pointer + 1)
