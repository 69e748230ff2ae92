"""Models of any shape with random weights: what a compiler must place and schedule, and nobody would chat with."""

from dataclasses import replace

import numpy as np

from sim.checkpoint import GroupedMatrix, LlamaShape, Model
from sim.checkpoint.model import GROUP, Layer

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")

CODE_RMS = 70
"""Roughly the root mean square of codes drawn evenly from -127 to 127."""

SHARP = 2.0
"""Gain of queries and keys, so that attention prefers some positions."""

LOUD = 5.0
"""Gain of the embedding, so that tokens differ from each other."""


def random_model(shape: LlamaShape, *, seed: int = 0, four_bits: bool = False) -> Model:
    """A model of this shape, the same for the same seed; it has no tokenizer.

    four_bits : whether its codes are 0...15 with minima, as in `Q4_1`, rather than of 8 bits
    """
    random = np.random.default_rng(seed)
    if four_bits:
        return _with_minima(random_model(shape, seed=seed), random)
    embedding = _matrix(random, shape.vocab, shape.dim, LOUD)
    return Model(
        name="random",
        licence="",
        shape=shape,
        tokenizer=None,
        embedding=embedding,
        layers=tuple(_layer(random, shape) for _ in range(shape.layers)),
        norm=_gains(random, shape.dim),
        head=embedding if shape.tied else _matrix(random, shape.vocab, shape.dim),
    )


def mixed_model(shape: LlamaShape, *, seed: int = 0, bytes_in: tuple[str, ...] = ()) -> Model:
    """4-bit codes with minima, but 8-bit ones in the embedding, in the head and in the matrices named."""
    narrow, wide = random_model(shape, seed=seed, four_bits=True), random_model(shape, seed=seed + 1)
    layers = tuple(
        replace(layer, **{name: getattr(source, name) for name in bytes_in})
        for layer, source in zip(narrow.layers, wide.layers, strict=True)
    )
    return replace(narrow, embedding=wide.embedding, head=wide.head, layers=layers)


def _layer(random, shape: LlamaShape) -> Layer:
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    return Layer(
        attention_norm=_gains(random, shape.dim),
        q=_matrix(random, queries, shape.dim, SHARP),
        k=_matrix(random, keys, shape.dim, SHARP),
        v=_matrix(random, keys, shape.dim),
        o=_matrix(random, shape.dim, queries),
        ffn_norm=_gains(random, shape.dim),
        gate=_matrix(random, shape.ffn, shape.dim),
        up=_matrix(random, shape.ffn, shape.dim),
        down=_matrix(random, shape.dim, shape.ffn),
    )


def _gains(random, length: int):
    """Gains of a norm, float32 [length]."""
    return random.uniform(0.5, 1.5, length).astype(np.float32)


def _matrix(random, rows: int, columns: int, gain: float = 1.0) -> GroupedMatrix:
    """A matrix that makes of a vector of unit elements one whose elements are about `gain`."""
    groups = -(-columns // GROUP)
    codes = random.integers(-127, 128, (rows, groups * GROUP)).astype(np.int8)
    codes[:, columns:] = 0
    scales = random.uniform(0.3, 1, (rows, groups)) * gain / np.sqrt(columns) / CODE_RMS
    return GroupedMatrix(codes=codes, scales=scales.astype(np.float32))


def _with_minima(model: Model, random) -> Model:
    """The model with 4-bit codes and about the same weights."""

    def convert(matrix: GroupedMatrix) -> GroupedMatrix:
        minima = -128 * matrix.scales * random.uniform(0.9, 1.1, matrix.scales.shape).astype(np.float32)
        codes = (matrix.codes.astype(np.int16) + 128 >> 4).astype(np.int8)
        return GroupedMatrix(codes=codes, scales=16 * matrix.scales, minima=minima)

    def layer(source: Layer) -> Layer:
        return replace(source, **{name: convert(getattr(source, name)) for name in MATRICES})

    embedding = convert(model.embedding)
    head = embedding if model.shape.tied else convert(model.head)
    return replace(model, embedding=embedding, head=head, layers=tuple(layer(source) for source in model.layers))
