"""The codes' gateware, proved for every word and every pattern of errors; a planted fault breaks each proof."""

import functools
import operator

import numpy as np
import pytest
from amaranth.hdl import Cat, Const

from rtl.formats import DEFAULT
from rtl.memory import bch, galois, secded
from testbench.claims_memory import Corrects, Linear
from testbench.formal import prove
from testbench.linear import linear_map

WORD_BITS = DEFAULT.word_bits

CODES = pytest.mark.parametrize("code", [secded, bch], ids=["secded", "dec"])
WIDTHS = pytest.mark.parametrize("data_bits", [64, WORD_BITS])


def check_matrix(code, data_bits):
    """The code's definition as masks: the positions that enter each sum."""
    positions = np.arange(code.code_bits(data_bits))
    rows = [np.ones_like(positions)] + [positions >> j & 1 for j in range(int(positions[-1]).bit_length())]
    if code is bch:
        order = bch.field_order(data_bits)
        rows += [galois.power(positions, 3, order) >> j & 1 for j in range(order)]
    return [sum(1 << int(p) for p in np.flatnonzero(row)) for row in rows]


def sums_of(code, data_bits):
    return linear_map(Linear(code.sums, code.code_bits(data_bits), code.check_bits(data_bits)))


def encoder_of(code, data_bits):
    return linear_map(Linear(code.encode_value, data_bits, code.code_bits(data_bits)))


@CODES
@WIDTHS
def test_sums_are_those_of_the_code(code, data_bits):
    """For all 2^274 or 2^283 words, since the logic is linear: the same masks are the same function."""
    assert sums_of(code, data_bits) == check_matrix(code, data_bits)


@CODES
@WIDTHS
def test_encoded_words_have_zero_sums_and_hold_the_data(code, data_bits):
    encoder = encoder_of(code, data_bits)
    for mask in check_matrix(code, data_bits):
        assert functools.reduce(operator.xor, [bits for p, bits in enumerate(encoder) if mask >> p & 1]) == 0
    assert [encoder[p] for p in code.data_positions(data_bits)] == [1 << i for i in range(data_bits)]


def cases(code, correctable, data_bits, marks=None):
    return [pytest.param(code, data_bits, n, marks=(marks or {}).get(n, ())) for n in range(correctable + 2)]


@pytest.mark.parametrize(
    ("code", "data_bits", "errors"),
    [
        *cases(secded, 1, 64),
        *cases(bch, 2, 64),
        *cases(secded, 1, WORD_BITS),
        *cases(bch, 2, WORD_BITS, {1: pytest.mark.slow, 2: pytest.mark.exhaustive, 3: pytest.mark.exhaustive}),
    ],
)
def test_errors_are_corrected_or_detected(code, data_bits, errors):
    claim = Corrects(code, data_bits, errors)
    assert prove(claim, depth=4).holds


# --- planted faults


@CODES
def test_a_bit_left_out_of_a_sum_is_found(code, monkeypatch):
    whole = code.moments
    monkeypatch.setattr(code, "moments", lambda m, word, n: whole(m, Cat(word[:37], Const(0, 1), word[38:]), n))
    wrong = [a ^ b for a, b in zip(sums_of(code, 64), check_matrix(code, 64), strict=True)]
    assert set(wrong) == {0, 1 << 37}


@CODES
def test_a_flip_of_the_wrong_bit_is_found(code, monkeypatch):
    whole = code.one_hot
    monkeypatch.setattr(code, "one_hot", lambda m, value, *rest: whole(m, value ^ (value == 41), *rest))
    proof = prove(Corrects(code, 64, 1), depth=4)
    assert (proof.holds, proof.failed) == (False, ("repaired",))
    assert proof.trace[0]["position_0"] in (40, 41)


def test_a_wrong_root_is_found(monkeypatch):
    roots = galois.quadratic_roots(7)
    monkeypatch.setattr(galois, "quadratic_roots", lambda order: (*roots[:-1], roots[-1] ^ 4))
    assert not prove(Corrects(bch, 64, 2), depth=4).holds


def test_a_wrong_inverse_lets_three_errors_pass(monkeypatch):
    whole = galois.power

    def wrong(a, exponent, order):
        table = whole(a, exponent, order).copy()
        if exponent == -3:
            table[5] = table[7]
        return table

    monkeypatch.setattr(galois, "power", wrong)
    proof = prove(Corrects(bch, 64, 3), depth=4)
    assert not proof.holds and "flagged" in proof.failed
    places = [proof.trace[0][f"position_{i}"] for i in range(3)]
    assert functools.reduce(operator.xor, places) == 5
