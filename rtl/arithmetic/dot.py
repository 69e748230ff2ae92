"""Dot products of weight words with groups of activations, and the exact sum over a row."""

import enum
import itertools

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from rtl.arithmetic.integers import signed_array, tree
from rtl.formats import GROUP, NumberFormat

PARTIAL = 4
"""Products that are added up before the first register."""


def weigh(codes, scales, minima=0):
    """Codes times their group's scale, plus its minimum.

    Parameters
    ----------
    codes : int array [rows, groups * 32]
    scales : int array [rows, groups]
    minima : int array [rows, groups], or 0

    Returns
    -------
    float64 array [rows, groups * 32] of integers, ready for `accumulate_rows`
    """
    rows, groups = np.shape(scales)
    minima = np.broadcast_to(minima, (rows, groups))
    values = codes.reshape(rows, groups, GROUP).astype(np.float64) * np.asarray(scales)[:, :, None]
    return (values + minima[:, :, None]).reshape(rows, -1)


def accumulate_rows(weights, activations):
    """Row sums of a matrix with group scales, exactly.

    Parameters
    ----------
    weights : float64 array [rows, columns] from `weigh`
    activations : int array [columns]

    Returns
    -------
    int64 array [rows], ``sum_g sum_i (d[r, g] * q[r, g, i] + m[r, g]) * a[g, i]``. The sum is exact and associative:
    no partition of rows or groups changes it. (All sums stay under 2**`ACCUMULATOR_LIMIT`, so float64 carries them
    exactly and BLAS may order them as it likes.)
    """
    return np.rint(weights @ np.asarray(activations, np.float64)).astype(np.int64)


