"""Rounding, saturation and reduction trees: the integer operations that all others are made of."""

import numpy as np
from amaranth.hdl import Cat, Mux, Signal, Value, signed


def saturate(values, bits):
    """Clip integers to a signed word of `bits` bits (any shape, int64 in and out)."""
    return np.clip(values, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def round_shift(values, shift):
    """Divide by 2**shift, halves rounded up; shifts are held to 0...63 (any shape, int64).

    Exact for |values| < 2**62: ``floor(values / 2**shift + 1/2)``.
    """
    shift = min(max(int(shift), 0), 63)
    return ((np.asarray(values, np.int64) << 1 >> shift) + 1) >> 1


def saturate_value(value: Value, bits: int) -> Value:
    """`saturate` as combinational logic on a signed value."""
    value = Value.cast(value)
    top = value[bits - 1 :]
    fits = (top == 0) | top.all()
    limit = Mux(value[-1], -(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    return Mux(fits, value[:bits].as_signed(), limit)


def round_shift_value(value: Value, shift: Value) -> Value:
    """`round_shift` as combinational logic; `shift` is unsigned, at most 63."""
    value = Value.cast(value)
    doubled = Cat(0, value).as_signed()
    return ((doubled >> shift) + 1) >> 1


def tree(values, combine):
    """Reduce a list pairwise, lower index first, so that its depth is log2 of its length."""
    values = list(values)
    while len(values) > 1:
        pairs = [combine(a, b) for a, b in zip(values[0::2], values[1::2], strict=False)]
        values = pairs + (values[-1:] if len(values) % 2 else [])
    return values[0]


def signed_array(count: int, bits: int, name: str) -> list[Signal]:
    """`count` signed signals of `bits` bits each, for data that needs no reset."""
    return [Signal(signed(bits), name=f"{name}_{i}", reset_less=True) for i in range(count)]
