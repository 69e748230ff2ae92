"""Double-error-correcting, triple-error-detecting code over a memory word: extended BCH.

Bit p of the codeword belongs to the element p of GF(2^m) (see `rtl.memory.galois`), 0 included. The sums over the set
bits of 1, p and p^3 are zero: parity, S1 and S3. Two errors p and q give S1 = p + q and S3 = p^3 + q^3, so y = p / S1
is a root of y^2 + y = 1 + S3 / S1^3, which a linear map solves: no search. One error is the root y = 1 of S3 = S1^3.
The lowest positions that determine the sums hold the check bits. R. C. Bose, D. K. Ray-Chaudhuri, Inf. Control 3, 68
(1960); the equation in y: E. R. Berlekamp, H. Rumsey, G. Solomon, Inf. Control 10, 553 (1967).
"""

import functools

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring

from devicemodels.errors import UserError
from rtl.memory import galois
from rtl.memory.correction import Corrector, Decoder, locator_ports, moments, one_hot

SHORTEST, LONGEST = 8, (1 << galois.ORDERS[-1]) - 2 * galois.ORDERS[-1] - 1
"""Data bits of the words that the fields of `rtl.memory.galois` can protect."""


def field_order(data_bits: int) -> int:
    """m of the smallest field that has an element for every bit of the codeword."""
    if not SHORTEST <= data_bits <= LONGEST:
        raise UserError(
            f"a double-error-correcting word has {SHORTEST} to {LONGEST} data bits, not {data_bits}: "
            "split or join words"
        )
    return next(m for m in galois.ORDERS if data_bits + 2 * m + 1 <= 1 << m)


def check_bits(data_bits: int) -> int:
    """Check bits of the code, overall parity included: 19 for 264 data bits."""
    return 2 * field_order(data_bits) + 1


def code_bits(data_bits: int) -> int:
    """Length of the codeword."""
    return data_bits + check_bits(data_bits)


def _columns(data_bits: int):
    """1, p and p^3 side by side for each position p, as int array [code_bits] of check_bits bits."""
    order, positions = field_order(data_bits), np.arange(code_bits(data_bits))
    return 1 | positions << 1 | galois.power(positions, 3, order) << (order + 1)


@functools.cache
def check_positions(data_bits: int) -> tuple[int, ...]:
    """Codeword position of each check bit: the lowest whose columns are linearly independent."""
    chosen, reduced = [], []
    for position, column in enumerate(_columns(data_bits).tolist()):
        for other in reduced:
            column = min(column, column ^ other)
        if column:
            chosen.append(position)
            reduced.append(column)
    return tuple(chosen)


@functools.cache
def data_positions(data_bits: int) -> tuple[int, ...]:
    """Codeword position of each data bit."""
    return tuple(sorted(set(range(code_bits(data_bits))) - set(check_positions(data_bits))))


@functools.cache
def check_images(data_bits: int) -> tuple[int, ...]:
    """The linear map from the sums of the data to the check bits that cancel them, as images of the sums' bits."""
    columns = _columns(data_bits)[list(check_positions(data_bits))].tolist()
    rows = [[column, 1 << i] for i, column in enumerate(columns)]
    for bit in range(len(rows)):
        pivot = next(i for i in range(bit, len(rows)) if rows[i][0] >> bit & 1)
        rows[bit], rows[pivot] = rows[pivot], rows[bit]
        for i, row in enumerate(rows):
            if i != bit and row[0] >> bit & 1:
                rows[i] = [row[0] ^ rows[bit][0], row[1] ^ rows[bit][1]]
    return tuple(image for _, image in rows)


def _sums(code, columns):
    """Exclusive or of the columns of the set bits: int array [words] from uint8 array [words, bits]."""
    width = int(columns.max()).bit_length()
    parities = code.astype(np.float32) @ (columns[:, None] >> np.arange(width) & 1).astype(np.float32)
    return (parities.astype(np.int64) & 1) @ (1 << np.arange(width))


def encode(data):
    """Codewords of data words.

    Parameters
    ----------
    data : uint8 array [words, data_bits] of bits, bit 0 first

    Returns
    -------
    uint8 array [words, code_bits] of bits
    """
    words, bits = data.shape
    code = np.zeros((words, code_bits(bits)), np.uint8)
    code[:, data_positions(bits)] = data
    syndromes = _sums(code, _columns(bits))
    width = check_bits(bits)
    checks = _sums(syndromes[:, None] >> np.arange(width) & 1, np.array(check_images(bits)))
    code[:, check_positions(bits)] = checks[:, None] >> np.arange(width) & 1
    return code


