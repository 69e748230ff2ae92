"""Takes load packets apart into words for the tile's memories."""

import enum
from collections.abc import Callable
from functools import reduce
from operator import or_
from types import SimpleNamespace

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.host.axi import STREAM_BITS, axi_stream
from rtl.host.packets import BANK_BITS, HEADER, POSITION_BITS, LoadTarget
from rtl.host.registers import PacketError

AXI = "s_axis"


class State(enum.IntEnum):
    """Where in a packet the loader is."""

    HEADER = 0  # waits for one
    CHECK = 1  # looks at it
    WORDS = 2
    DROP = 3  # takes what is left of a packet


def load_port(targets: tuple[LoadTarget, ...]) -> dict[str, wiring.Member]:
    """Members of the write port towards the memories, as one who drives it sees them."""
    return {
        "load_valid": Out(1),
        "load_ready": In(1),
        "load_target": Out(8),
        "load_bank": Out(BANK_BITS),
        "load_address": Out(POSITION_BITS),
        "load_data": Out(max(target.bits for target in targets)),
    }


class PacketLoader(wiring.Component):
    """Words of load packets (`rtl.host.packets`), one beat a cycle while `load_ready` keeps up.

    A word is at the write port one cycle after its last beat and stays until it is taken. A packet costs its beats and
    one cycle, in which its header is checked. A wrong one is dropped to its TLAST; words before its mistake are
    written.

    Attributes
    ----------
    s_axis_* : the stream
    hold : no packet begins; its header waits on the stream
    abort : drop the rest of this packet, and the word that waits
    load_* : valid, ready, target, bank, address and data of a word
    loading : inside a packet, or a word waits
    error, error_code : for one cycle, what is wrong with the packet (`PacketError`); a cycle after it was seen
    begun : for one cycle, a header has come
    """

    def __init__(self, targets: tuple[LoadTarget, ...]):
        self.targets = targets
        super().__init__(
            {
                **axi_stream(AXI, STREAM_BITS, slave=True),
                **load_port(targets),
                "hold": In(1),
                "abort": In(1),
                "loading": Out(1),
                "error": Out(1),
                "error_code": Out(4),
                "begun": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        most = max(one.beats for one in self.targets)
        state, inside, beat = Signal(State), Signal(), Signal(range(most + 1))
        word = [Signal(STREAM_BITS, name=f"word_{number}", reset_less=True) for number in range(most)]
        moves, last = Signal(), self.s_axis_tlast
        free = ~self.load_valid | self.load_ready
        with m.If(state == State.HEADER):
            m.d.comb += self.s_axis_tready.eq(~self.hold)
        with m.Elif(state == State.WORDS):
            m.d.comb += self.s_axis_tready.eq(free)
        with m.Else():
            m.d.comb += self.s_axis_tready.eq(state == State.DROP)
        m.d.comb += [
            moves.eq(self.s_axis_tvalid & self.s_axis_tready),
            self.loading.eq((state != State.HEADER) | self.load_valid),
            self.begun.eq(moves & (state == State.HEADER)),
            self.load_data.eq(Cat(word)[: len(self.load_data)]),
        ]
        with m.If(moves):
            m.d.sync += inside.eq(~last)
        with m.If(self.load_ready):
            m.d.sync += self.load_valid.eq(0)
        header, arriving = self._header()
        m.d.sync += self.error.eq(0)
        with m.If(state == State.CHECK):
            self._check(m, state, header, inside)
        with m.Elif(moves & (state == State.HEADER)):
            m.d.sync += [kept.eq(arriving[name]) for name, kept in vars(header).items()]
            m.d.sync += [beat.eq(0), state.eq(State.CHECK)]
        with m.Elif(moves & (state == State.WORDS)):
            for number, part in enumerate(word):
                with m.If(beat == number):
                    m.d.sync += part.eq(self.s_axis_tdata)
            self._beat(m, state, header, beat, last)
        with m.Elif(moves & last):  # the end of what is dropped
            m.d.sync += state.eq(State.HEADER)
        with m.If(self.abort):
            m.d.sync += [state.eq(Mux(Mux(moves, ~last, inside), State.DROP, State.HEADER)), self.load_valid.eq(0)]
        return m

    def _header(self):
        """A register for each field of a header, and the header on the stream.

        Registers of their own, since Icarus 11 runs for ever where a part of one is written.
        """
        arriving = data.View(HEADER, self.s_axis_tdata)
        return SimpleNamespace(**{name: Signal(field.shape, name=name) for name, field in HEADER}), arriving

    def _of_target(self, target, value: Callable[[LoadTarget], int]):
        """A number of the memory that a header names; 0 for one that is not there."""
        return reduce(or_, (Mux(target == one.target, value(one), 0) for one in self.targets))

    def _check(self, m, state, header, inside):
        """Looks at a header, one cycle after it came."""
        words = self._of_target(header.target, lambda one: one.words)
        banks = self._of_target(header.target, lambda one: one.banks)
        code = Signal(PacketError)
        with m.If(banks == 0):
            m.d.comb += code.eq(PacketError.TARGET)
        with m.Elif(header.bank >= banks):
            m.d.comb += code.eq(PacketError.BANK)
        with m.Elif(header.count == 0):
            m.d.comb += code.eq(PacketError.EMPTY)
        with m.Elif(header.address + header.count > words):
            m.d.comb += code.eq(PacketError.ADDRESS)
        with m.Elif(~inside):
            m.d.comb += code.eq(PacketError.EARLY)
        wrong = code != PacketError.NONE
        m.d.sync += [self.error.eq(wrong), self.error_code.eq(code)]
        m.d.sync += state.eq(Mux(~inside, State.HEADER, Mux(wrong, State.DROP, State.WORDS)))

    def _beat(self, m, state, header, beat, last):
        """Takes one beat of a word; `header.address` and `header.count` are those of the words to come."""
        ends, expected = Signal(), Signal()
        final = self._of_target(header.target, lambda one: one.beats - 1)
        m.d.comb += [ends.eq(beat == final), expected.eq(ends & (header.count == 1))]
        m.d.sync += beat.eq(Mux(ends, 0, beat + 1))
        with m.If(ends):
            m.d.sync += [
                self.load_valid.eq(1),
                self.load_target.eq(header.target),
                self.load_bank.eq(header.bank),
                self.load_address.eq(header.address),
                header.address.eq(header.address + 1),
                header.count.eq(header.count - 1),
            ]
        code = Mux(last, PacketError.EARLY, PacketError.LATE)
        m.d.sync += [self.error.eq(last != expected), self.error_code.eq(code)]
        m.d.sync += state.eq(Mux(last, State.HEADER, Mux(expected, State.DROP, State.WORDS)))
