"""A whole text at once against the golden that goes token by token: equal bit for bit."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl.arithmetic.root import root
from rtl.arithmetic.scale import normalise
from rtl.formats import ACCURATE, CHEAP, DEFAULT
from sim.batch import _normalised, _roots, text_logits
from sim.compiler import quantise_model
from sim.golden import Golden
from tests.random_model import mixed_model, random_model
from tests.test_program import SHAPE

MODELS = {
    "grouped": random_model(SHAPE),
    "untied": random_model(dataclasses.replace(SHAPE, tied=False), seed=3),
    "four bits": random_model(dataclasses.replace(SHAPE, dim=96), four_bits=True),
    "two terms": mixed_model(dataclasses.replace(SHAPE, dim=96)),
}


@pytest.mark.parametrize("number_format", [DEFAULT, ACCURATE, CHEAP], ids=["default", "accurate", "cheap"])
@pytest.mark.parametrize("name", MODELS)
def test_a_text_at_once_equals_token_by_token(name, number_format):
    model = MODELS[name]
    integers, tokens = quantise_model(model, 24, number_format), [(7 * i) % model.shape.vocab for i in range(24)]
    golden = Golden(integers)
    rows, units = text_logits(integers, tokens)
    for token, row, unit in zip(tokens, rows, units[:, 0], strict=True):
        np.testing.assert_array_equal(row, golden.step(token))
        assert unit == golden.logit_unit


@given(st.lists(st.integers(0, 2**56 - 1) | st.integers(0, 55).map(lambda bits: 2**bits - 1), min_size=1))
@settings(max_examples=100, deadline=None)
def test_scales_and_roots_of_many(values):
    scales, roots = _normalised(np.array(values)), _roots(np.array(values))
    for at, value in enumerate(values):
        one = normalise(value)
        assert (scales.mantissa[at], scales.exponent[at]) == (one.mantissa, one.exponent)
        assert (roots[0][at], roots[1][at]) == root(value)
