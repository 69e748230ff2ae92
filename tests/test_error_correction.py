"""Words and arrays with block codes: binomial tails against scipy, brute force and published codes."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from devicemodels.error_correction import (
    allowed_bit_error,
    array_failure,
    bch,
    log_binomial_tail,
    secded,
    uncoded,
    undetected_failure,
    word_failure,
)
from devicemodels.errors import UserError
from rtl.memory.secded import check_bits


@pytest.mark.parametrize("data_bits", [1, 4, 8, 11, 26, 57, 64, 120, 128, 247, 256, 264, 512])
def test_secded_has_the_length_of_the_gateware(data_bits):
    assert secded(data_bits).check_bits == check_bits(data_bits)


# Primitive binary BCH codes (n, k, t) of Lin and Costello's table.
@pytest.mark.parametrize(
    ("length", "data_bits", "correctable"),
    [(15, 7, 2), (31, 21, 2), (63, 45, 3), (127, 113, 2), (127, 106, 3), (255, 239, 2), (511, 493, 2), (1023, 983, 4)],
)
def test_bch_has_the_length_of_the_published_codes(length, data_bits, correctable):
    assert bch(data_bits, correctable=correctable).word_bits == length


@given(st.integers(1, 600), st.integers(0, 6), st.floats(-40, -0.01))
def test_binomial_tail_agrees_with_scipy(trials, above, exponent):
    above = min(above, trials - 1)
    probability = 10.0**exponent
    found = math.exp(log_binomial_tail(trials=trials, above=above, probability=probability))
    assert found == pytest.approx(binom.sf(above, trials, probability), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("probability", [0.0, 1e-3, 0.2, 0.5, 0.9, 1.0])
def test_binomial_tail_is_the_sum_over_all_patterns(probability):
    patterns = [sum(p) for p in itertools.product((0, 1), repeat=10)]
    for above in range(10):
        brute = sum(probability**k * (1 - probability) ** (10 - k) for k in patterns if k > above)
        found = np.exp(log_binomial_tail(trials=10, above=above, probability=probability))
        assert found == pytest.approx(brute, rel=1e-12, abs=1e-300)


def test_logarithm_goes_where_the_probability_underflows():
    leading = math.log(math.comb(1024, 5)) + 5 * math.log(1e-100)
    assert log_binomial_tail(trials=1024, above=4, probability=1e-100) == pytest.approx(leading, rel=1e-12)


def test_tiny_errors_keep_their_digits_in_a_large_array():
    code = secded(64)
    pairs = math.comb(72, 2)
    assert array_failure(1e-14, code=code, words=2**30) == pytest.approx(2**30 * pairs * 1e-28, rel=1e-9)
    assert array_failure(1e-14, code=uncoded(1), words=1e6) == pytest.approx(1e-8, rel=1e-7)
    assert array_failure([0.0, 1.0], code=code, words=1e9).tolist() == [0.0, 1.0]


@given(st.floats(1e-9, 0.999), st.sampled_from([uncoded(64), secded(64), bch(512, correctable=4)]), st.floats(1, 1e12))
def test_allowed_bit_error_is_the_inverse_of_array_failure(failure, code, words):
    raw = allowed_bit_error(failure, code=code, words=words, intervals=10)
    assert array_failure(raw, code=code, words=words, intervals=10) == pytest.approx(failure, rel=1e-8)


@given(st.floats(1e-12, 0.1), st.integers(1, 6))
def test_more_correction_fails_less_and_detection_outlasts_correction(bit_error, correctable):
    weak, strong = bch(256, correctable=correctable), bch(256, correctable=correctable + 1)
    assert word_failure(strong, bit_error=bit_error) < word_failure(weak, bit_error=bit_error)
    assert undetected_failure(secded(64), bit_error=bit_error) < word_failure(secded(64), bit_error=bit_error)


def test_words_of_unequal_cells_fail_as_words_of_mean_cells():
    generator = np.random.default_rng(3)
    code, words = secded(8), 400_000
    cells = generator.beta(0.5, 30.0, (words, code.word_bits))
    failed = np.mean(np.sum(generator.random(cells.shape) < cells, axis=1) > 1)
    expected = word_failure(code, bit_error=0.5 / 30.5)
    assert failed == pytest.approx(expected, abs=4 * math.sqrt(expected / words))


def test_scrubbed_intervals_are_bounded_by_equal_cells_and_met_by_them():
    """With cells that keep their own error, words fail less often than with the mean error in each interval."""
    generator = np.random.default_rng(4)
    code, words, intervals = secded(8), 20_000, 50
    cells = generator.beta(0.5, 50.0, (words, code.word_bits))
    mean = 0.5 / 50.5

    def failing(errors):
        draws = generator.random((intervals, *errors.shape)) < errors
        return np.mean(np.any(np.sum(draws, axis=2) > 1, axis=0))

    bound = array_failure(mean, code=code, words=1, intervals=intervals)
    noise = 4 * math.sqrt(bound / words)
    assert failing(np.full_like(cells, mean)) == pytest.approx(bound, abs=noise)
    assert failing(cells) < bound - noise


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: word_failure(secded(64), bit_error=1.5), "a bit error is 1.5; give a probability from 0 to 1"),
        (lambda: array_failure([0.1, math.nan], code=secded(64), words=4), "a bit error is nan; "),
        (lambda: array_failure(0.1, code=secded(64), words=0), "words is 0; give a finite number of at least 1"),
        (lambda: array_failure(0.1, code=secded(64), words=1, intervals=math.inf), "intervals is inf; "),
        (lambda: allowed_bit_error(1.0, code=secded(64), words=1), "the array's failure probability is 1; give one"),
        (lambda: secded(0), "data_bits is 0; "),
        (lambda: bch(64, correctable=-1), "correctable is -1; "),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(UserError) as refusal:
        call()
    assert str(refusal.value).startswith(message)
