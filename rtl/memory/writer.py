"""Loads the banks: encode, write, read back, write again, and move what will not hold to a spare word."""

import enum
from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from rtl.memory.code import WordCode
from rtl.memory.faults import FaultyBank
from rtl.tile.config import BankTiming

COUNT_BITS = 32
"""Width of the counters."""


@dataclass(frozen=True, kw_only=True)
class LoadCounts:
    """What became of the words that were loaded.

    Attributes
    ----------
    retries : writes beyond the first of a place
    repaired : words that lie in a spare, rewritten ones counted again
    unrepairable : words that did not verify anywhere
    failed : bank and address of the first of these, None if there are none
    """

    retries: int
    repaired: int
    unrepairable: int
    failed: tuple[int, int] | None


def load(
    banks: list[FaultyBank], words, *, code: WordCode, attempts: int, bank_words: int, spares: int
) -> tuple[LoadCounts, dict[tuple[int, int], int]]:
    """Golden function of `BankWriter` and `RepairTable` together.

    Parameters
    ----------
    banks : written to; each has `bank_words` + `spares` words
    words : (bank, address, uint8 array [data_bits]) in order

    Returns
    -------
    counts : LoadCounts
    moved : (bank, address) to the address of its spare
    """
    moved: dict[tuple[int, int], int] = {}
    used = retries = repaired = unrepairable = 0
    failed = None
    for bank, address, word in words:
        stored, tries, fresh = code.encode(word[None])[0], 0, False
        while True:
            place = moved.get((bank, address), address)
            banks[bank].write(place, stored)
            if (banks[bank].read(place) == stored).all():
                repaired += fresh
                break
            tries += 1
            if tries < attempts:
                retries += 1
            elif used < spares:
                moved[bank, address] = bank_words + used
                used, tries, fresh = used + 1, 0, True
            else:
                unrepairable, failed = unrepairable + 1, failed or (bank, address)
                break
    return LoadCounts(retries=retries, repaired=repaired, unrepairable=unrepairable, failed=failed), moved


class State(enum.IntEnum):
    """What is being done with the word in hand."""

    IDLE = 0  # there is none
    LOOK_UP = 1
    WRITE = 2
    READ = 3
    COMPARE = 4


class BankWriter(wiring.Component):
    """Takes words and sees that each lies in its bank, read back without a single wrong bit.

    A word that reads back wrong is written again, up to `attempts` times in one place; then it moves to a spare word,
    and from there to the next, as long as there are any. One that will not hold is counted and its place latched.
    One word at a time: from one to the next 3 cycles, a write and a read through the decoder, plus as much as these
    for every retry. Nothing else may use the banks while `busy`.

    Parameters
    ----------
    code : of the banks' words
    data_bits, banks, words : bits of a word without check bits; banks; addresses of one
    timing : of the banks
    read_cycles : from `read` to its decoded word at `data`
    attempts : writes of a word in one place

    Attributes
    ----------
    words : stream of bank, address and data
    address : of the word in hand, for the lookup of `RepairTable`, one cycle ahead of `write` and `read`
    bank, write, read, code : strobes and codeword for that bank
    data, corrected, uncorrectable : what its decoder makes of a read
    assign : to the table, for the bank and address in hand, when `full` is low
    full : from the table
    busy : a word is in hand
    done : for one cycle with the last of a word
    retries, repaired, unrepairable : counts, as in `LoadCounts`
    failed, failed_bank, failed_address : a word did not hold: that it happened, and where first
    """

    def __init__(
        self,
        *,
        code: WordCode,
        data_bits: int,
        banks: int,
        words: int,
        timing: BankTiming,
        read_cycles: int,
        attempts: int = 8,
    ):
        self.word_code, self.timing, self.read_cycles, self.attempts = code, timing, read_cycles, attempts
        bank, address = range(max(banks, 2)), ceil_log2(words)
        self.layout = data.StructLayout({"bank": bank, "address": address, "data": data_bits})
        super().__init__(
            {
                "words": In(stream.Signature(self.layout)),
                "address": Out(address),
                "bank": Out(bank),
                "write": Out(1),
                "read": Out(1),
                "code": Out(code.code_bits(data_bits)),
                "data": In(data_bits),
                "corrected": In(1),
                "uncorrectable": In(1),
                "assign": Out(1),
                "full": In(1),
                "busy": Out(1),
                "done": Out(1),
                "retries": Out(COUNT_BITS),
                "repaired": Out(COUNT_BITS),
                "unrepairable": Out(COUNT_BITS),
                "failed": Out(1),
                "failed_bank": Out(bank),
                "failed_address": Out(address),
            }
        )

    def elaborate(self, platform):
        m = Module()
        word, tries, moved = Signal(self.layout, reset_less=True), Signal(range(self.attempts + 1)), Signal()
        after_write, after_read = (
            self.timing.write_cycles - 1,
            max(self.timing.cadence_cycles - self.read_cycles - 1, 0),
        )
        timer = Signal(range(max(after_write, after_read, self.read_cycles) + 1))
        m.d.comb += [self.address.eq(word.address), self.bank.eq(word.bank), self.busy.eq(~self.words.ready)]
        m.d.sync += self.code.eq(self.word_code.encode_value(m, word.data))
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        state = Signal(State)
        with m.If(state == State.IDLE):
            m.d.comb += self.words.ready.eq(1)
            m.d.sync += [word.eq(self.words.payload), tries.eq(0), moved.eq(0)]
            with m.If(self.words.valid):
                m.d.sync += state.eq(State.LOOK_UP)
        with m.Elif(state == State.LOOK_UP):
            m.d.sync += state.eq(State.WRITE)
        with m.Elif(timer == 0):
            with m.If(state == State.WRITE):
                m.d.comb += self.write.eq(1)
                m.d.sync += [timer.eq(after_write), tries.eq(tries + 1), state.eq(State.READ)]
            with m.Elif(state == State.READ):
                m.d.comb += self.read.eq(1)
                m.d.sync += [timer.eq(self.read_cycles - 1), state.eq(State.COMPARE)]
            with m.Else():
                m.d.sync += timer.eq(after_read)
                held = (self.data == word.data) & ~self.corrected & ~self.uncorrectable
                self._judge(m, held, state, tries, moved)
        return m

    def _judge(self, m, held, state, tries, moved):
        """What follows from a read."""
        with m.If(held):
            m.d.comb += self.done.eq(1)
            m.d.sync += [self.repaired.eq(self.repaired + moved), state.eq(State.IDLE)]
        with m.Elif(tries < self.attempts):
            m.d.sync += [self.retries.eq(self.retries + 1), state.eq(State.WRITE)]
        with m.Elif(~self.full):
            m.d.comb += self.assign.eq(1)
            m.d.sync += [tries.eq(0), moved.eq(1), state.eq(State.LOOK_UP)]
        with m.Else():
            m.d.comb += self.done.eq(1)
            m.d.sync += [self.unrepairable.eq(self.unrepairable + 1), self.failed.eq(1), state.eq(State.IDLE)]
            with m.If(~self.failed):
                m.d.sync += [self.failed_bank.eq(self.bank), self.failed_address.eq(self.address)]
