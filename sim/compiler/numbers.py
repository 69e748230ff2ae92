"""Shifts of the attention and of the first and last operation: where each binary point comes to lie."""

from rtl.formats import CONSTANT_BITS, FRACTION_BITS, SCORE_FRACTION_BITS, VECTOR_BITS, NumberFormat

KEEP_SHIFT = 8
"""A K or V scale is kept as a multiple of 2**8 units of 2**-14: up to 512 in magnitude."""


def embedding_shifts(matrix, number_format: NumberFormat) -> tuple[int, int]:
    """Both shifts of an embedding row: no product leaves 32 bits, and the result gets 14 fraction bits."""
    bound = number_format.weight_limit << (CONSTANT_BITS - 1)
    first = max(0, bound.bit_length() - (VECTOR_BITS - 1))
    return first, matrix.exponent - FRACTION_BITS - first


def score_shifts(head_dim: int, number_format: NumberFormat) -> tuple[int, int]:
    """Both shifts of ``q . k``: no product leaves 32 bits, and the score gets 8 fraction bits.

    The codes stand for q * scale * 2**(1 - activation_bits - 14) and k * constant * 2**(8 + 1 - kv_bits - 14).
    """
    bound = head_dim << (_code_bits(number_format) + CONSTANT_BITS - 1)
    first = max(0, bound.bit_length() - (VECTOR_BITS - 1))
    return first, _code_bits(number_format) + 2 * FRACTION_BITS - KEEP_SHIFT - SCORE_FRACTION_BITS - first


def output_shift(number_format: NumberFormat) -> int:
    """Second shift of ``p . v``.

    The codes stand for p * scale * 2**(1 - activation_bits) and v * 2**(1 - kv_bits) of a kept scale's unit.
    """
    return _code_bits(number_format) - KEEP_SHIFT


def _code_bits(number_format):
    """Fraction bits of an activation times a K or V code."""
    return number_format.activation_bits - 1 + number_format.kv_bits - 1
