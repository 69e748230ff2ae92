"""x * sigmoid(x) by a table of the sigmoid with linear interpolation."""

import itertools

import numpy as np
from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.integers import round_shift, saturate, saturate_value
from rtl.formats import FRACTION_BITS, VECTOR_BITS

SEGMENT_BITS = 8
RANGE_BITS = 4
STEP_BITS = FRACTION_BITS + RANGE_BITS - SEGMENT_BITS
SIGMOID_BITS = 16
RESULT_BITS = 22

KNOTS = tuple(
    int(v)
    for v in np.rint(
        (1 << SIGMOID_BITS) / (1 + np.exp(-np.arange((1 << SEGMENT_BITS) + 1) * 2.0 ** (RANGE_BITS - SEGMENT_BITS)))
    )
)

SLOPE_BITS = 11
TABLE_ROW = data.StructLayout({"base": SIGMOID_BITS + 1, "slope": SLOPE_BITS})
TABLE = [{"base": low, "slope": high - low} for low, high in itertools.pairwise(KNOTS)]


def silu(x):
    """x * sigmoid(x), 14 fraction bits in and out, saturated to 22 bits (|result| < 128).

    The sigmoid comes from 256 segments over [0, 16), interpolated, 16 bits; beyond them it is 0 or 1, and
    sigmoid(-x) = 1 - sigmoid(x). Absolute error of the sigmoid below 7e-5, checked for every argument.
    """
    x = np.asarray(x, np.int64)
    magnitude = np.abs(x)
    segment = np.minimum(magnitude >> STEP_BITS, (1 << SEGMENT_BITS) - 1)
    fraction = magnitude & ((1 << STEP_BITS) - 1)
    knots = np.asarray(KNOTS, np.int64)
    half = knots[segment] + ((knots[segment + 1] - knots[segment]) * fraction >> STEP_BITS)
    half = np.where(magnitude >> (STEP_BITS + SEGMENT_BITS) > 0, 1 << SIGMOID_BITS, half)
    sigmoid = np.where(x < 0, (1 << SIGMOID_BITS) - half, half)
    return saturate(round_shift(x * sigmoid, SIGMOID_BITS), RESULT_BITS)


class Silu(wiring.Component):
    """`silu` for one element. Latency 3 cycles, one element a cycle; a stage works only for a `valid` element."""

    LATENCY = 3

    def __init__(self):
        super().__init__({"valid": In(1), "x": In(signed(VECTOR_BITS)), "y": Out(signed(RESULT_BITS))})

    def elaborate(self, platform):
        m = Module()
        magnitude = Signal(VECTOR_BITS)
        m.d.comb += magnitude.eq(Mux(self.x < 0, -self.x, self.x))
        segment = magnitude[STEP_BITS : STEP_BITS + SEGMENT_BITS]
        m.submodules.table = table = Memory(shape=TABLE_ROW, depth=len(TABLE), init=TABLE)
        row = table.read_port(domain="comb")
        m.d.comb += row.addr.eq(segment)
        base = Signal(SIGMOID_BITS + 1, reset_less=True)
        slope, fraction = Signal(SLOPE_BITS, reset_less=True), Signal(STEP_BITS, reset_less=True)
        beyond = Signal(reset_less=True)
        valid = [self.valid, *(Signal(name=f"valid_{i}") for i in range(2))]
        m.d.sync += [after.eq(before) for before, after in itertools.pairwise(valid)]
        x = [self.x, *(Signal(signed(VECTOR_BITS), name=f"x_{i}", reset_less=True) for i in range(2))]
        with m.If(valid[0]):
            m.d.sync += [
                base.eq(row.data.base),
                slope.eq(row.data.slope),
                fraction.eq(magnitude[:STEP_BITS]),
                beyond.eq(magnitude[STEP_BITS + SEGMENT_BITS :] != 0),
                x[1].eq(x[0]),
            ]
        half, sigmoid = Signal(SIGMOID_BITS + 1), Signal(SIGMOID_BITS + 1, reset_less=True)
        m.d.comb += half.eq(Mux(beyond, 1 << SIGMOID_BITS, base + (slope * fraction >> STEP_BITS)))
        with m.If(valid[1]):
            m.d.sync += [sigmoid.eq(Mux(x[1] < 0, (1 << SIGMOID_BITS) - half, half)), x[2].eq(x[1])]
        product = Signal(signed(VECTOR_BITS + SIGMOID_BITS + 2))
        m.d.comb += product.eq(x[2] * sigmoid)
        rounded = ((product >> (SIGMOID_BITS - 1)) + 1) >> 1
        with m.If(valid[2]):
            m.d.sync += self.y.eq(saturate_value(rounded, RESULT_BITS))
        return m
