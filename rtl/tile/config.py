"""What a designer chooses of a tile, and the latencies that follow."""

import dataclasses

from devicemodels.errors import UserError
from rtl.arithmetic.dot import DotProduct
from rtl.arithmetic.exponential import Exponential
from rtl.arithmetic.requantise import Requantiser
from rtl.arithmetic.root import Root
from rtl.arithmetic.scale import Normaliser
from rtl.formats import CONSTANT_BITS, DEFAULT, GROUP, NumberFormat
from rtl.memory.secded import SecdedDecoder

ADDRESSABLE_WORDS = {
    "bank_words": 1 << 16,
    "kv_words": 1 << 16,
    "vector_words": 1 << 10,
    "constant_words": 1 << 13,
    "activation_words": 1 << 8,
}
"""Largest memories that the address fields of an instruction reach."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BankTiming:
    """A bank's read in whole clock cycles: address to data, and from one read to the next."""

    latency_cycles: int
    cadence_cycles: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class TileConfig:
    """Sizes of one tile.

    `lanes` is also the width of the vector unit: element i of any vector belongs to lane i mod `lanes`.
    Memories are given in words: a weight word is that of `format`, a KV word holds 32 codes, a vector, constant
    word `lanes` elements, an activation word 32 activations.
    """

    lanes: int
    bank_words: int
    bank: BankTiming
    kv_words: int
    vector_words: int
    constant_words: int
    activation_words: int
    program_words: int
    context: int
    format: NumberFormat = DEFAULT

    def __post_init__(self):
        if self.lanes not in (4, 8, 16, 32):
            raise UserError(f"a tile has 4, 8, 16 or 32 lanes, not {self.lanes}")
        if self.format.groups_per_word != 1:
            raise UserError(f"format.groups_per_word is {self.format.groups_per_word}, and this tile has lanes for 1")
        for name, words in ADDRESSABLE_WORDS.items():
            if getattr(self, name) > words:
                raise UserError(f"{name} is {getattr(self, name)}, and an instruction addresses at most {words}")
        if self.context % GROUP:
            raise UserError(
                f"context {self.context} is not a multiple of {GROUP}; take {-(-self.context // GROUP) * GROUP}"
            )

    @property
    def beats(self) -> int:
        """Vector words in an activation word."""
        return GROUP // self.lanes

    @property
    def stream_latency(self) -> int:
        """Cycles from the issue of a weight or KV read to its word at the multipliers."""
        return self.bank.latency_cycles + SecdedDecoder.LATENCY

    @property
    def stream_entry(self) -> int:
        """Cycles from the issue of a row's last read to its sum at the head of the vector pipe."""
        return self.stream_latency + DotProduct.LATENCY

    @property
    def constant_word_bits(self) -> int:
        """Bits of a word of row scales and other constants."""
        return self.lanes * CONSTANT_BITS


VECTOR_ENTRY = 2
"""Cycles from the issue of a vector step to its operand at the head of the vector pipe: a read and a register."""

READ_LATENCY = 2
"""Cycles from an SRAM's address to its word in the register behind it."""

REQUANTISE_STAGE = Exponential.LATENCY
"""Cycles from the head of the pipe to the requantiser."""

ALU_STAGE = REQUANTISE_STAGE + Requantiser.LATENCY
"""Cycles from the head of the pipe to the second operand's arrival."""

WRITE_STAGE = ALU_STAGE + 2
"""Cycles from the head of the pipe to the result at the write ports."""

REDUCE_STAGE = WRITE_STAGE + 3
"""Cycles from the head of the pipe to a finished reduction: magnitudes, the word's extreme, the running one."""

EXTREME_STAGE = REDUCE_STAGE + 1
"""Cycles from the head of the pipe until a maximum can be used, at the head of the pipe."""

REGISTER_STAGE = REDUCE_STAGE + 1 + Normaliser.LATENCY
"""Cycles from the head of the pipe until a reduced scalar can be used."""

SUM_STAGE = REGISTER_STAGE + 1
"""Cycles from the head of the pipe until the register of a sum can be used."""

ROOT_STAGE = REDUCE_STAGE + 2 + Root.LATENCY + Normaliser.LATENCY + 1
"""Cycles from the head of the pipe until the register of a root of squares can be used."""

SCALE_STAGE = REQUANTISE_STAGE + 1
"""Cycles from the head of the pipe to the reading of a scalar register."""
