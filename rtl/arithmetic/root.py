"""Square root of a sum of squares, for the root mean square."""

import math

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.scale import EXPONENT_BITS, VALUE_BITS
from rtl.formats import MANTISSA_BITS

RADICAND_BITS = 2 * MANTISSA_BITS


def root(value: int) -> tuple[int, int]:
    """(m, e) with m * 2**e just below sqrt(value); m has 16 bits (value below 2**56; zero counts as one)."""
    value = max(int(value), 1)
    shift = value.bit_length() - RADICAND_BITS
    shift += shift & 1
    radicand = value >> shift if shift >= 0 else value << -shift
    return math.isqrt(radicand), shift // 2


class Root(wiring.Component):
    """`root`, one digit a cycle: `LATENCY` cycles after `start` the result is there and stays.

    A new start before that spoils the old one.

    Attributes
    ----------
    start, value : the radicand
    mantissa, exponent : the root; the exponent is signed
    done : one cycle, when the result is there
    """

    LATENCY = MANTISSA_BITS + 1

    def __init__(self):
        super().__init__(
            {
                "start": In(1),
                "value": In(VALUE_BITS),
                "mantissa": Out(MANTISSA_BITS),
                "exponent": Out(signed(EXPONENT_BITS)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        radicand, remainder = Signal(RADICAND_BITS), Signal(MANTISSA_BITS + 2)
        count = Signal(range(MANTISSA_BITS + 2))
        trial = Cat(1, 0, self.mantissa)
        taken = Signal(MANTISSA_BITS + 4)
        m.d.comb += taken.eq(Cat(radicand[-2:], remainder))
        m.d.sync += self.done.eq(count == 1)
        with m.If(count != 0):
            fits = taken >= trial
            m.d.sync += [
                count.eq(count - 1),
                radicand.eq(radicand << 2),
                remainder.eq(Mux(fits, taken - trial, taken)),
                self.mantissa.eq(Cat(fits, self.mantissa)),
            ]
        with m.If(self.start):
            shifted, exponent = self._leading(m)
            m.d.sync += [
                count.eq(MANTISSA_BITS),
                radicand.eq(shifted),
                self.exponent.eq(exponent),
                remainder.eq(0),
                self.mantissa.eq(0),
            ]
        return m

    def _leading(self, m):
        """The radicand shifted left by an even distance until one of its top two bits is set."""
        shifted, zeros = Signal(VALUE_BITS, name="radicand_0"), []
        m.d.comb += shifted.eq(Mux(self.value == 0, 1, self.value))
        for distance in (32, 16, 8, 4, 2):
            empty = shifted[VALUE_BITS - distance :] == 0
            after = Signal(VALUE_BITS, name=f"radicand_{distance}")
            m.d.comb += after.eq(Mux(empty, shifted << distance, shifted))
            shifted = after
            zeros.insert(0, empty)
        return shifted[VALUE_BITS - RADICAND_BITS :], (VALUE_BITS - RADICAND_BITS) // 2 - Cat(*zeros)
