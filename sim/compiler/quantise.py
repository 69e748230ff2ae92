"""First pass: a model's weights as the integers that the tile multiplies with."""

import functools
import math
from dataclasses import dataclass, replace

import numpy as np

from rtl.arithmetic.dot import weigh
from rtl.formats import CONSTANT_BITS, DEFAULT, FRACTION_BITS, GROUP, ROTATION_FRACTION_BITS, VECTOR_BITS, NumberFormat
from sim.checkpoint import GroupedMatrix, LlamaShape, Model
from sim.compiler.groups import Groups, has_four_bits, regroup

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")
CONSTANT_LIMIT = (1 << (CONSTANT_BITS - 1)) - 1
ROWS_AT_ONCE = 1024
"""Rows whose second terms are sought together, so that what the search tries stays small."""

NORM_SHIFT = 15
"""Shift after the product with a norm gain: a 32-bit residual times a 16-bit gain fits 32 bits again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerMatrix:
    """``w[r, c] = row_scales[r] * 2**-exponent * (group_scales[r, g] * codes[r, c] + minima[r, g])``, g = c // 32.

    With two `terms` a weight is the sum of two such: group g of the columns is multiplied by groups 2 g and 2 g + 1.

    codes : int8 array [rows, columns], columns a multiple of 32
        (two terms: twice as many, see `terms`)
    group_scales, minima : int64 array [rows, groups], as wide as the format has them
    row_scales : int64 array [rows], 0...32767
    """

    format: NumberFormat
    codes: np.ndarray
    group_scales: np.ndarray
    minima: np.ndarray
    row_scales: np.ndarray
    exponent: int
    terms: int = 1

    @property
    def rows(self) -> int:
        """Rows of the matrix."""
        return self.codes.shape[0]

    @property
    def groups(self) -> int:
        """Groups of a row, as the banks hold them."""
        return self.codes.shape[1] // GROUP

    @property
    def column_groups(self) -> int:
        """Groups of 32 columns, each of which a row has `terms` groups for."""
        return self.groups // self.terms

    @functools.cached_property
    def weights(self) -> np.ndarray:
        """Codes times group scales and minima added, float64 array [rows, columns] of integers."""
        return functools.reduce(np.add, self.term_weights(slice(None)))

    def term_weights(self, rows: slice | np.ndarray) -> list[np.ndarray]:
        """`weights` of some rows (a slice, or their indices), term by term."""
        weights = weigh(self.codes[rows], self.group_scales[rows], self.minima[rows])
        by_term = weights.reshape(len(weights), -1, self.terms, GROUP)
        return [by_term[:, :, term].reshape(len(weights), -1) for term in range(self.terms)]

    @functools.cached_property
    def first_shift(self) -> int:
        """Shift after which no row sum times its row scale, whatever the activations, leaves 32 bits."""
        largest = np.abs(self.weights).sum(axis=1) * self.format.activation_limit
        bound = int((largest * self.row_scales).max(initial=0))
        return max(0, bound.bit_length() - (VECTOR_BITS - 1))

    def scale_shift(self, unit: int, fraction_bits: int = FRACTION_BITS) -> int:
        """Second shift that brings a row sum to `fraction_bits` fraction bits.

        The activations stand for ``q * scale * 2**(unit + 1 - activation_bits)``.
        """
        return self.exponent + self.format.activation_bits - 1 - unit - fraction_bits - self.first_shift


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerNorm:
    """RMSNorm gains times sqrt(dim): ``gains * 2**-exponent``, gains int64 array [padded dim], 16 bits."""

    gains: np.ndarray
    exponent: int

    @property
    def unit(self) -> int:
        """Power of two that normalised activations still lack: see `IntegerMatrix.scale_shift`."""
        return NORM_SHIFT - self.exponent


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerLayer:
    """One transformer layer; `q` already carries log2(e) / sqrt(head_dim)."""

    attention_norm: IntegerNorm
    q: IntegerMatrix
    k: IntegerMatrix
    v: IntegerMatrix
    o: IntegerMatrix
    ffn_norm: IntegerNorm
    gate: IntegerMatrix
    up: IntegerMatrix
    down: IntegerMatrix


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerModel:
    """A whole model in integers.

    rotations : int64 array [positions, head_dim], cosine and sine of each pair, 14 fraction bits
    epsilon : of the norms, times dim, in the residual stream's units squared
    """

    format: NumberFormat
    shape: LlamaShape
    embedding: IntegerMatrix
    layers: tuple[IntegerLayer, ...]
    norm: IntegerNorm
    head: IntegerMatrix
    rotations: np.ndarray
    epsilon: int

    @property
    def two_terms(self) -> bool:
        """Whether some matrix has two terms."""
        matrices = [getattr(layer, name) for layer in self.layers for name in MATRICES]
        return any(matrix.terms > 1 for matrix in (self.embedding, self.head, *matrices))


def to_integers(values, limit: int):
    """(integers, exponent) with values close to integers * 2**-exponent and the largest just within `limit`."""
    peak = float(np.abs(values).max(initial=0.0))
    exponent = math.floor(math.log2(limit / peak)) if peak > 0 else 0
    return np.rint(np.asarray(values, np.float64) * 2.0**exponent).astype(np.int64), exponent


def integer_matrix(
    matrix: GroupedMatrix, number_format: NumberFormat, factor: float = 1.0, *, terms: int = 1
) -> IntegerMatrix:
    """Group scales and minima as integers under one 16-bit scale per row, all under one exponent.

    terms : 1, or 2 for a second group of codes that holds what the first one misses
    """
    groups = regroup(matrix, number_format, whole_range=terms == 2)
    scales, minima = groups.scales * factor, groups.minima * factor
    per_row = np.abs(scales).max(axis=1) / number_format.scale_limit
    if number_format.minima:
        per_row = np.maximum(per_row, np.abs(minima).max(axis=1) / number_format.minimum_limit)
    exponent = to_integers(per_row, CONSTANT_LIMIT - 1)[1]
    row_scales = np.ceil(per_row * 2.0**exponent).astype(np.int64)
    units = np.where(row_scales > 0, row_scales, 1)[:, None] * 2.0**-exponent
    group_scales = np.rint(scales / units).astype(np.int64)
    integers = IntegerMatrix(
        format=number_format,
        codes=groups.codes.astype(np.int8),
        group_scales=group_scales,
        minima=_integer_minima(groups, minima, scales - group_scales * units, units, number_format),
        row_scales=row_scales,
        exponent=exponent,
    )
    return integers if terms == 1 else _with_second_terms(integers, matrix, factor / units)


def _with_second_terms(first: IntegerMatrix, matrix: GroupedMatrix, factors) -> IntegerMatrix:
    """The matrix with a second group of codes behind each, for what it misses of the checkpoint's, times factors.

    factors : float64 array [rows, 1]
    """
    pieces, wanted = [], matrix.values()
    for start in range(0, len(wanted), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        of_rows = {name: getattr(first, name)[rows] for name in ("codes", "group_scales", "minima", "row_scales")}
        pieces.append(_with_second_term(replace(first, **of_rows), wanted[rows] * factors[rows]))
    joined = {name: np.concatenate([getattr(p, name) for p in pieces]) for name in ("codes", "group_scales", "minima")}
    return replace(first, **joined, terms=2)


def _with_second_term(first: IntegerMatrix, wanted) -> IntegerMatrix:
    """Some rows with a second group of codes behind each, for what they miss of `wanted`, in units of the rows."""
    shape, f = (*first.group_scales.shape, GROUP), first.format
    missing = np.where(first.row_scales[:, None] > 0, wanted - first.weights, 0).reshape(shape)
    low, high = missing.min(axis=2), missing.max(axis=2)
    if f.minima:
        scales = np.ceil((high - low) / 15)
        minima = np.rint(low + 8 * scales)
    else:
        scales, minima = np.ceil(np.maximum(high, -low) / f.code_limit), np.zeros(low.shape)
    scales = np.clip(scales, 1, f.scale_limit)
    codes = np.rint((missing - minima[:, :, None]) / scales[:, :, None])
    codes = np.clip(codes, -f.code_limit - 1, f.code_limit).astype(np.int8)
    both = [first.codes.reshape(shape), codes]
    return replace(
        first,
        codes=np.stack(both, axis=2).reshape(first.rows, -1),
        group_scales=_interleaved(first.group_scales, scales),
        minima=_interleaved(first.minima, minima),
        terms=2,
    )


def _interleaved(first, second):
    """Columns of two arrays in turn, int64 [rows, 2 * columns]."""
    return np.stack([first, second], axis=2).reshape(len(first), -1).astype(np.int64)


def _integer_minima(groups: Groups, minima, missing, units, number_format: NumberFormat):
    """Minima as integers; those that are there also make up for what the integer scales miss, in a group's mean."""
    if not number_format.minima:
        return np.zeros(groups.scales.shape, np.int64)
    means = groups.codes.reshape(*groups.scales.shape, GROUP).mean(axis=2)
    limit = number_format.minimum_limit
    wanted = np.where(minima != 0, minima + missing * means, 0) / units
    return np.clip(np.rint(wanted), -limit, limit).astype(np.int64)


