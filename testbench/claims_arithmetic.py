"""Claims about arithmetic, for `testbench.formal`."""

from amaranth.hdl import Assume, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.dot import DotProduct
from rtl.formats import GROUP, ROW_GROUPS
from testbench.claims_memory import delayed


class SumIsBounded(wiring.Component):
    """The sum of a legal row of weights never leaves the bound that its length gives, so that it cannot overflow.

    Rows have any number of words up to `row_words` (of a format, if none is given, as many as hold `ROW_GROUPS`
    groups). Codes and scales take any value, activations and minima any but the one that a symmetric range leaves out;
    sums of activations, where a lane needs them, are as large as those of 32 activations can be.

    Attributes
    ----------
    bounded : the sum of n words lies in -n M ... n M, M being the largest magnitude that a word can add
    fits : n M is a number that the sum can hold
    """

    LATENCY = DotProduct.LATENCY

    def __init__(self, dot: DotProduct, *, row_words: int | None = None):
        self._dot, f = dot, dot.format
        self._row_words = ROW_GROUPS // f.groups_per_word if row_words is None else row_words
        self._largest = f.groups_per_word * GROUP * f.weight_limit * f.activation_limit
        inputs = {name: member for name, member in dot.signature.members.items() if member.flow == In}
        super().__init__({**inputs, "bounded": Out(1), "fits": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.dot = dot = self._dot
        f = dot.format
        m.d.comb += [
            getattr(dot, n).eq(getattr(self, n)) for n, member in dot.signature.members.items() if member.flow == In
        ]
        self._assume(m, f)
        valid, first = (delayed(m, getattr(self, name), self.LATENCY - 1) for name in ("valid", "first"))
        words = Signal(range(self._row_words + 2))
        with m.If(valid):
            m.d.sync += words.eq(Mux(first, 1, words + 1))
        bound = words * self._largest
        m.d.comb += [
            Assume(words <= self._row_words),
            self.bounded.eq((dot.sum <= bound) & (dot.sum >= -bound)),
            self.fits.eq(bound < 1 << (f.accumulator_bits - 1)),
        ]
        return m

    def _assume(self, m, f):
        """Numbers are legal; a row of weights has no offset, which is for keys and values."""

        def symmetric(values, count, limit):
            width = len(values) // count
            for i in range(count):
                value = values.word_select(i, width).as_signed()
                m.d.comb += [Assume(value <= limit), Assume(value >= -limit)]

        symmetric(self.activations, f.codes_per_word, f.activation_limit)
        if f.signed_scales:
            symmetric(self.scales, f.groups_per_word, f.scale_limit)
        if f.minima:
            symmetric(self.minima, f.groups_per_word, f.minimum_limit)
        elif f.needs_sums:
            m.d.comb += Assume(~self.offset)
        if f.needs_sums:
            symmetric(self.activation_sums.as_value(), f.groups_per_word, GROUP * f.activation_limit)
