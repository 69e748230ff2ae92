"""Which code a bank needs: the cheapest that keeps its raw errors from reaching the arithmetic."""

from collections.abc import Callable

import numpy as np
from scipy.special import xlog1py
from scipy.stats import binom

from devicemodels.error_correction import BlockCode, log_binomial_tail
from devicemodels.errors import UserError
from devicemodels.macro import MemoryMacro
from rtl.memory.code import CODES, WordCode


def loss(code: BlockCode, *, stored: float, read: float, words: float, reads: float) -> float:
    """Probability that any of `words` ever comes out wrong in `reads` reads of each.

    A word with j stored errors, which every read sees, fails at once if the code corrects fewer, and otherwise when
    more than the rest of its strength go wrong in one read: w = sum_j B(j; n, stored) (1 - (1 - P(> t - j))^reads).

    Parameters
    ----------
    stored, read : probability that a stored bit is wrong, and that a read takes it wrong
    """
    t, bits = code.correctable, code.word_bits
    word = np.exp(log_binomial_tail(trials=bits, above=t, probability=stored))
    for j in range(t + 1):
        once = np.exp(log_binomial_tail(trials=bits - j, above=t - j, probability=read))
        word += binom.pmf(j, bits, stored) * -np.expm1(xlog1py(reads, -once))
    return float(-np.expm1(xlog1py(words, -min(word, 1.0))))


def cheapest_code(
    bank: Callable[[WordCode], MemoryMacro], *, data_bits: int, words: float, reads: float, failure: float
) -> tuple[WordCode, MemoryMacro]:
    """The first of `CODES` with which a memory loses a word with at most a given probability, and its bank.

    Stored errors are the macro's loss of retention in ten years, the disturb of all `reads`, and its read errors: these
    are the share of bits whose signal is too weak for the spread of cells and amplifiers, so a bit that is read wrong
    once is read wrong always (`devicemodels.macro`). Words were verified when they were written, so write errors are
    not among them.

    Parameters
    ----------
    bank : a bank whose words carry a code; it may raise `UserError` for a code with which there is none
    data_bits, words : of the whole memory, without check bits
    reads : of each word, from one writing to the next
    failure : allowed probability that any word comes out wrong, corrected or not, in that time

    Raises
    ------
    UserError
        No code is enough, or there is no bank with any.
    """
    refusal = UserError("no code was tried")
    for code in CODES:
        try:
            macro = bank(code)
        except UserError as error:
            refusal = error
            continue
        stored = stored_errors(macro, reads)
        lost = loss(code.block(data_bits), stored=stored, read=0.0, words=words, reads=reads)
        if lost <= failure:
            return code, macro
        refusal = UserError(
            f"no code is enough for {words:g} words of {data_bits} bits: {macro.kind} bits are wrong at {stored:.1e} "
            f"after {reads:g} reads, so that even '{code.name}' loses one with probability {lost:.1e}, above "
            f"{failure:g}: rewrite the words more often (memory.reads)"
        )
    raise refusal


def stored_errors(macro: MemoryMacro, reads: float) -> float:
    """Share of bits that are wrong for good after so many reads since they were written."""
    right = np.log1p(-macro.retention_error_rate) + np.log1p(-macro.read_error_rate)
    return float(-np.expm1(right + xlog1py(reads, -macro.read_disturb_rate)))
