"""How the words of a bank lie in rows, columns and subarrays: the designer's choice, not a fact."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from devicemodels.errors import UserError
from devicemodels.macro.memory_macro import MemoryMacro


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """`words` of `data_bits` + `check_bits`, on bitlines of `rows` cells, `mux` columns to each sense amplifier.

    A subarray holds rows x mux words and has its own sense amplifiers; there are as many as the words need, the last
    one possibly part empty. One subarray works at a time.

    Raises
    ------
    UserError
        If a count is below one (check bits: below zero).
    """

    words: int
    data_bits: int
    check_bits: int = 0
    rows: int = 256
    mux: int = 8

    def __post_init__(self) -> None:
        for name in ("words", "data_bits", "rows", "mux"):
            if getattr(self, name) < 1:
                raise UserError(f"organisation: {name} is {getattr(self, name)}, but must be at least 1")
        if self.check_bits < 0:
            raise UserError(f"organisation: check_bits is {self.check_bits}, but must be at least 0")

    @property
    def word_bits(self) -> int:
        """Data and check bits of a word."""
        return self.data_bits + self.check_bits

    @property
    def subarrays(self) -> int:
        """Subarrays stacked along the bitline direction."""
        return math.ceil(self.words / (self.rows * self.mux))

    @property
    def columns(self) -> int:
        """Bitlines of one subarray."""
        return self.word_bits * self.mux

    @property
    def cells(self) -> int:
        """Cells of all subarrays, unused ones included."""
        return self.subarrays * self.rows * self.columns


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


def candidates(*, words: int, data_bits: int, check_bits: int = 0) -> list[Organisation]:
    """Organisations with 16 to 512 rows (a power of two) and 1 to 16 columns per amplifier that fill their cells.

    At most an eighth of the cells may be unused; if no candidate does that, all are returned.
    """
    sizes = {"words": words, "data_bits": data_bits, "check_bits": check_bits}
    every = [Organisation(**sizes, rows=2**r, mux=m) for r in range(4, 10) for m in range(1, 17)]
    fitting = [o for o in every if o.rows * o.mux * o.subarrays <= words * 9 / 8]
    return fitting or every


def best_organisation(
    build: Callable[[Organisation], MemoryMacro], *, words: int, data_bits: int, check_bits: int = 0
) -> Organisation:
    """The candidate with the highest bandwidth density under `build`; those that it refuses are passed over.

    Raises
    ------
    UserError
        The last refusal, if `build` refuses every candidate.
    """
    found: list[tuple[float, Organisation]] = []
    refusal = UserError("no organisation was tried")
    for organisation in candidates(words=words, data_bits=data_bits, check_bits=check_bits):
        try:
            found.append((build(organisation).bandwidth_density, organisation))
        except UserError as error:
            refusal = error
    if not found:
        raise refusal
    return max(found, key=lambda pair: pair[0])[1]
