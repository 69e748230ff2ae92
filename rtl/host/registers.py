"""The host's registers, described once: gateware, documents, C header and drivers follow from this table."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from rtl.host.axi import REGISTER_BITS

IDENTIFICATION = 0x53505354
"""ASCII "SPST", first letter in the highest byte."""

VERSION = (1, 3)
"""Major and minor version of this map; a change that an old driver cannot live with raises the first."""

COUNTER_BITS = 48
COLUMN_BITS = 5
ADDRESS_BITS = 12
"""Width of the register port's address."""


class Access(enum.Enum):
    """What the host may do with a field."""

    READ_ONLY = "RO"
    READ_WRITE = "RW"
    WRITE_ONE_TO_CLEAR = "W1C"
    COMMAND = "W1"  # a one written does something once; reads as zero


@dataclass(frozen=True, kw_only=True)
class Field:
    """Some bits of a register. `name` is also the port of the gateware that gives or takes them."""

    name: str
    low: int
    bits: int
    access: Access
    description: str


@dataclass(frozen=True, kw_only=True)
class Register:
    """One 32-bit register.

    Attributes
    ----------
    offset : in bytes
    locked : writes are refused while a run is on
    counter : for half a wide counter, its name; reading the low half keeps the high one for the next read
    """

    name: str
    offset: int
    description: str
    fields: tuple[Field, ...]
    locked: bool = False
    counter: str = ""

    @property
    def writable(self) -> bool:
        """Whether any write is legal."""
        return any(field.access is not Access.READ_ONLY for field in self.fields)


class PacketError(enum.IntEnum):
    """Why a load packet was dropped."""

    NONE = 0
    TARGET = 1  # there is no such memory
    BANK = 2  # the memory has fewer banks
    ADDRESS = 3  # the words do not fit behind the start address
    EMPTY = 4  # the header announces no word
    EARLY = 5  # TLAST came before the last word
    LATE = 6  # TLAST did not come with the last word


def _whole(name: str, offset: int, access: Access, description: str, bits: int = 32, *, locked: bool = False):
    """A register with one field of the same name."""
    field = Field(name=name.lower(), low=0, bits=bits, access=access, description=description)
    return Register(name=name, offset=offset, description=description, fields=(field,), locked=locked)


def _fields(access: Access, *entries: tuple[str, int, int, str]) -> tuple[Field, ...]:
    """Fields of one kind of access: (name, lowest bit, bits, description) each."""
    return tuple(
        Field(name=name, low=low, bits=bits, access=access, description=text) for name, low, bits, text in entries
    )


def _counter(name: str, offset: int, description: str) -> tuple[Register, Register]:
    """The two halves of a counter."""
    low, high = f"{name}_LOW", f"{name}_HIGH"
    kept = f"Upper half of {name}, as it was when {low} was last read."
    return (
        Register(
            name=low, offset=offset, description=description, counter=name.lower(),
            fields=_fields(Access.READ_ONLY, (low.lower(), 0, REGISTER_BITS, description)),
        ),
        Register(
            name=high, offset=offset + 4, description=kept, counter=name.lower(),
            fields=_fields(Access.READ_ONLY, (high.lower(), 0, COUNTER_BITS - REGISTER_BITS, kept)),
        ),
    )  # fmt: skip


EVENTS = (
    ("done", "A run has ended, or a reset has ended it."),
    ("illegal_program", "The tile met an instruction that it cannot do."),
    ("illegal_access", "A register access was refused; see ILLEGAL_ACCESS."),
    ("uncorrectable", "A memory word had more errors than its code corrects; see UNCORRECTABLE."),
    ("packet_error", "A load packet was dropped; see PACKET_ERROR."),
    ("token_lost", "A token came while the token queue was full."),
    ("unrepairable", "A loaded weight word did not hold, in its place or in a spare; see LOAD_FAILED."),
)
"""Bits of both interrupt registers, from bit 0."""

ACTIVITIES = (
    ("KV_READS", "Words read from the KV banks."),
    ("KV_WRITES", "Words of the KV banks written, in whole or in part."),
    ("VECTOR_STEPS", "Words through the vector pipe."),
    ("VECTOR_READS", "Words read from the vector memory."),
    ("VECTOR_WRITES", "Words written to the vector memory, both copies counted."),
    ("ACTIVATION_READS", "Words read from the activation memory."),
    ("ACTIVATION_WRITES", "Words of the activation memory written, in whole or in part."),
    ("CONSTANT_READS", "Words read from the constant memory."),
    ("CONSTANT_WRITES", "Words of the constant memory written in part."),
    ("PROGRAM_READS", "Instructions read from both program memories."),
    ("PROMPT_READS", "Words read from the prompt memory."),
    ("LANE_CYCLES", "Cycles in which the lanes' clock runs."),
)
"""Counters of a run from which its energy follows."""

_RO, _RW, _W1C, _W1 = Access.READ_ONLY, Access.READ_WRITE, Access.WRITE_ONE_TO_CLEAR, Access.COMMAND

