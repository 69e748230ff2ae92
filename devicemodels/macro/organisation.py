"""How the words of a bank lie in rows, columns and subarrays: the designer's choice, not a fact."""

import math
from dataclasses import dataclass

import numpy as np

from devicemodels.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """`words` of `data_bits` + `check_bits`, on bitlines of `rows` cells, `mux` columns to each sense amplifier.

    A subarray holds rows x mux words and has its own sense amplifiers; there are as many as the words need, the last
    one possibly part empty. One subarray works at a time. Each has `spare_rows` more, which replace rows with faulty
    words. `write_bits` of a word are written at once, all of them if it is zero. Every count may be an array: then
    this describes as many banks.

    Raises
    ------
    UserError
        If a count is below one (check bits, spare rows and bits written: below zero).
    """

    words: int
    data_bits: int
    check_bits: int = 0
    rows: int = 256
    mux: int = 8
    spare_rows: int = 2
    write_bits: int = 0

    def __post_init__(self) -> None:
        least = {"words": 1, "data_bits": 1, "rows": 1, "mux": 1, "check_bits": 0, "spare_rows": 0, "write_bits": 0}
        for name, low in least.items():
            if np.any(np.asarray(getattr(self, name)) < low):
                raise UserError(f"organisation: {name} is {np.min(getattr(self, name))}, but must be at least {low}")

    @property
    def word_bits(self) -> int:
        """Data and check bits of a word."""
        return self.data_bits + self.check_bits

    @property
    def subarrays(self) -> int:
        """Subarrays of the bank."""
        return -(-self.words // (self.rows * self.mux))

    @property
    def columns(self) -> int:
        """Columns of cells of one subarray."""
        return self.word_bits * self.mux

    @property
    def all_rows(self) -> int:
        """Rows of one subarray, spare ones included."""
        return self.rows + self.spare_rows

    @property
    def cells(self) -> int:
        """Cells of all subarrays, unused ones included, spare ones not."""
        return self.subarrays * self.rows * self.columns

    @property
    def spare_cells(self) -> int:
        """Cells of all spare rows."""
        return self.subarrays * self.spare_rows * self.columns

    @property
    def write_steps(self) -> int:
        """Pulses, one after another, that write one word."""
        at_once = np.where(np.asarray(self.write_bits) > 0, self.write_bits, self.word_bits)
        return -(-self.word_bits // at_once)


USUAL_ROWS = {"mram": 512, "sram": 256}
"""Cells on a bitline of a macro built for density."""
FAST_ROWS = {"mram": 256, "sram": 32}
"""Cells on a bitline of a small macro, built for speed."""
FAST_BITS = {"mram": 2**21, "sram": 2**17}
"""Up to how many bits a macro is small."""
LARGEST_GROUP = {"mram": 65536, "sram": 1024}
"""Most words that one sense amplifier serves: in large MRAM macros 40 to 80 kb are usual."""
WIDE_WORD_GROUP, WIDE_WORD_MUX = 2048, 2
"""Up to how many words an amplifier serves in a macro built for bandwidth, and the columns per amplifier there."""


def usual_organisation(
    *, capacity_bits: float, data_bits: int, check_bits: int = 0, kind: str = "mram"
) -> Organisation:
    """What a designer would choose for a macro of which only capacity (data bits) and word are known.

    Small macros are built for speed, with bitlines of `FAST_ROWS`, larger ones for density, with `USUAL_ROWS`; an
    amplifier serves all words, up to `LARGEST_GROUP`. Where there are no more than `WIDE_WORD_GROUP` words, or in a
    fast SRAM, the word takes nearly the whole row: `WIDE_WORD_MUX` columns to an amplifier, and `USUAL_ROWS` in an
    MRAM. So 1 Mb of MRAM in 1024-bit words has one amplifier per kilobit, and 32 Mb in 128-bit words one per 64 kb.

    Raises
    ------
    UserError
        If a word is wider than the macro.
    """
    if data_bits > capacity_bits:
        raise UserError(
            f"a word has {data_bits:g} data bits, but the macro holds {capacity_bits:g}; make the word narrower or the "
            "macro larger"
        )
    words, fast = math.ceil(capacity_bits / data_bits), capacity_bits <= FAST_BITS[kind]
    wide = fast if kind == "sram" else words <= WIDE_WORD_GROUP
    rows = FAST_ROWS[kind] if fast and not (wide and kind == "mram") else USUAL_ROWS[kind]
    mux = WIDE_WORD_MUX if wide else LARGEST_GROUP[kind] // rows
    rows = min(rows, 2 ** math.ceil(math.log2(words)))
    mux = min(mux, 2 ** math.floor(math.log2(max(words / rows, 1))))
    return Organisation(words=words, data_bits=data_bits, check_bits=check_bits, rows=rows, mux=mux)


def sram_organisation(*, words: int, data_bits: int, check_bits: int = 0, largest_rows: int = 128) -> Organisation:
    """A plain organisation for a small SRAM of any depth: short bitlines first, then a block that is near to square.

    Rows are the least power of two that holds the words, at most `largest_rows`; then 1 to 16 columns per amplifier,
    in powers of two, as long as that makes another row of subarrays unnecessary and leaves the array no wider than
    twice its height (a 6T cell is taken as twice as wide as high).
    """
    rows = min(2 ** math.ceil(math.log2(max(words, 2))), largest_rows)
    mux = 1
    while mux < 16 and words > rows * mux and 2 * (data_bits + check_bits) * mux * 2 <= 2 * words / mux:
        mux *= 2
    return Organisation(words=words, data_bits=data_bits, check_bits=check_bits, rows=rows, mux=mux)
