"""2**t for t <= 0: the numerator of softmax."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.formats import PROBABILITY_BITS, SCORE_FRACTION_BITS, VECTOR_BITS

TABLE = tuple(
    int(v)
    for v in np.rint(2.0 ** (PROBABILITY_BITS + np.arange(1 << SCORE_FRACTION_BITS) / (1 << SCORE_FRACTION_BITS)))
)
MAXIMUM_SHIFT = 31


def exp2(score, maximum: int, masked=False):
    """2**((score - maximum) / 256) with 15 fraction bits, truncated; 0 where masked.

    Parameters
    ----------
    score : int64 array of 32-bit values, in 1/256 of a power of two
    maximum : the largest score that is not masked
    masked : bool array

    Returns
    -------
    int64 array in 0...2**15, within one unit of the exact value (checked for every argument).
    """
    t = np.minimum(np.asarray(score, np.int64) - maximum, 0)
    shift = np.minimum(-(t >> SCORE_FRACTION_BITS), MAXIMUM_SHIFT)
    value = np.asarray(TABLE, np.int64)[t & ((1 << SCORE_FRACTION_BITS) - 1)] >> shift
    return np.where(masked, 0, value)


class Exponential(wiring.Component):
    """`exp2` for one element. Latency 2 cycles, one element a cycle; all inputs in cycle 0, and
    a stage works only for a `valid` element.
    """

    LATENCY = 2

    def __init__(self):
        super().__init__(
            {
                "valid": In(1),
                "score": In(signed(VECTOR_BITS)),
                "maximum": In(signed(VECTOR_BITS)),
                "masked": In(1),
                "value": Out(PROBABILITY_BITS + 1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        difference = Signal(signed(VECTOR_BITS + 1))
        below = Signal(signed(VECTOR_BITS + 1))
        m.d.comb += [difference.eq(self.score - self.maximum), below.eq(Mux(difference > 0, 0, difference))]
        fraction = Signal(SCORE_FRACTION_BITS, reset_less=True)
        shift = Signal(range(MAXIMUM_SHIFT + 1), reset_less=True)
        power = Signal(VECTOR_BITS + 1)
        m.d.comb += power.eq(-(below >> SCORE_FRACTION_BITS))
        m.submodules.table = table = Memory(shape=PROBABILITY_BITS + 1, depth=len(TABLE), init=TABLE)
        row = table.read_port(domain="comb")
        m.d.comb += row.addr.eq(fraction)
        valid = Signal()
        m.d.sync += valid.eq(self.valid)
        with m.If(self.valid):
            m.d.sync += [
                fraction.eq(below[:SCORE_FRACTION_BITS]),
                shift.eq(Mux(self.masked | (power > MAXIMUM_SHIFT), MAXIMUM_SHIFT, power)),
            ]
        with m.If(valid):
            m.d.sync += self.value.eq(row.data >> shift)
        return m
