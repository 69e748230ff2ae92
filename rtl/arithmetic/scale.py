"""Scalar registers: numbers m * 2**e with a normalised 16-bit mantissa and its reciprocal."""

import dataclasses

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.formats import MANTISSA_BITS

EXPONENT_BITS = 8
VALUE_BITS = 56
INVERSE_BITS = MANTISSA_BITS + 1
INVERSE_EXPONENT = 2 * MANTISSA_BITS - 1
"""1 / (m * 2**e) is close to r * 2**(-31 - e)."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """m * 2**e and the reciprocal r of its mantissa: r = floor(2**31 / m).

    m has 16 bits with the top bit set, so r is in (2**15, 2**16] and r * m is within 2**-15 of 2**31.
    """

    mantissa: int
    exponent: int

    @property
    def inverse(self) -> int:
        """floor(2**31 / m)."""
        return (1 << INVERSE_EXPONENT) // self.mantissa

    def factor(self, inverted: bool) -> tuple[int, int]:
        """(integer, exponent) of this number, or of its reciprocal."""
        if inverted:
            return self.inverse, -INVERSE_EXPONENT - self.exponent
        return self.mantissa, self.exponent


def normalise(value: int, exponent: int = 0) -> Scale:
    """The scale nearest below value * 2**exponent (value below 2**56; zero counts as one)."""
    shift = max(int(value), 1).bit_length() - MANTISSA_BITS
    value = max(int(value), 1)
    mantissa = value >> shift if shift >= 0 else value << -shift
    return Scale(mantissa, exponent + shift)


def multiply_scales(a: Scale, b: Scale, *, invert_a: bool = False, invert_b: bool = False) -> Scale:
    """a * b, each optionally inverted, truncated to 16 bits of mantissa."""
    (x, ex), (y, ey) = a.factor(invert_a), b.factor(invert_b)
    return normalise(x * y, ex + ey)


ONE = normalise(1)
"""The scale 1.0, which scalar register 0 holds."""

SCALE_LAYOUT = data.StructLayout(
    {"mantissa": MANTISSA_BITS, "exponent": signed(EXPONENT_BITS), "inverse": INVERSE_BITS}
)


class Normaliser(wiring.Component):
    """Turns value * 2**exponent into a scale and divides for its reciprocal.

    Latency `LATENCY` cycles, one value a cycle. The reciprocal is a restoring division, two quotient bits
    a stage.

    Attributes
    ----------
    value, exponent : as in `normalise`
    result : `SCALE_LAYOUT`
    """

    STAGES = (INVERSE_BITS + 1) // 2
    LATENCY = 2 + STAGES

    def __init__(self):
        super().__init__({"value": In(VALUE_BITS), "exponent": In(signed(EXPONENT_BITS)), "result": Out(SCALE_LAYOUT)})

    def elaborate(self, platform):
        m = Module()
        mantissa, exponent = self._leading(m)
        stage = Signal(SCALE_LAYOUT, name="normalised")
        m.d.sync += [stage.mantissa.eq(mantissa), stage.exponent.eq(exponent)]
        # 2**31 = 2**15 followed by 16 zeros: after 2**15, which is at most m, 17 quotient bits remain.
        remainder = Signal(INVERSE_BITS, name="remainder_start")
        m.d.comb += remainder.eq(1 << (MANTISSA_BITS - 2))
        for index in range(self.STAGES):
            stage, remainder = self._divide(m, index, stage, remainder)
        m.d.comb += self.result.eq(stage)
        return m

    def _leading(self, m):
        """Shift the highest set bit to the top, in two stages: (mantissa, exponent), the second stage not yet kept."""
        coarse, zeros = self._shift(m, self.value, (32, 16, 8))
        value, exponent = Signal(VALUE_BITS, name="coarse"), Signal(signed(EXPONENT_BITS), name="coarse_exponent")
        m.d.sync += [value.eq(coarse), exponent.eq(self.exponent + VALUE_BITS - MANTISSA_BITS - Cat(0, 0, 0, zeros))]
        fine, few = self._shift(m, value, (4, 2, 1))
        empty = ~fine[-1]  # zero counts as one, which 63 steps overshoot by 8
        mantissa = fine[VALUE_BITS - MANTISSA_BITS :] | Cat(Const(0, MANTISSA_BITS - 1), empty)
        return mantissa, exponent - few + Mux(empty, 8, 0)

    def _shift(self, m, value, distances):
        """Shift left by each distance whose bits at the top are all zero: (value, distances taken, low first)."""
        taken = []
        for distance in distances:
            empty = value[VALUE_BITS - distance :] == 0
            after = Signal(VALUE_BITS, name=f"shifted_{distance}")
            m.d.comb += after.eq(Mux(empty, value << distance, value))
            value = after
            taken.insert(0, empty)
        return value, Cat(*taken)

    def _divide(self, m, index, before, remainder):
        """Two quotient bits (one in the last stage, 17 being odd)."""
        after = Signal(SCALE_LAYOUT, name=f"stage_{index}")
        quotient = before.inverse if index else Signal(INVERSE_BITS, name="no_quotient")
        for _ in range(min(2, INVERSE_BITS - 2 * index)):
            doubled = Cat(0, remainder)
            fits = doubled >= before.mantissa
            remainder = Mux(fits, doubled - before.mantissa, doubled)[:INVERSE_BITS]
            quotient = Cat(fits, quotient)[:INVERSE_BITS]
        kept = Signal(INVERSE_BITS, name=f"remainder_{index}")
        m.d.sync += [
            after.mantissa.eq(before.mantissa),
            after.exponent.eq(before.exponent),
            after.inverse.eq(quotient),
            kept.eq(remainder),
        ]
        return after, kept
