"""The last step of the vector pipe: add, rotate, gate; and clipping to what is stored."""

import numpy as np

from rtl.arithmetic.integers import round_shift, saturate
from rtl.arithmetic.silu import silu
from rtl.formats import FRACTION_BITS, ROTATION_FRACTION_BITS, VECTOR_BITS


def add(y, b):
    """y + b in 32 bits, saturated (any shape)."""
    return saturate(np.asarray(y, np.int64) + b, VECTOR_BITS)


def rotate(y, turns):
    """Adjacent pairs of y turned by an angle each (RoPE as GGUF's llama models have it).

    Parameters
    ----------
    y : int64 array [..., 2 n]
    turns : int array [..., 2 n], cosine and sine of each pair with 14 fraction bits

    Returns
    -------
    int64 array like y: (y0 c - y1 s, y1 c + y0 s), rounded half up and saturated to 32 bits
    """
    y = np.asarray(y, np.int64)
    c, s = turns[..., 0::2], turns[..., 1::2]
    turned = np.stack([y[..., 0::2] * c - y[..., 1::2] * s, y[..., 1::2] * c + y[..., 0::2] * s], axis=-1)
    return saturate(round_shift(turned, ROTATION_FRACTION_BITS), VECTOR_BITS).reshape(y.shape)


def gate(y, b):
    """y * silu(b), 14 fraction bits each, saturated to 32 bits (any shape)."""
    return saturate(round_shift(np.asarray(y, np.int64) * silu(b), FRACTION_BITS), VECTOR_BITS)


def clip_code(values, bits: int):
    """Clip to the symmetric code of `bits` bits: -(2**(bits-1) - 1) ... 2**(bits-1) - 1."""
    limit = (1 << (bits - 1)) - 1
    return np.clip(values, -limit, limit)