def integer_norm(gains, columns: int) -> IntegerNorm:
    """Gains of a norm over `columns` padded elements."""
    padded = np.zeros(columns)
    padded[: len(gains)] = np.asarray(gains, np.float64) * math.sqrt(len(gains))
    values, exponent = to_integers(padded, CONSTANT_LIMIT)
    return IntegerNorm(gains=values, exponent=exponent)


def rotation_table(shape: LlamaShape, positions: int):
    """Cosines and sines of RoPE on adjacent pairs, int64 array [positions, head_dim]."""
    frequencies = shape.rope_base ** (-np.arange(0, shape.head_dim, 2) / shape.head_dim)
    angles = np.arange(positions)[:, None] * frequencies
    pairs = np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(positions, shape.head_dim)
    return np.rint(pairs * (1 << ROTATION_FRACTION_BITS)).astype(np.int64)


def quantise_model(model: Model, positions: int, number_format: NumberFormat = DEFAULT) -> IntegerModel:
    """The model's integers in a format, for up to `positions` positions.

    In a format of 4 bits the 8-bit matrices of a checkpoint that has 4-bit ones too, which were left at 8 bits on
    purpose, become two terms of 4 bits; those of a checkpoint of nothing else are quantised to 4 bits.
    """
    shape = model.shape
    columns = model.embedding.codes.shape[1]
    mixed = any(has_four_bits(getattr(layer, name)) for layer in model.layers for name in MATRICES)
    attention = math.log2(math.e) / math.sqrt(shape.head_dim)

    def integers(matrix, factor=1.0):
        twice = number_format.weight_bits == 4 and not has_four_bits(matrix) and mixed
        return integer_matrix(matrix, number_format, factor, terms=1 + twice)

    def layer(source):
        return IntegerLayer(
            attention_norm=integer_norm(source.attention_norm, columns),
            q=integers(source.q, attention),
            k=integers(source.k),
            v=integers(source.v),
            o=integers(source.o),
            ffn_norm=integer_norm(source.ffn_norm, columns),
            gate=integers(source.gate),
            up=integers(source.up),
            down=integers(source.down),
        )

    embedding = integers(model.embedding)
    return IntegerModel(
        format=number_format,
        shape=shape,
        embedding=embedding,
        layers=tuple(layer(source) for source in model.layers),
        norm=integer_norm(model.norm, columns),
        head=embedding if shape.tied else integers(model.head),
        rotations=rotation_table(shape, positions),
        epsilon=round(shape.norm_eps * shape.dim * (1 << (2 * FRACTION_BITS))),
    )
