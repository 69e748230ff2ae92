"""Block codes over memory words, and how often a word or an array fails when its bits fail independently.

Bits are taken to fail independently, each with the mean error probability of the cells. For cells drawn independently
from a process spread that is exact for one interval: the number of errors in a word is binomial in the mean, whatever
the distribution of the cells (Arai, Hirofuchi and Imamura 2024 find the same by simulation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, betaln, logsumexp, xlog1py, xlogy

from devicemodels.checks import require_fraction, require_probability
from devicemodels.errors import UserError
from devicemodels.quantities import Ratio


@dataclass(frozen=True, kw_only=True)
class BlockCode:
    """A code that corrects any `correctable` and detects any `detectable` errors in `data_bits` + `check_bits`."""

    name: str
    data_bits: int
    check_bits: int
    correctable: int
    detectable: int

    @property
    def word_bits(self) -> int:
        """Stored bits of one word."""
        return self.data_bits + self.check_bits


def uncoded(data_bits: int) -> BlockCode:
    """No check bits: one wrong bit is a wrong word."""
    _check_count("data_bits", data_bits)
    return BlockCode(name="uncoded", data_bits=data_bits, check_bits=0, correctable=0, detectable=0)


def secded(data_bits: int) -> BlockCode:
    """Extended Hamming code: corrects one error, detects two (Hamming 1950); 8 check bits for 64, 10 for 264."""
    _check_count("data_bits", data_bits)
    parity = 2
    while 2**parity < data_bits + parity + 1:
        parity += 1
    return BlockCode(name="SEC-DED", data_bits=data_bits, check_bits=parity + 1, correctable=1, detectable=2)


def bch(data_bits: int, *, correctable: int) -> BlockCode:
    """Shortened primitive binary BCH code of designed distance 2 t + 1, with m t check bits.

    m is the least for which 2^m - 1 bits hold data and checks; t beyond some m/2 can need fewer checks than that.
    """
    _check_count("data_bits", data_bits)
    _check_count("correctable", correctable)
    order = 3
    while 2**order - 1 < data_bits + order * correctable:
        order += 1
    return BlockCode(
        name=f"BCH-{correctable}",
        data_bits=data_bits,
        check_bits=order * correctable,
        correctable=correctable,
        detectable=correctable,
    )


def log_binomial_tail(*, trials: int, above: int, probability: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithm of P(more than `above` of `trials` events), each of the given probability.

    A sum of positive terms in logarithms, so that it neither underflows nor cancels: minus infinity only at zero.

    Parameters
    ----------
    probability
        Any shape; the result has the same.
    """
    p = np.asarray(probability, dtype=float)[..., np.newaxis]
    k = np.arange(above + 1, trials + 1)
    choose = -betaln(trials - k + 1, k + 1) - math.log(trials + 1)
    terms = choose + xlogy(k, p) + xlog1py(trials - k, -p)
    return np.minimum(logsumexp(terms, axis=-1), 0.0)


def word_failure(code: BlockCode, *, bit_error: ArrayLike) -> NDArray[np.float64]:
    """Probability that a word holds more errors than `code` corrects; `bit_error` of any shape.

    Raises
    ------
    UserError
        If a bit error is not a probability.
    """
    return np.exp(_log_word_failure(code, code.correctable, bit_error))


def undetected_failure(code: BlockCode, *, bit_error: ArrayLike) -> NDArray[np.float64]:
    """Probability that a word holds more errors than `code` is sure to detect: a bound on silent corruption."""
    return np.exp(_log_word_failure(code, code.detectable, bit_error))


def array_failure(
    bit_error: ArrayLike, *, code: BlockCode, words: float, intervals: float = 1.0
) -> NDArray[np.float64]:
    """Probability that any of `words` fails in any of `intervals`: 1 - (1 - p_word)^(words intervals).

    `bit_error` (any shape) is per interval, as when scrubbing corrects every word at its end. If it is the mean over a
    spread of cells and there are several intervals, the result is an upper bound: the same weak cells fail again and
    again, so failures crowd into fewer words (Jensen's inequality). For one interval it is exact.

    Raises
    ------
    UserError
        If a bit error is not a probability, or `words` or `intervals` is not a finite number of at least one.
    """
    _check_count("words", words)
    _check_count("intervals", intervals)
    log_word = _log_word_failure(code, code.correctable, bit_error)
    return -np.expm1(xlog1py(words * intervals, -np.exp(log_word)))


def allowed_bit_error(failure: Ratio, *, code: BlockCode, words: float, intervals: float = 1.0) -> Ratio:
    """Bit error at which `array_failure` is `failure`: its exact inverse, by the inverse incomplete beta function."""
    _check_count("words", words)
    _check_count("intervals", intervals)
    require_fraction("the array's failure probability", failure)
    word = -math.expm1(math.log1p(-failure) / (words * intervals))
    return float(betaincinv(code.correctable + 1, code.word_bits - code.correctable, word))


def _log_word_failure(code: BlockCode, tolerated: int, bit_error: ArrayLike) -> NDArray[np.float64]:
    require_probability("a bit error", bit_error)
    return log_binomial_tail(trials=code.word_bits, above=tolerated, probability=bit_error)


def _check_count(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 1):
        raise UserError(f"{name} is {value:g}; give a finite number of at least 1")
