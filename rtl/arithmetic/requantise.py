"""Integer rescaling: a * constant >> s1, saturated, then * scale >> s2, saturated."""

from itertools import pairwise

import numpy as np
from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.integers import round_shift, round_shift_value, saturate, saturate_value
from rtl.arithmetic.scale import EXPONENT_BITS, INVERSE_BITS, INVERSE_EXPONENT, SCALE_LAYOUT, Scale
from rtl.formats import ACCUMULATOR_LIMIT, CONSTANT_BITS, VECTOR_BITS

SHIFT_BITS = 6
SCALE_SHIFT_BITS = 8


def requantise(a, constant, first_shift: int, scale: Scale, scale_shift: int, *, invert: bool = False):
    """``a * constant * scale / 2**(first_shift + scale_shift)`` in 32 bits.

    Parameters
    ----------
    a : int64 array of `ACCUMULATOR_LIMIT` bits
    constant : int array of 16-bit values, broadcast against `a`
    first_shift : 0...63, applied with rounding to the product before it is held to 32 bits
    scale : with `invert`, its reciprocal is used
    scale_shift : static part of the second shift, less the scale's exponent

    Returns
    -------
    int64 array in 32-bit range; saturates, rounds halves up after each product.
    """
    factor, exponent = scale.factor(invert)
    product = saturate(round_shift(np.asarray(a, np.int64) * constant, first_shift), VECTOR_BITS)
    return saturate(round_shift(product * factor, scale_shift - exponent), VECTOR_BITS)


class Requantiser(wiring.Component):
    """`requantise` for one element. Latency 4 cycles, one element a cycle.

    Parameters
    ----------
    operand_bits : width of a

    Attributes
    ----------
    valid : in cycle 0; a stage works, and changes its registers, only for a valid element
    a, constant, first_shift : in cycle 0
    factor, shift : in cycle 2, from `scale_operands`
    y : in cycle 4
    """

    LATENCY = 4

    def __init__(self, operand_bits: int = ACCUMULATOR_LIMIT):
        super().__init__(
            {
                "valid": In(1),
                "a": In(signed(operand_bits)),
                "constant": In(signed(CONSTANT_BITS)),
                "first_shift": In(SHIFT_BITS),
                "factor": In(INVERSE_BITS),
                "shift": In(SHIFT_BITS),
                "y": Out(signed(VECTOR_BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        product = Signal(signed(len(self.a) + CONSTANT_BITS), reset_less=True)
        first_shift = Signal(SHIFT_BITS, reset_less=True)
        narrow = Signal(signed(VECTOR_BITS), reset_less=True)
        scaled = Signal(signed(VECTOR_BITS + INVERSE_BITS), reset_less=True)
        shift = Signal(SHIFT_BITS, reset_less=True)
        valid = [self.valid, *(Signal(name=f"valid_{i}") for i in range(3))]
        m.d.sync += [after.eq(before) for before, after in pairwise(valid)]
        with m.If(valid[0]):
            m.d.sync += [product.eq(self.a * self.constant), first_shift.eq(self.first_shift)]
        with m.If(valid[1]):
            m.d.sync += narrow.eq(saturate_value(round_shift_value(product, first_shift), VECTOR_BITS))
        with m.If(valid[2]):
            m.d.sync += [scaled.eq(narrow * self.factor), shift.eq(self.shift)]
        with m.If(valid[3]):
            m.d.sync += self.y.eq(saturate_value(round_shift_value(scaled, shift), VECTOR_BITS))
        return m


def scale_operands(m, scale, invert, scale_shift):
    """(factor, shift) for `Requantiser` from a register, as combinational logic.

    scale : view of `SCALE_LAYOUT`; invert : 1 bit; scale_shift : signed, `SCALE_SHIFT_BITS` wide.
    The shift is held to 0...63, as `round_shift` does.
    """
    assert scale.shape() == SCALE_LAYOUT
    exponent = Mux(invert, -INVERSE_EXPONENT - scale.exponent, scale.exponent)
    wide = Signal(signed(max(EXPONENT_BITS, SCALE_SHIFT_BITS) + 2), name="scale_shift_wide")
    m.d.comb += wide.eq(scale_shift - exponent)
    shift = Mux(wide < 0, 0, Mux(wide > 63, 63, wide))[:SHIFT_BITS]
    return Mux(invert, scale.inverse, scale.mantissa), shift