class ActivationSums(wiring.Component):
    """The sum of each group's activations, which minima are multiplied with; one for all lanes.

    Latency `DotProduct.SUMS_STAGE` cycles, one word a cycle.

    Attributes
    ----------
    activations : of all groups of a word, element 0 in the lowest bits
    valid : the word counts; registers change only then
    sums : one a group, signed
    """

    def __init__(self, number_format: NumberFormat):
        self.format = number_format
        super().__init__(
            {
                "activations": In(number_format.codes_per_word * number_format.activation_bits),
                "valid": In(1),
                "sums": Out(data.ArrayLayout(signed(number_format.activation_sum_bits), number_format.groups_per_word)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        valid, width = Signal(), self.format.activation_bits
        partial = [
            Signal(signed(self.format.activation_sum_bits), name=f"partial_{i}", reset_less=True)
            for i in range(self.format.codes_per_word // PARTIAL)
        ]
        m.d.sync += valid.eq(self.valid)
        with m.If(self.valid):
            for i, part in enumerate(partial):
                indices = range(i * PARTIAL, (i + 1) * PARTIAL)
                values = [self.activations.word_select(n, width).as_signed() for n in indices]
                m.d.sync += part.eq(tree(values, lambda a, b: a + b))
        with m.If(valid):
            m.d.sync += [self.sums[group].eq(_total(partial, group)) for group in range(self.format.groups_per_word)]
        return m


class Share(enum.IntEnum):
    """Which group of an activation word each group of a weight or KV word is multiplied with."""

    NONE = 0  # each with its own
    PAIRS = 1  # two neighbours with one: the two terms of `IntegerMatrix.terms`
    ALL = 2  # all with one: the slices of K and V


def share_groups(activations, share, base, number_format: NumberFormat):
    """The activations that lanes are given, as combinational logic; one multiplexer for all lanes.

    activations : of an activation word, element 0 in the lowest bits
    share : `Share`
    base : which of the word's groups is meant (`ALL`), or is the first of those (`PAIRS`, half of the word's)
    """
    bits, groups = GROUP * number_format.activation_bits, range(number_format.groups_per_word)
    if len(groups) == 1:
        return activations
    within = exact_log2(len(groups)) - 1  # PAIRS: address bits that say which of the half's groups
    pairs = [Cat(Const(g // 2, within), base[within : within + 1]) for g in groups]
    shared = [
        Mux(
            share == Share.NONE,
            activations.word_select(g, bits),
            activations.word_select(Mux(share == Share.PAIRS, pairs[g], base[: within + 1]), bits),
        )
        for g in groups
    ]
    return Cat(*shared)


class DotProduct(wiring.Component):
    """Accumulates ``sum_g scale_g * (codes_g . activations_g) + minimum_g * (1 . activations_g)`` over a row's words.

    One word a cycle; `sum` holds the row's total `LATENCY` cycles after the cycle in which its last word
    is at the inputs, until the first word of the next row arrives there.

    Attributes
    ----------
    codes, scales, activations : a word and its activations, element 0 in the lowest bits
    minima : one a group, if the format has minima
    offset : adds `NumberFormat.kv_offset` times group 0's sum; only in a format without minima that slices KV codes
    activation_sums : of each group, from `ActivationSums`, `SUMS_STAGE` cycles after the activations; only if needed
    valid, first : the word counts; it is the first of its row
    sum : signed, exact
    """

    LATENCY = 4
    SUMS_STAGE = 2

    def __init__(self, number_format: NumberFormat):
        self.format = f = number_format
        ports = {
            "codes": In(f.codes_per_word * f.weight_bits),
            "scales": In(f.groups_per_word * f.scale_bits),
            "activations": In(f.codes_per_word * f.activation_bits),
            "valid": In(1),
            "first": In(1),
            "sum": Out(signed(f.accumulator_bits)),
        }
        if f.minima:
            ports["minima"] = In(f.groups_per_word * f.minimum_bits)
        elif f.needs_sums:
            ports["offset"] = In(1)
        if f.needs_sums:
            ports["activation_sums"] = In(data.ArrayLayout(signed(f.activation_sum_bits), f.groups_per_word))
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        f = self.format
        valid = [self.valid, *(Signal(name=f"valid_{i}") for i in range(3))]
        first = [self.first, *(Signal(name=f"first_{i}") for i in range(3))]
        for stages in (valid, first):
            m.d.sync += [after.eq(before) for before, after in itertools.pairwise(stages)]
        scaled = signed_array(f.groups_per_word, f.accumulator_bits, "scaled")
        terms = self._terms(m, valid)
        with m.If(valid[2]):
            m.d.sync += [group.eq(term) for group, term in zip(scaled, terms, strict=True)]
        with m.If(valid[3]):
            m.d.sync += self.sum.eq(tree([Mux(first[3], 0, self.sum), *scaled], lambda a, b: a + b))
        return m

    def _terms(self, m, valid):
        """What each group of a word adds to its row, in the third cycle."""
        f, width = self.format, self.format.weight_bits + self.format.activation_bits
        partial = signed_array(f.codes_per_word // PARTIAL, width + PARTIAL.bit_length() - 1, "partial")
        totals = signed_array(f.groups_per_word, width + GROUP.bit_length() - 1, "total")
        with m.If(valid[0]):
            m.d.sync += [part.eq(self._products(i)) for i, part in enumerate(partial)]
        with m.If(valid[1]):
            m.d.sync += [total.eq(_total(partial, group)) for group, total in enumerate(totals)]
        scales = self._delayed(m, valid, self.scales, f.scale_bits, "scale")
        terms = [total * (s.as_signed() if f.signed_scales else s) for total, s in zip(totals, scales, strict=True)]
        if f.minima:
            minima = self._delayed(m, valid, self.minima, f.minimum_bits, "minimum")
            for group, minimum in enumerate(minima):
                terms[group] += minimum.as_signed() * self.activation_sums[group]
        elif f.needs_sums:
            (offset,) = self._delayed(m, valid, self.offset, 1, "offset")
            terms[0] += Mux(offset, self.activation_sums[0] * f.kv_offset, 0)
        return terms

    def _products(self, index):
        """Sum of some products of a group."""
        products = [
            self.codes.word_select(n, self.format.weight_bits).as_signed()
            * self.activations.word_select(n, self.format.activation_bits).as_signed()
            for n in range(index * PARTIAL, (index + 1) * PARTIAL)
        ]
        return tree(products, lambda a, b: a + b)

    def _delayed(self, m, valid, packed, width, name):
        """Parts of a port, two cycles later."""
        early, late = Signal(len(packed), name=f"{name}_0"), Signal(len(packed), name=f"{name}_1")
        with m.If(valid[0]):
            m.d.sync += early.eq(packed)
        with m.If(valid[1]):
            m.d.sync += late.eq(early)
        return [late.word_select(i, width) for i in range(len(packed) // width)]


def _total(partial, group):
    """Sum of the partial sums of a group."""
    parts = GROUP // PARTIAL
    return tree(partial[group * parts : (group + 1) * parts], lambda a, b: a + b)
