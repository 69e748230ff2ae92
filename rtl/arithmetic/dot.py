"""Dot product of one weight word with one group of activations, and the exact sum over a row."""

import itertools

import numpy as np
from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.integers import signed_array, tree
from rtl.formats import ACCUMULATOR_BITS, ACTIVATION_BITS, CODE_BITS, GROUP, GROUP_SCALE_BITS


def weigh(codes, scales):
    """Codes times their group's scale.

    Parameters
    ----------
    codes : int array [rows, groups * 32]
    scales : int array [rows, groups]

    Returns
    -------
    float64 array [rows, groups * 32] of integers, ready for `accumulate_rows`
    """
    rows = codes.shape[0]
    groups = codes.reshape(rows, -1, GROUP).astype(np.float64) * np.asarray(scales)[:, :, None]
    return groups.reshape(rows, -1)


def accumulate_rows(weights, activations):
    """Row sums of a matrix with group scales, exactly.

    Parameters
    ----------
    weights : float64 array [rows, columns] from `weigh`
    activations : int array [columns]

    Returns
    -------
    int64 array [rows], ``sum_g d[r, g] * sum_i q[r, g, i] * a[g, i]``. The sum is exact and associative:
    no partition of rows or groups changes it. (All sums stay under 2**40, so float64 carries them exactly
    and BLAS may order them as it likes.)
    """
    return np.rint(weights @ np.asarray(activations, np.float64)).astype(np.int64)


class DotProduct(wiring.Component):
    """Accumulates ``scale * (codes . activations)`` over the groups of a row.

    One word a cycle; `sum` holds the row's total `LATENCY` cycles after the cycle in which its last word
    is at the inputs, until the first word of the next row arrives there.

    Attributes
    ----------
    codes, scale, activations : a word and its activations, element 0 in the lowest bits
    valid, first : the word counts; it is the first of its row
    sum : signed, exact
    """

    LATENCY = 4

    def __init__(self):
        super().__init__(
            {
                "codes": In(GROUP * CODE_BITS),
                "scale": In(GROUP_SCALE_BITS),
                "activations": In(GROUP * ACTIVATION_BITS),
                "valid": In(1),
                "first": In(1),
                "sum": Out(signed(ACCUMULATOR_BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        products = signed_array(GROUP, CODE_BITS + ACTIVATION_BITS, "product")
        total = Signal(signed(CODE_BITS + ACTIVATION_BITS + 5), reset_less=True)
        scaled = Signal(signed(len(total) + GROUP_SCALE_BITS), reset_less=True)
        valid = [self.valid, *(Signal(name=f"valid_{i}") for i in range(3))]
        first = [self.first, *(Signal(name=f"first_{i}") for i in range(3))]
        scale = [self.scale, *(Signal(GROUP_SCALE_BITS, name=f"scale_{i}") for i in range(2))]
        for stages in (valid, first, scale):
            m.d.sync += [after.eq(before) for before, after in itertools.pairwise(stages)]
        with m.If(valid[0]):
            m.d.sync += [
                product.eq(
                    self.codes.word_select(i, CODE_BITS).as_signed()
                    * self.activations.word_select(i, ACTIVATION_BITS).as_signed()
                )
                for i, product in enumerate(products)
            ]
        with m.If(valid[1]):
            m.d.sync += total.eq(tree(products, lambda a, b: a + b))
        with m.If(valid[2]):
            m.d.sync += scaled.eq(total * scale[2])
        with m.If(valid[3]):
            m.d.sync += self.sum.eq(Mux(first[3], 0, self.sum) + scaled)
        return m
