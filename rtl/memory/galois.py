"""Arithmetic in GF(2^m): tables for golden functions, and expressions for gateware.

An element is an integer whose bit i is the coefficient of a^i, where a is a root of the field's polynomial.
"""

import functools

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

_TRINOMIALS = {4: 1, 5: 2, 6: 1, 7: 1, 9: 4, 10: 3, 11: 2}
"""m to k of the primitive polynomial x^m + x^k + 1; there is none for m = 8."""

ORDERS = range(4, 12)
"""The m that there are."""


@functools.cache
def polynomial(order: int) -> int:
    """A primitive polynomial of degree `order`, with few terms."""
    return 0b1_0001_1101 if order == 8 else 1 << order | 1 << _TRINOMIALS[order] | 1


@functools.cache
def _tables(order: int):
    """Powers of a (twice over, so that two logarithms need no modulo), and the logarithms of 1...2^m - 1."""
    size = (1 << order) - 1
    powers, value = np.zeros(2 * size, np.int64), 1
    for i in range(size):
        powers[i] = powers[i + size] = value
        value = value << 1 ^ (polynomial(order) if value >> (order - 1) else 0)
    logarithms = np.zeros(size + 1, np.int64)
    logarithms[powers[:size]] = np.arange(size)
    return powers, logarithms


def multiply(a, b, order: int):
    """Products of elements (int arrays that broadcast)."""
    powers, logarithms = _tables(order)
    return np.where((a == 0) | (b == 0), 0, powers[logarithms[a] + logarithms[b]])


def power(a, exponent: int, order: int):
    """Elements (int array) to a power; 0 to a negative power is 0."""
    powers, logarithms = _tables(order)
    return np.where(np.asarray(a) == 0, 0, powers[logarithms[a] * exponent % ((1 << order) - 1)])


@functools.cache
def quadratic_roots(order: int) -> tuple[int, ...]:
    """The linear map from c to that root of y^2 + y = c which has bit 0 clear, as images of 1, a, a^2 ...

    The other root is y + 1. Only an element of trace 0 has roots; what the map gives for others is no root.
    """
    elements = np.arange(0, 1 << order, 2)
    images = multiply(elements, elements, order) ^ elements
    root = dict(zip(images.tolist(), elements.tolist(), strict=True))
    outside = next(c for c in range(1 << order) if c not in root)
    return tuple(root.get(1 << i, root.get(1 << i ^ outside)) for i in range(order))


def trace_mask(order: int) -> int:
    """The bits of an element whose parity is its trace: 0 when y^2 + y = c has roots."""
    return sum(1 << i for i in range(order) if _trace(1 << i, order))


def _trace(element: int, order: int) -> int:
    return int(np.bitwise_xor.reduce([power(element, 1 << i, order) for i in range(order)]))


def parity(value: Value, mask: int) -> Value:
    """Exclusive or of the bits of `value` that `mask` selects."""
    chosen = [value[i] for i in range(len(value)) if mask >> i & 1]
    return Cat(*chosen).xor() if chosen else Const(0, 1)


def linear(value: Value, images) -> Value:
    """A linear map as combinational logic, from the images of 1, a, a^2 ..."""
    width = max(images).bit_length()
    return Cat(parity(value, sum((image >> row & 1) << i for i, image in enumerate(images))) for row in range(width))


def product(m: Module, a: Value, b: Value, order: int) -> Value:
    """Product of two elements as combinational logic: all products of bits, then the polynomial's reduction."""
    sums = Signal(2 * order - 1, name="product")
    for total, sum_ in enumerate(sums):
        m.d.comb += sum_.eq(Cat(a[i] & b[total - i] for i in range(order) if 0 <= total - i < order).xor())
    return linear(sums, [int(power(2, i, order)) for i in range(len(sums))])


def lookup(m: Module, value: Value, table) -> Value:
    """A table of elements as combinational logic: multiplexers, one for all equal parts of any output bits."""
    table, known = np.asarray(table), {}

    def choose(entries: tuple[int, ...]) -> Value:
        lower, upper = entries[: len(entries) // 2], entries[len(entries) // 2 :]
        if len(set(entries)) == 1:
            return Const(entries[0], 1)
        if lower == upper:
            return choose(lower)
        if entries not in known:
            known[entries] = Signal(name="entry")
            m.d.comb += known[entries].eq(Mux(value[len(lower).bit_length() - 1], choose(upper), choose(lower)))
        return known[entries]

    return Cat(choose(tuple((table >> row & 1).tolist())) for row in range(int(table.max()).bit_length()))
