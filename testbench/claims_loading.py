"""Claims about the loading of banks, for `testbench.formal`."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.writer import BankWriter
from rtl.tile.config import BankTiming


class WriterKeepsWords(wiring.Component):
    """`BankWriter` loses no word, invents none, and keeps to the banks' times, whatever it reads back.

    Attributes
    ----------
    bank, address, data, valid : what the host offers, in any order and with any pauses
    read_data, corrected, uncorrectable, full : what banks, decoders and table answer
    one_in_hand : a word is in hand exactly while the writer is not ready, from its acceptance until `done`
    stays_ready : once ready, it waits for a word
    kept : bank, address and code are those of the word that was accepted
    honest : a word is done only if it has just read back whole, or is counted as unrepairable
    spaced : a write or read begins only when the one before it has ended
    """

    def __init__(self, writer: BankWriter, timing: BankTiming):
        self._writer, self._timing = writer, timing
        members = writer.signature.members
        claims = ("one_in_hand", "stays_ready", "kept", "honest", "spaced")
        super().__init__(
            {
                "payload": In(writer.layout),
                "valid": In(1),
                **{name: In(members[name].shape) for name in ("data", "corrected", "uncorrectable", "full")},
                **{name: Out(1) for name in claims},
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.writer = writer = self._writer
        m.d.comb += [
            writer.words.payload.eq(self.payload),
            writer.words.valid.eq(self.valid),
            *(getattr(writer, name).eq(getattr(self, name)) for name in ("data", "corrected", "uncorrectable", "full")),
        ]
        accepted, in_hand, word = Signal(), Signal(), Signal(self._writer.layout)
        m.d.comb += accepted.eq(writer.words.valid & writer.words.ready)
        m.d.sync += in_hand.eq(Mux(accepted, 1, in_hand & ~writer.done))
        with m.If(accepted):
            m.d.sync += word.eq(self.payload)
        m.d.comb += self.one_in_hand.eq((in_hand == ~writer.words.ready) & (~writer.done | in_hand))
        self._handshake(m, writer, accepted)
        self._fate(m, writer, in_hand, word)
        self._times(m, writer)
        return m

    def _handshake(self, m, writer, accepted):
        waiting = Signal()
        m.d.sync += waiting.eq(writer.words.ready & ~accepted)
        m.d.comb += self.stays_ready.eq(~waiting | writer.words.ready)

    def _fate(self, m, writer, in_hand, word):
        whole = (self.data == word.data) & ~self.corrected & ~self.uncorrectable
        lost, before = Signal.like(writer.unrepairable), Signal.like(writer.unrepairable)
        settled, code = Signal(), Signal.like(writer.code)
        m.d.sync += settled.eq(in_hand)
        m.d.comb += [
            code.eq(writer.word_code.encode_value(m, word.data)),
            self.kept.eq(
                ~in_hand
                | (writer.address == word.address) & (writer.bank == word.bank) & (~settled | (writer.code == code))
            ),
        ]
        m.d.sync += [before.eq(writer.unrepairable), lost.eq(writer.done & ~whole)]
        m.d.comb += self.honest.eq(writer.unrepairable == (before + lost)[: len(before)])

    def _times(self, m, writer):
        """Cycles left until the last access has ended."""
        timing = self._timing
        left = Signal(range(max(timing.write_cycles, timing.cadence_cycles) + 1))
        m.d.sync += left.eq(
            Mux(
                writer.write,
                timing.write_cycles - 1,
                Mux(writer.read, timing.cadence_cycles - 1, Mux(left == 0, 0, left - 1)),
            )
        )
        m.d.comb += self.spaced.eq((~(writer.write | writer.read) | (left == 0)) & ~(writer.write & writer.read))


class WriterEnds(wiring.Component):
    """`BankWriter` is done with a word after at most so many cycles, whatever it reads back, with so many spares.

    Attributes
    ----------
    payload, valid, data, corrected, uncorrectable : as in `WriterKeepsWords`
    in_time : the word in hand has not been there for longer
    """

    def __init__(self, writer: BankWriter, *, spares: int, cycles: int):
        self._writer, self._spares, self._cycles = writer, spares, cycles
        members = writer.signature.members
        answers = {name: In(members[name].shape) for name in ("data", "corrected", "uncorrectable")}
        super().__init__({"payload": In(writer.layout), "valid": In(1), **answers, "in_time": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.writer = writer = self._writer
        used, age = Signal(range(self._spares + 1)), Signal(range(self._cycles + 2))
        with m.If(writer.assign):
            m.d.sync += used.eq(used + 1)
        with m.If(~writer.busy):
            m.d.sync += age.eq(1)
        with m.Elif(age <= self._cycles):
            m.d.sync += age.eq(age + 1)
        m.d.comb += [
            writer.words.payload.eq(self.payload),
            writer.words.valid.eq(self.valid),
            *(getattr(writer, name).eq(getattr(self, name)) for name in ("data", "corrected", "uncorrectable")),
            writer.full.eq(used == self._spares),
            self.in_time.eq(~writer.busy | (age <= self._cycles)),
        ]
        return m