REGISTERS: tuple[Register, ...] = (
    _whole("IDENTIFICATION", 0x00, _RO, f"Always 0x{IDENTIFICATION:08x}, \"SPST\"."),
    Register(
        name="VERSION", offset=0x04, description="Version of this register map.",
        fields=_fields(_RO, ("minor", 0, 8, "Minor version."), ("major", 8, 8, "Major version.")),
    ),
    Register(
        name="SIZE", offset=0x08, description="What was built.",
        fields=_fields(_RO, ("context", 0, 16, "Positions of the longest run."), ("lanes", 16, 16, "Lanes.")),
    ),
    Register(
        name="CONTROL", offset=0x0C, description="Commands: write ones. Reads as zero.",
        fields=_fields(
            _W1,
            ("start", 0, 1, "Begin a run. Refused while one is on, while a packet is being loaded, in a reset, unless "
             "1 <= PROMPT_LENGTH <= TOTAL_LENGTH <= SIZE.context, FIRST_POSITION + DRAFTS < PROMPT_LENGTH and "
             "1 <= COLUMNS <= COLUMNS_BUILT, and unless the token queue has room for every token of the run. With one "
             "column built, FIRST_POSITION and DRAFTS have to be 0."),
            ("soft_reset", 1, 1, "End the run at once and reset the tile; drop the packet that is being loaded. "
             "Settings, events and tokens that wait stay."),
            ("clear", 2, 1, "Clear all bits of INTERRUPT_STATUS."),
        ),
    ),
    Register(
        name="STATUS", offset=0x10, description="What is going on.",
        fields=_fields(
            _RO,
            ("busy", 0, 1, "A run is on."),
            ("loading", 1, 1, "A packet has begun and not ended, or its last word is not written yet."),
            ("resetting", 2, 1, "The tile is held in reset."),
            ("waiting", 16, 16, "Tokens in the token queue."),
        ),
    ),
    Register(
        name="INTERRUPT_STATUS", offset=0x14,
        description="What has happened since the bit was cleared; write ones to clear.",
        fields=_fields(_W1C, *((name, bit, 1, text) for bit, (name, text) in enumerate(EVENTS))),
    ),
    Register(
        name="INTERRUPT_ENABLE", offset=0x18, description="Events that raise the interrupt.",
        fields=_fields(
            _RW, *((f"{name}_enable", bit, 1, f"Interrupt when {name} is set.") for bit, (name, _) in enumerate(EVENTS))
        ),
    ),
    Register(
        name="ILLEGAL_ACCESS", offset=0x1C, description="First refused access since illegal_access was cleared.",
        fields=_fields(
            _RO, ("illegal_address", 0, ADDRESS_BITS, "Its address."), ("illegal_write", 16, 1, "It was a write.")
        ),
    ),
    Register(
        name="UNCORRECTABLE", offset=0x20, description="First uncorrectable word since uncorrectable was cleared.",
        fields=_fields(
            _RO, ("uncorrectable_address", 0, 20, "Its address."), ("uncorrectable_bank", 20, 12, "Its bank.")
        ),
    ),
    Register(
        name="PACKET_ERROR", offset=0x24, description="First dropped packet since packet_error was cleared.",
        fields=_fields(
            _RO,
            ("packet_error_code", 0, 4, "Why: " + ", ".join(f"{e.value} {e.name.lower()}" for e in PacketError) + "."),
            ("packet_number", 16, 16, "How many packets began before it since reset, modulo 65536."),
        ),
    ),
    Register(
        name="LOAD_FAILED", offset=0x28, description="First word since reset that did not hold when it was loaded.",
        fields=_fields(_RO, ("load_failed_address", 0, 20, "Its address."), ("load_failed_bank", 20, 12, "Its bank.")),
    ),
    _whole("COLUMNS_BUILT", 0x2C, _RO, "Columns of the tile: positions of a step at most.", COLUMN_BITS),
    _whole("LOAD_RETRIES", 0x30, _RO, "Writes of weight words beyond the first in one place."),
    _whole("LOAD_REPAIRED", 0x34, _RO, "Weight words that lie in a spare."),
    _whole("LOAD_UNREPAIRABLE", 0x38, _RO, "Weight words that did not hold anywhere."),
    _whole("PROMPT_LENGTH", 0x40, _RW, "Positions whose token is given, at least 1.", 16, locked=True),
    _whole("TOTAL_LENGTH", 0x44, _RW, "Positions in all.", 16, locked=True),
    _whole("VOCABULARY", 0x48, _RW, "Rows of the output matrix that count.", 16, locked=True),
    _whole("EPSILON", 0x4C, _RW, "Added to the mean square, in the tile's fixed point.", locked=True),
    _whole("FIRST_POSITION", 0x50, _RW, "Position at which the run begins: keys and values of those before it are "
           "there from earlier runs, and given tokens from it on in the prompt memory.", 16, locked=True),
    _whole("DRAFTS", 0x54, _RW, "Drafts among the given tokens, the last so many: a token comes also from the "
           "position before each of them.", 16, locked=True),
    _whole("COLUMNS", 0x58, _RW, "Given tokens that a step takes at most, no more than the program is for; "
           "COLUMNS_BUILT from power-up.", COLUMN_BITS, locked=True),
    *_counter("CYCLES", 0x80, "Cycles of the run."),
    *_counter("WEIGHT_WORDS", 0x88, "Words that the weight banks have delivered."),
    *_counter("LANE_WORDS", 0x90, "Words that lanes have multiplied."),
    *_counter("CORRECTED_WORDS", 0x98, "Words repaired by the code."),
    *_counter("UNCORRECTABLE_WORDS", 0xA0, "Words beyond repair."),
    *_counter("TOKENS", 0xA8, "Tokens of the run."),
    *(register for n, (name, text) in enumerate(ACTIVITIES) for register in _counter(name, 0xB0 + 8 * n, text)),
)  # fmt: skip
"""All registers in order. Other addresses answer SLVERR."""


def all_fields(registers: Sequence[Register] = REGISTERS) -> list[Field]:
    """Fields of all registers in order."""
    return [field for register in registers for field in register.fields]


def register(name: str) -> Register:
    """The register of a name."""
    return next(found for found in REGISTERS if found.name == name)
