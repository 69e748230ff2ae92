"""Which code a bank needs: the cheapest that keeps its raw errors from reaching the arithmetic."""

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


def cheapest_code(macro: MemoryMacro, *, data_bits: int, words: float, reads: float, failure: float) -> WordCode:
    """The first of `CODES` with which a memory of banks like `macro` loses a word with at most a given probability.

    Stored errors are the macro's loss of retention in ten years and the disturb of all `reads`; words were verified
    when they were written, so write errors are not among them.

    Parameters
    ----------
    data_bits, words : of the whole memory, without check bits
    reads : of each word, from one writing to the next
    failure : allowed probability that any word comes out wrong, corrected or not, in that time

    Raises
    ------
    UserError
        No code is enough.
    """
    stored = -np.expm1(np.log1p(-macro.retention_error_rate) + xlog1py(reads, -macro.read_disturb_rate))
    losses = {
        code: loss(code.block(data_bits), stored=stored, read=macro.read_error_rate, words=words, reads=reads)
        for code in CODES
    }
    for code, lost in losses.items():
        if lost <= failure:
            return code
    raise UserError(
        f"no code is enough for {words:g} words of {data_bits} bits: {macro.kind} bits are wrong at {stored:.1e} when "
        f"stored and {macro.read_error_rate:.1e} when read, so that even '{CODES[-1].name}' loses one with probability "
        f"{losses[CODES[-1]]:.1e} in {reads:g} reads, above {failure:g}: rewrite the words more often or read slower"
    )
