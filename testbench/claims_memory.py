"""Claims about memory components, for `testbench.formal`."""

import itertools

import numpy as np
from amaranth.hdl import Assume, Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory import bch, galois, secded


def delayed(m: Module, value: Value, cycles: int) -> Value:
    """A value some cycles later."""
    for _ in range(cycles):
        after = Signal.like(value, name="delayed")
        m.d.sync += after.eq(value)
        value = after
    return value


class Corrects(wiring.Component):
    """The corrector of `code` (the module `rtl.memory.secded` or `bch`) does right by `errors` errors in any word.

    The sums are those of the errors alone: sums add, and those of a codeword are zero, as `testbench.linear` shows of
    the logic that forms them.

    Attributes
    ----------
    word, position_0, position_1 ... : a codeword, of any bits, and where it was hurt, in ascending order
    flagged : the flags say what happened
    repaired : the data are the codeword's; of a word with more errors than can be repaired, as they were read
    """

    def __init__(self, code, data_bits: int, errors: int):
        self._code, self._data_bits, self._errors = code, data_bits, errors
        width = (code.code_bits(data_bits) - 1).bit_length()
        positions = {f"position_{i}": In(width) for i in range(errors)}
        super().__init__({"word": In(code.code_bits(data_bits)), **positions, "flagged": Out(1), "repaired": Out(1)})

    def elaborate(self, platform):
        m = Module()
        build, repairable = (bch.BchCorrector, 2) if self._code is bch else (secded.SecdedCorrector, 1)
        m.submodules.corrector = corrector = build(self._data_bits)
        hurt, sums = self._hurt(m, corrector)
        m.d.comb += [corrector.code.eq(hurt), corrector.sums.eq(sums), corrector.valid.eq(1)]
        expected = self.word if self._errors <= repairable else hurt
        expected = delayed(m, Cat(expected[p] for p in self._code.data_positions(self._data_bits)), corrector.LATENCY)
        begun = delayed(m, Const(1, 1), corrector.LATENCY)
        m.d.comb += [
            self.repaired.eq(~begun | (corrector.data == expected)),
            self.flagged.eq(
                ~begun
                | (corrector.corrected == (0 < self._errors <= repairable))
                & (corrector.uncorrectable == (self._errors > repairable))
            ),
        ]
        return m

    def _hurt(self, m: Module, corrector: wiring.Component):
        """The word with its errors, and their sums."""
        positions = [getattr(self, f"position_{i}") for i in range(self._errors)]
        m.d.comb += [Assume(before < after) for before, after in itertools.pairwise(positions)]
        hurt, sums = self.word, Const(0, len(corrector.sums))
        for position in positions:
            m.d.comb += Assume(position < len(self.word))
            hurt ^= (Const(1, 1) << position)[: len(self.word)]
            sums ^= Cat(1, position, self._cube(m, position))
        hurt_word, hurt_sums = Signal.like(self.word), Signal.like(corrector.sums)
        m.d.comb += [hurt_word.eq(hurt), hurt_sums.eq(sums)]
        return hurt_word, hurt_sums

    def _cube(self, m: Module, position: Value) -> Value:
        if self._code is secded:
            return Const(0, 0)
        order = len(position)
        return galois.lookup(m, position, galois.power(np.arange(1 << order), 3, order))


class Linear(wiring.Component):
    """A function of `rtl.memory` between ports, for `testbench.linear`: `word` of some bits to `value` of others."""

    def __init__(self, function, bits: int, value_bits: int):
        self._function = function
        super().__init__({"word": In(bits), "value": Out(value_bits)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.value.eq(self._function(m, self.word))
        return m
