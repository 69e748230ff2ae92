"""What a designer chooses of a tile, and the latencies that follow."""

import dataclasses

from amaranth.utils import exact_log2

from devicemodels.errors import UserError
from rtl.arithmetic.dot import DotProduct
from rtl.arithmetic.exponential import Exponential
from rtl.arithmetic.requantise import Requantiser
from rtl.arithmetic.root import Root
from rtl.arithmetic.scale import Normaliser
from rtl.formats import CONSTANT_BITS, DEFAULT, GROUP, NumberFormat
from rtl.memory.code import WordCode, word_code

LANES = (4, 8, 16, 32)
COLUMNS = (1, 2, 4, 8, 16)

ADDRESSABLE_WORDS = {
    "lane_words": 1 << 17,
    "kv_words": 1 << 16,
    "vector_words": 1 << 10,
    "constant_words": 1 << 14,
    "activation_groups": 1 << 10,
}
"""Largest memories that the address fields of an instruction reach; constants of a batch, so many a sequence."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BankTiming:
    """A bank's accesses in whole clock cycles: address to data, from one read to the next, and a write."""

    latency_cycles: int
    cadence_cycles: int
    write_cycles: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class TileConfig:
    """Sizes of a tile, or of several tiles that share the work.

    With `tiles` there are as many lanes and as wide a vector unit as said *in all*: tile t has the elements
    t * `tile_vector_lanes` and following of every vector word, and the lanes whose rows they are. The tiles play one
    program in step; what one has and all need goes through links that take `link_cycles`, between chips
    `chip_link_cycles` more.

    Row r of a matrix belongs to lane r mod `lanes`; element i of a vector to slot i mod `vector_lanes` of word
    i // `vector_lanes`. A lane has `banks_per_lane` weight banks, which take its words in turn: word w lies in
    bank w mod `banks_per_lane`, so that banks that need several cycles for a read still give a lane a word a cycle.
    Memories are given in words: a weight word is that of `format`, a KV word holds 32 codes, a vector or constant word
    `vector_lanes` elements; the activation memory in groups of 32, as many of which as a weight word has lie in one of
    its words. There are `columns` activation vectors for a word of the banks: the lanes multiply a word with all of
    them, and the vector and activation memories and the registers are there once for each, of these sizes. They belong
    to positions behind each other of one sequence, or with `batch` to as many sequences at the same position, each with
    keys and values of its own: then the KV memory is there once for each, too, and the prompt memory.
    `code` is the name of the code that weight words carry (`rtl.memory.code`).
    With `spare_words` beyond its `bank_words` in each bank, weights are written through the tile's load port, verified,
    and moved to a spare where they do not hold; without any they come with the memories.
    """

    lanes: int
    bank_words: int
    bank: BankTiming
    kv_words: int
    vector_words: int
    constant_words: int
    activation_groups: int
    program_words: int
    context: int
    vector_lanes: int
    banks_per_lane: int = 1
    format: NumberFormat = DEFAULT
    columns: int = 1
    batch: bool = False
    tiles: int = 1
    chips: int = 1
    link_cycles: int = 1
    chip_link_cycles: int = 1
    code: str = "secded"
    spare_words: int = 0

    def __post_init__(self):
        word_code(self.code)
        if self.lanes not in LANES:
            raise UserError(f"a tile has {', '.join(map(str, LANES[:-1]))} or {LANES[-1]} lanes, not {self.lanes}")
        if self.vector_lanes not in LANES or self.vector_lanes > self.lanes:
            raise UserError(
                f"the vector unit is {self.vector_lanes} elements wide, and on {self.lanes} lanes it must be a "
                f"power of two from {LANES[0]} to {self.lanes}"
            )
        self._check_tiles()
        if self.banks_per_lane not in (1, 2, 4, 8):
            raise UserError(f"a lane has 1, 2, 4 or 8 banks, not {self.banks_per_lane}")
        if self.columns not in COLUMNS:
            raise UserError(
                f"a tile has {', '.join(map(str, COLUMNS[:-1]))} or {COLUMNS[-1]} columns, not {self.columns}"
            )
        if self.batch and self.columns == 1:
            raise UserError(
                "batch is true and columns is 1, but each sequence of a batch has a column: set columns to "
                f"{', '.join(map(str, COLUMNS[1:-1]))} or {COLUMNS[-1]}, or batch to false"
            )
        if self.activation_groups % self.groups_per_word:
            raise UserError(
                f"activation_groups is {self.activation_groups}, and an activation word holds {self.groups_per_word}: "
                f"take a multiple of it"
            )
        for name, words in (ADDRESSABLE_WORDS | {"constant_words": self.most_constants}).items():
            if getattr(self, name) > words:
                raise UserError(f"{name} is {getattr(self, name)}, and an instruction addresses at most {words}")
        if self.context % GROUP:
            raise UserError(
                f"context {self.context} is not a multiple of {GROUP}; take {-(-self.context // GROUP) * GROUP}"
            )

    def _check_tiles(self):
        if self.tiles < 1 or self.vector_lanes % self.tiles or (self.tiles > 1 and self.tile_vector_lanes < 2):
            raise UserError(
                f"{self.tiles} tiles share a vector unit of {self.vector_lanes} elements, and each needs as many of "
                f"them as the others, and two at least: take {self.vector_lanes // 2} tiles or a power of two below"
            )
        if self.tiles % self.chips:
            raise UserError(f"{self.tiles} tiles do not spread over {self.chips} chips: each has as many as the others")
        for name, cycles, parts in (
            ("link_cycles", self.link_cycles, self.tiles // self.chips),
            ("chip_link_cycles", self.chip_link_cycles, self.chips),
        ):
            if cycles < exact_log2(parts):
                raise UserError(
                    f"{name} is {cycles}, and a reduction over {parts} parts takes {exact_log2(parts)} cycles, one for "
                    f"each level of its tree: set {name} to {exact_log2(parts)} or more"
                )

    @property
    def tile_lanes(self) -> int:
        """Lanes of each tile."""
        return self.lanes // self.tiles

    @property
    def tile_vector_lanes(self) -> int:
        """Elements of each tile's vector unit."""
        return self.vector_lanes // self.tiles

    @property
    def collective_cycles(self) -> int:
        """Cycles from what the tiles send to what all receive; 0 in a tile alone."""
        if self.tiles == 1:
            return 0
        return self.link_cycles + (self.chip_link_cycles if self.chips > 1 else 0)

    def lanes_of(self, tile: int) -> list[int]:
        """Which lanes, counted over all tiles, a tile has, in the order of its own."""
        own, every = self.tile_vector_lanes, self.vector_lanes
        return [i // own * every + tile * own + i % own for i in range(self.tile_lanes)]

    @property
    def lane_words(self) -> int:
        """Words that the banks of one lane hold together."""
        return self.bank_words * self.banks_per_lane

    @property
    def banks(self) -> int:
        """Weight banks of all tiles."""
        return self.lanes * self.banks_per_lane

    @property
    def tile_banks(self) -> int:
        """Weight banks of each tile."""
        return self.tile_lanes * self.banks_per_lane

    @property
    def period(self) -> int:
        """Cycles between two words of a lane when it streams: its banks deliver in turn."""
        return -(-self.bank.cadence_cycles // self.banks_per_lane)

    @property
    def word_code(self) -> WordCode:
        """The code of weight words."""
        return word_code(self.code)

    @property
    def code_bits(self) -> int:
        """Bits of a weight word in its bank, check bits included."""
        return self.word_code.code_bits(self.format.word_bits)

    @property
    def groups_per_word(self) -> int:
        """Groups of weights in a word of the banks, and of activations in a word of the activation memory."""
        return self.format.groups_per_word

    @property
    def beats(self) -> int:
        """Vector words in a group of activations."""
        return GROUP // self.vector_lanes

    @property
    def word_beats(self) -> int:
        """Vector words in a weight word's codes."""
        return self.beats * self.groups_per_word

    @property
    def drain(self) -> int:
        """Vector words in a block of rows, one row a lane: cycles in which a column's sums enter the vector pipe."""
        return self.lanes // self.vector_lanes

    @property
    def sequences(self) -> int:
        """Sequences that a step works on at most: the columns of a batch, or one."""
        return self.columns if self.batch else 1

    @property
    def positions(self) -> int:
        """Positions of a sequence that a step works on at most: one for each column, or one of a batch."""
        return self.columns // self.sequences

    @property
    def prompt_words(self) -> int:
        """Words of the prompt memory: a context for each sequence."""
        return self.context * self.sequences

    @property
    def most_constants(self) -> int:
        """Words of the largest constant memory that instructions reach."""
        return ADDRESSABLE_WORDS["constant_words"] * self.sequences

    @property
    def column_bits(self) -> int:
        """Bits of a column's number."""
        return exact_log2(self.columns)

    @property
    def stream_latency(self) -> int:
        """Cycles from the issue of a weight or KV read to its word at the multipliers."""
        return self.bank.latency_cycles + self.word_code.Decoder.LATENCY

    @property
    def lane_latency(self) -> int:
        """Cycles from a word at a lane to its row's sum, in which the lane's clock runs."""
        return self.word_code.Decoder.LATENCY + DotProduct.LATENCY

    @property
    def stream_entry(self) -> int:
        """Cycles from the issue of a row's last read to its first sums at the head of the vector pipe."""
        return self.stream_latency + DotProduct.LATENCY + HOLD_LATENCY

    @property
    def report_cycles(self) -> int:
        """Cycles after which the vector queue counts a streaming instruction as done: its sums are written then."""
        return self.stream_entry + WRITE_STAGE

    @property
    def constant_word_bits(self) -> int:
        """Bits of a tile's part of a word of row scales and other constants."""
        return self.tile_vector_lanes * CONSTANT_BITS


HOLD_LATENCY = 1
"""Cycles for which sums stand in the lanes before the first of them enter the vector pipe."""

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

ROOT_STAGE = REDUCE_STAGE + 2 + Root.LATENCY
"""Cycles from the head of the pipe until the root of a sum of squares can pass `REDUCE_STAGE`."""

SCALE_STAGE = REQUANTISE_STAGE + 1
"""Cycles from the head of the pipe to the reading of a scalar register."""
