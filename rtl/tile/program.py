"""The program format: one instruction is a loop of steps, and nothing in it depends on a number that is computed.

A program is two queues of instructions that run side by side: one streams the banks through the lanes, the other works
on vectors. An instruction issues its first step `wait` cycles after the last turn of the one before it in its queue,
and `lag` cycles after the last turn of the other queue's first `after` instructions, whichever is later (the vector
queue counts one that streams when its sums are written, `TileConfig.report_cycles` after its last turn); then a step
every `period` cycles, ``blocks * groups`` in all. Two counts may be multiplied by the number of 32-token pages in use,
which is how one program serves every context length. Latencies are the compiler's business: apart from `after` there
are no interlocks. (The `lag` is counted from the cycle in which the instruction before it is loaded, at the earliest.)

On a tile with columns the vector queue goes through all steps of an instruction once for each column in use, and so
does an embedding; words of the banks are read once for all columns. Where the columns are sequences of a batch, keys
and values are each column's own, and words of the KV banks are gone through once for each column, too.
"""

import dataclasses
import enum

from amaranth.hdl import signed
from amaranth.lib import data

from devicemodels.errors import UserError


class Source(enum.IntEnum):
    """Where a step takes its operand a."""

    WEIGHTS = 0  # rows of a matrix in the weight banks times an activation vector
    KV = 1  # rows in the KV memory times an activation vector
    EMBEDDING = 2  # the weight row of the current token, as a vector
    VECTOR = 3  # a word of the vector memory
    ONE = 4  # the number one, to read constants
    SCALE = 5  # no operand: multiply two scalar registers
    KEEP = 6  # no operand: store a scalar register as a K or V scale, and read it back
    SUM = 7  # no operand: the running sum of exponentials as a scale
    ROOT = 8  # no operand: the root of the last sum of squares as a scale
    END_OF_PROMPT = 9  # end the token here unless one is to be emitted
    END = 10  # end of the token; its arg max becomes the next one


STREAMS = (Source.WEIGHTS, Source.KV, Source.EMBEDDING)
"""Sources of the queue that streams; all others are the vector queue's."""

SCALARS = (Source.SCALE, Source.KEEP, Source.SUM, Source.ROOT)
"""Sources whose result is a scalar register."""


class Constant(enum.IntEnum):
    """The factor of the requantiser's first product."""

    ONE = 0
    WORD = 1  # element by element
    BROADCAST = 2  # the element that belongs to the current token: a vector step fetches it, a stream step uses it
    OWN = 3  # element by element, of a sequence's own words, as `KEEP` writes them: of column c at w * columns + c


class Alu(enum.IntEnum):
    """What happens to the requantised value y, with b from the vector memory."""

    PASS = 0  # y
    ADD = 1  # y + b
    ROTATE = 2  # pairs of y turned by the angle whose cosine and sine stand in b
    SILU = 3  # y * silu(b)


class Mask(enum.IntEnum):
    """Elements that do not count."""

    NONE = 0
    POSITION = 1  # index > current position
    VOCABULARY = 2  # index >= vocabulary


class Destination(enum.IntEnum):
    """Where results go."""

    NONE = 0
    VECTOR = 1  # vector memory, 32 bits
    ACTIVATION = 2  # activation memory, clipped to 12 bits
    KEY = 3  # KV memory, 8 bits: a row for the current position
    VALUE = 4  # KV memory, 8 bits: a column for the current position


class Reduce(enum.IntEnum):
    """What is kept of all results of the instruction."""

    NONE = 0
    ABSOLUTE = 1  # largest magnitude, as a scale
    MAXIMUM = 2  # largest value, in an extreme register
    ARGMAX = 3  # index of the largest value, the lowest of equals


class Second(enum.IntEnum):
    """A second reduction, beside the first, of the vector queue alone; `Source.SUM` and `Source.ROOT` fetch it."""

    NONE = 0
    SUM = 1  # of the exponentials
    SQUARES = 2  # root of (sum of (a >> exponent of `other`)**2 + epsilon)


