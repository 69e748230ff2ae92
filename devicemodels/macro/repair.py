"""What a code and spare rows make of faulty bits: how many sigmas a read needs, and how many arrays work."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv, erfcinv, gammaincc

from devicemodels.macro.organisation import Organisation
from devicemodels.quantities import Ratio

Array = NDArray[np.float64]


def correctable_errors(organisation: Organisation) -> Array:
    """Errors per word that its check bits can correct: one for every m, with words of up to 2^m - 1 bits.

    A Hamming code needs m check bits for one error, a BCH code m for each (see `error_correction`).
    """
    order = np.floor(np.log2(organisation.word_bits)) + 1
    return np.floor(organisation.check_bits / order)


def word_failure(organisation: Organisation, bit_error: ArrayLike) -> Array:
    """Probability that a word has more wrong bits than its check bits correct: the upper tail of a binomial."""
    correctable = correctable_errors(organisation)
    return betainc(correctable + 1, organisation.word_bits - correctable, np.clip(bit_error, 0.0, 1.0))


def allowed_bit_error(organisation: Organisation, *, loss: ArrayLike) -> Array:
    """Share of wrong bits at which a share `loss` of arrays has a word that its code cannot correct."""
    correctable = correctable_errors(organisation)
    word = -np.expm1(np.log1p(-np.asarray(loss)) / organisation.words)
    return betaincinv(correctable + 1, organisation.word_bits - correctable, word)


def required_sigmas(organisation: Organisation, *, loss: ArrayLike) -> Array:
    """Standard deviations of margin that leave so few bits out: the inverse of `statistics.normal_tail`."""
    return np.sqrt(2) * erfcinv(2 * allowed_bit_error(organisation, loss=loss))


def array_yield(organisation: Organisation, *, bit_error: ArrayLike) -> Ratio:
    """Share of arrays in which every subarray has no more uncorrectable words than spare rows (Poisson).

    Faults are taken as independent: one in a line would take a spare column, which is not modelled.
    """
    failing = organisation.rows * organisation.mux * word_failure(organisation, bit_error)
    return gammaincc(organisation.spare_rows + 1, failing) ** organisation.subarrays