def decode(code, data_bits: int):
    """Corrected data of codewords.

    Parameters
    ----------
    code : uint8 array [words, code_bits] of bits

    Returns
    -------
    data : uint8 array [words, data_bits]
    corrected, uncorrectable : bool arrays [words]
        One or two errors were found and repaired (also in check bits); more were found, the data come as they were
        read and are not to be used.
    """
    order = field_order(data_bits)
    sums = _sums(code, _columns(data_bits))
    odd, s1, s3 = sums & 1, sums >> 1 & (1 << order) - 1, sums >> (order + 1)
    ratio = galois.multiply(s3, galois.power(s1, -3, order), order) ^ 1
    root = _sums(ratio[:, None] >> np.arange(order) & 1, np.array(galois.quadratic_roots(order)))
    first = galois.multiply(s1, root, order)
    second = first ^ s1
    solved = galois.multiply(root, root, order) ^ root == ratio
    located = np.where(s1 == 0, s3 == 0, np.where(odd, ratio == 0, solved)) & (
        np.maximum(first, second) < code.shape[1]
    )
    corrected = located & ((odd == 1) | (s1 != 0))
    repaired = code.copy()
    for place, rows in ((first, corrected & (odd == 0)), (second, corrected)):
        repaired[rows, place[rows]] ^= 1
    return repaired[:, data_positions(data_bits)], corrected, ~located


def sums(m: Module, code: Value) -> Value:
    """Parity, S1 and S3 of a codeword as combinational logic: S3 is a quadratic form in the bits of the positions."""
    of, order = moments(m, code, 2), (len(code) - 1).bit_length()
    cubes = [
        Cat(value for key, value in of.items() if key and _cube(key, order) >> row & 1).xor() for row in range(order)
    ]
    return Cat(of[()], *(of[(j,)] for j in range(order)), *cubes)


def _cube(key: tuple[int, ...], order: int) -> int:
    """What the bits `key` of a position add to its cube: a^3j, or a^j a^2k + a^2j a^k."""
    j, k = key[0], key[-1]
    if len(key) == 1:
        return int(galois.power(2, 3 * j, order))
    return int(galois.power(2, j + 2 * k, order) ^ galois.power(2, 2 * j + k, order))


def encode_value(m: Module, data: Value) -> Value:
    """`encode` of one word as combinational logic."""
    bits = len(data)
    placed, found = Signal(code_bits(bits)), Signal(check_bits(bits))
    m.d.comb += [Cat(placed[p] for p in data_positions(bits)).eq(data), found.eq(sums(m, placed))]
    checks = galois.linear(found, check_images(bits))
    place = {p: bit for bit, p in enumerate(check_positions(bits))}
    return Cat(checks[place[p]] if p in place else placed[p] for p in range(len(placed)))


class BchLocator(wiring.Component):
    """Solves for y, then locates: one word a cycle, latency 2 cycles."""

    LATENCY = 2

    def __init__(self, data_bits: int):
        self.data_bits = data_bits
        super().__init__(locator_ports(code_bits(data_bits), check_bits(data_bits)))

    def elaborate(self, platform):
        m = Module()
        order, length = field_order(self.data_bits), len(self.flips)
        sums = Signal.like(self.sums, reset_less=True)
        odd, s1, root = (Signal(width, reset_less=True) for width in (1, order, order))
        solved = Signal(init=1, reset_less=True)
        m.d.sync += [
            sums.eq(self.sums),
            Cat(odd, s1).eq(sums),
            Cat(root, solved).eq(self._solve(m, sums)),
        ]
        first, second, located, wrong = Signal(order), Signal(order), Signal(), Signal()
        m.d.comb += [
            first.eq(galois.product(m, s1, root, order)),
            second.eq(first ^ s1),
            located.eq(solved & (first < length) & (second < length)),
            wrong.eq(odd | s1.any()),
            self.flips.eq(one_hot(m, first, length, located & ~odd) | one_hot(m, second, length, located & wrong)),
            self.corrected.eq(located & wrong),
            self.uncorrectable.eq(~located),
        ]
        return m

    def _solve(self, m, sums):
        """The root y, and whether it solves the equation: 1 if odd, any otherwise. The cube's inverse is a table."""
        order = field_order(self.data_bits)
        odd, s1, s3 = sums[0], sums[1 : order + 1], sums[order + 1 :]
        inverse, ratio, root = Signal(order), Signal(order), Signal(order)
        m.d.comb += [
            inverse.eq(galois.lookup(m, s1, galois.power(np.arange(1 << order), -3, order))),
            ratio.eq(galois.product(m, s3, inverse, order) ^ 1),
            root.eq(galois.linear(ratio, galois.quadratic_roots(order))),
        ]
        solved = Mux(odd, ratio == 0, ~galois.parity(ratio, galois.trace_mask(order)))
        return Cat(root, Mux(s1.any(), solved, s3 == 0))


class BchCorrector(Corrector):
    """Flips the one or two bits to which the sums of a codeword point: one word a cycle, latency 3 cycles."""

    def __init__(self, data_bits: int, *, gated: bool = False):
        super().__init__(data_positions(data_bits), BchLocator(data_bits), gated=gated)


class BchDecoder(Decoder):
    """`decode` at full rate: one codeword a cycle, latency 4 cycles.

    Attributes
    ----------
    code, valid : a codeword; flags are raised for valid ones only
    data : corrected word, `LATENCY` cycles later; holds until the next valid word
    corrected, uncorrectable : raised for one cycle with the word
    """

    LATENCY = Decoder.REGISTERS + BchLocator.LATENCY

    def __init__(self, data_bits: int, *, gated: bool = False):
        super().__init__(sums, BchCorrector(data_bits, gated=gated))
