"""Shifts of the attention and of the first and last operation: where each binary point comes to lie."""

from rtl.formats import ACTIVATION_BITS, CODE_BITS, CONSTANT_BITS, FRACTION_BITS, SCORE_FRACTION_BITS, VECTOR_BITS

KEEP_SHIFT = 8
"""A K or V scale is kept as a multiple of 2**8 units of 2**-14: up to 512 in magnitude."""

_CODES = ACTIVATION_BITS - 1 + CODE_BITS - 1


def embedding_shift(matrix) -> int:
    """Second shift of an embedding row: from the matrix's exponent to 14 fraction bits."""
    return matrix.exponent - FRACTION_BITS


def score_shifts(head_dim: int) -> tuple[int, int]:
    """Both shifts of ``q . k``: no product leaves 32 bits, and the score gets 8 fraction bits.

    The codes stand for q * scale * 2**(-11 - 14) and k * constant * 2**(8 - 7 - 14).
    """
    bound = head_dim << (_CODES + CONSTANT_BITS - 1)
    first = max(0, bound.bit_length() - (VECTOR_BITS - 1))
    return first, _CODES + 2 * FRACTION_BITS - KEEP_SHIFT - SCORE_FRACTION_BITS - first


OUTPUT_SHIFT = _CODES - KEEP_SHIFT
"""Second shift of ``p . v``; the codes stand for p * scale * 2**-11 and v * 2**-7 of a kept scale's unit."""