FIELDS = {
    "source": 4,
    "after": 12,
    "lag": 9,
    "wait": 9,
    "blocks": 14,
    "groups": 8,
    "period": 4,
    "blocks_by_page": 1,
    "groups_by_page": 1,
    "memory": 17,
    "memory_stride": 9,
    "position_shift": 3,
    "activations": 10,
    "pairs": 1,
    "term": 1,
    "a": 10,
    "b": 10,
    "constant": 14,
    "constant_mode": 2,
    "constant_by_position": 1,
    "first_shift": 6,
    "scale": 6,
    "invert": 1,
    "scale_shift": signed(8),
    "other": 6,
    "invert_other": 1,
    "exponential": 1,
    "extreme": 4,
    "mask": 2,
    "continues": 1,
    "alu": 2,
    "destination": 3,
    "d": 10,
    "reduce": 2,
    "register": 6,
    "second": 2,
}
INSTRUCTION = data.StructLayout(FIELDS)
INSTRUCTION_BITS = INSTRUCTION.size

SETUP_CYCLES = 1
"""Least wait of an instruction whose addresses follow from the position or the token: they are computed in it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction; see `FIELDS` for widths. `phase` names the part of the model, for accounts only.

    With `pairs` two neighbouring groups of a weight word are the two terms of the same 32 weights; an embedding then
    reads one `term` of them.
    """

    source: Source
    phase: str = ""
    after: int = 0
    lag: int = 0
    wait: int = 0
    blocks: int = 1
    groups: int = 1
    period: int = 1
    blocks_by_page: bool = False
    groups_by_page: bool = False
    memory: int = 0
    memory_stride: int = 0
    position_shift: int = 0
    activations: int = 0
    pairs: bool = False
    term: int = 0
    a: int = 0
    b: int = 0
    constant: int = 0
    constant_mode: Constant = Constant.ONE
    constant_by_position: bool = False
    first_shift: int = 0
    scale: int = 0
    invert: bool = False
    scale_shift: int = 0
    other: int = 0
    invert_other: bool = False
    exponential: bool = False
    extreme: int = 0
    mask: Mask = Mask.NONE
    continues: bool = False
    alu: Alu = Alu.PASS
    destination: Destination = Destination.NONE
    d: int = 0
    reduce: Reduce = Reduce.NONE
    register: int = 0
    second: Second = Second.NONE

    def __post_init__(self):
        for name, shape in FIELDS.items():
            value, bits = int(getattr(self, name)), getattr(shape, "width", shape)
            low = -(1 << (bits - 1)) if shape is not bits else 0
            if not low <= value < low + (1 << bits):
                raise UserError(
                    f"the program needs {name} = {value}, and an instruction has {bits} bits for it: "
                    "take a smaller model, a shorter context or more lanes"
                )

    @property
    def streams(self) -> bool:
        """It belongs to the queue that streams."""
        return self.source in STREAMS

    @property
    def by_position(self) -> bool:
        """Its addresses follow from the position or the token, so that it waits `SETUP_CYCLES` at least."""
        return self.source == Source.EMBEDDING or self.destination == Destination.KEY or self.constant_by_position

    def encode(self) -> int:
        """The instruction's word."""
        return INSTRUCTION.const({name: int(getattr(self, name)) for name in FIELDS}).as_value().value & (
            (1 << INSTRUCTION_BITS) - 1
        )

    def steps(self, pages: int) -> int:
        """Steps it issues with `pages` pages of 32 positions in use."""
        return self.blocks * (pages if self.blocks_by_page else 1) * self.groups * (pages if self.groups_by_page else 1)

    def plays(self, columns: int, *, batch: bool = False) -> int:
        """How often its steps are gone through with so many columns in use: a word of the banks serves all.

        But for keys and values of a `batch`, which each column has for itself.
        """
        return 1 if self.serves_all(batch=batch) else columns

    def serves_all(self, *, batch: bool) -> bool:
        """Its words are multiplied with the activations of all columns."""
        return self.source == Source.WEIGHTS or (self.source == Source.KV and not batch)

    def span(self, pages: int) -> int:
        """Cycles from its first step to the end of its last one's turn, when nothing holds it up."""
        return self.steps(pages) * self.period
