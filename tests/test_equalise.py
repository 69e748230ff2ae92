"""Groups of vectors at like magnitudes: the same function, and codes that are used better."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.compiler.equalise import LayerExponents, equalise, exponents
from sim.compiler.quantise import MATRICES
from sim.reference import logits, vectors
from tests.random_model import random_model
from tests.test_program import SHAPE

WIDE = dataclasses.replace(SHAPE, dim=96, ffn=160, layers=2)
TOKENS = [(5 * i) % WIDE.vocab for i in range(20)]


def powers(random, shape=WIDE):
    groups = {"attention": shape.dim, "ffn": shape.dim, "hidden": shape.ffn}
    return LayerExponents(**{name: random.integers(-6, 7, -(-size // 32)) for name, size in groups.items()})


@pytest.mark.parametrize("four_bits", [False, True])
@pytest.mark.parametrize("dim", [96, 80])
def test_the_model_stays_the_same_to_the_last_bit(four_bits, dim):
    shape, random = dataclasses.replace(WIDE, dim=dim, ffn=dim + 40), np.random.default_rng(0)
    model = random_model(shape, four_bits=four_bits)
    other = equalise(model, [powers(random, shape) for _ in model.layers])
    np.testing.assert_array_equal(logits(other, TOKENS), logits(model, TOKENS))
    for before, after in zip(model.layers, other.layers, strict=True):
        assert all(np.array_equal(getattr(before, name).codes, getattr(after, name).codes) for name in MATRICES)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=6))
@settings(deadline=None)
def test_exponents_are_those_of_the_loudness(loudness):
    """Groups that are powers of two apart are found as far apart, whatever the level of all."""
    shapes = np.random.default_rng(1).uniform(-1, 1, (7, 32))
    x = np.concatenate([shapes * 2.0**power for power in loudness], axis=1)
    found = exponents(x)
    assert (np.diff(found) == np.diff(loudness)).all() or abs(np.mean(loudness) % 1 - 0.5) < 1e-6
    assert abs(found.mean()) <= 0.5


def test_a_silent_group_is_left_alone():
    x = np.concatenate([np.zeros((3, 32)), np.ones((3, 32)), np.full((3, 20), 4.0)], axis=1)
    assert exponents(x).tolist() == [0, -1, 1]
    assert exponents(np.zeros((3, 64))).tolist() == [0, 0]


def loud_model():
    """A model with channels that are 64 times as large as the others, as real ones have."""
    model, gain = random_model(WIDE, four_bits=True), np.ones(WIDE.dim, np.float32)
    gain[3] = 64
    return dataclasses.replace(
        model,
        layers=tuple(
            dataclasses.replace(layer, attention_norm=layer.attention_norm * gain, ffn_norm=layer.ffn_norm * gain)
            for layer in model.layers
        ),
    )


def test_vectors_are_levelled():
    model = loud_model()
    seen = vectors(model, TOKENS)
    other = equalise(model, [LayerExponents(**{n: exponents(v) for n, v in layer.items()}) for layer in seen])
    for layer in vectors(other, TOKENS):
        for name, values in layer.items():
            assert np.abs(exponents(values)).max() <= 1, name
