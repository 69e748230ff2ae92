"""First pass: a model's weights as the integers that the tile multiplies with."""

import functools
import math
from dataclasses import dataclass

import numpy as np

from rtl.arithmetic.dot import weigh
from rtl.formats import CONSTANT_BITS, DEFAULT, FRACTION_BITS, GROUP, ROTATION_FRACTION_BITS, VECTOR_BITS, NumberFormat
from sim.checkpoint import GroupedMatrix, LlamaShape, Model
from sim.compiler.groups import Groups, regroup

CONSTANT_LIMIT = (1 << (CONSTANT_BITS - 1)) - 1
NORM_SHIFT = 15
"""Shift after the product with a norm gain: a 32-bit residual times a 16-bit gain fits 32 bits again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerMatrix:
    """``w[r, c] = row_scales[r] * 2**-exponent * (group_scales[r, g] * codes[r, c] + minima[r, g])``, g = c // 32.

    codes : int8 array [rows, columns], columns a multiple of 32
    group_scales, minima : int64 array [rows, columns / 32], as wide as the format has them
    row_scales : int64 array [rows], 0...32767
    """

    format: NumberFormat
    codes: np.ndarray
    group_scales: np.ndarray
    minima: np.ndarray
    row_scales: np.ndarray
    exponent: int

    @property
    def rows(self) -> int:
        """Rows of the matrix."""
        return self.codes.shape[0]

    @property
    def groups(self) -> int:
        """Groups of a row."""
        return self.codes.shape[1] // GROUP

    @functools.cached_property
    def weights(self) -> np.ndarray:
        """Codes times group scales and minima added, float64 array [rows, columns] of integers."""
        return weigh(self.codes, self.group_scales, self.minima)

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


def to_integers(values, limit: int):
    """(integers, exponent) with values close to integers * 2**-exponent and the largest just within `limit`."""
    peak = float(np.abs(values).max(initial=0.0))
    exponent = math.floor(math.log2(limit / peak)) if peak > 0 else 0
    return np.rint(np.asarray(values, np.float64) * 2.0**exponent).astype(np.int64), exponent


def integer_matrix(matrix: GroupedMatrix, number_format: NumberFormat, factor: float = 1.0) -> IntegerMatrix:
    """Group scales and minima as integers under one 16-bit scale per row, all under one exponent."""
    groups = regroup(matrix, number_format)
    scales, minima = groups.scales * factor, groups.minima * factor
    per_row = np.abs(scales).max(axis=1) / number_format.scale_limit
    if number_format.minima:
        per_row = np.maximum(per_row, np.abs(minima).max(axis=1) / number_format.minimum_limit)
    exponent = to_integers(per_row, CONSTANT_LIMIT - 1)[1]
    row_scales = np.ceil(per_row * 2.0**exponent).astype(np.int64)
    units = np.where(row_scales > 0, row_scales, 1)[:, None] * 2.0**-exponent
    group_scales = np.rint(scales / units).astype(np.int64)
    return IntegerMatrix(
        format=number_format,
        codes=groups.codes.astype(np.int8),
        group_scales=group_scales,
        minima=_integer_minima(groups, minima, scales - group_scales * units, units, number_format),
        row_scales=row_scales,
        exponent=exponent,
    )


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
    """The model's integers in a format, for up to `positions` positions."""
    shape = model.shape
    columns = model.embedding.codes.shape[1]
    attention = math.log2(math.e) / math.sqrt(shape.head_dim)

    def layer(source):
        return IntegerLayer(
            attention_norm=integer_norm(source.attention_norm, columns),
            q=integer_matrix(source.q, number_format, attention),
            k=integer_matrix(source.k, number_format),
            v=integer_matrix(source.v, number_format),
            o=integer_matrix(source.o, number_format),
            ffn_norm=integer_norm(source.ffn_norm, columns),
            gate=integer_matrix(source.gate, number_format),
            up=integer_matrix(source.up, number_format),
            down=integer_matrix(source.down, number_format),
        )

    embedding = integer_matrix(model.embedding, number_format)
    return IntegerModel(
        format=number_format,
        shape=shape,
        embedding=embedding,
        layers=tuple(layer(source) for source in model.layers),
        norm=integer_norm(model.norm, columns),
        head=embedding if shape.tied else integer_matrix(model.head, number_format),
        rotations=rotation_table(shape, positions),
        epsilon=round(shape.norm_eps * shape.dim * (1 << (2 * FRACTION_BITS))),
    )
