"""Load packets: one header beat, then words cut into 64-bit beats, lowest first, the last one padded.

The header holds, from bit 0: the memory (8 bits, see `Target`), its bank (16), the address of the first word (20) and
how many words follow (20). TLAST comes with the last beat of the last word.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.lib import data

from rtl.formats import CONSTANT_BITS
from rtl.host.axi import STREAM_BITS
from rtl.host.registers import PacketError
from rtl.tile.config import TileConfig
from rtl.tile.program import INSTRUCTION_BITS
from rtl.tile.sequencer import TOKEN_BITS

BANK_BITS, POSITION_BITS = 16, 20
HEADER = data.StructLayout({"target": 8, "bank": BANK_BITS, "address": POSITION_BITS, "count": POSITION_BITS})


class Target(enum.IntEnum):
    """The memory that a packet is for."""

    WEIGHTS = 1
    CONSTANTS = 2
    PROGRAM = 3
    PROMPT = 4


@dataclass(frozen=True, kw_only=True)
class LoadTarget:
    """A memory that the host can load: `banks` of `words` of `bits` data bits each, without check bits."""

    target: Target
    banks: int
    words: int
    bits: int

    @property
    def beats(self) -> int:
        """Beats of one word."""
        return -(-self.bits // STREAM_BITS)


def tile_targets(config: TileConfig) -> tuple[LoadTarget, ...]:
    """The memories that can be loaded: without spare words, all but the weight banks.

    Those of several tiles are described as if one wide tile had them, so that a model's packets do not depend on how
    many there are: banks are those of all lanes, and a word of constants has a part for each tile.
    """
    banks = LoadTarget(target=Target.WEIGHTS, banks=config.banks, words=config.bank_words, bits=config.format.word_bits)
    constants = config.vector_lanes * CONSTANT_BITS
    return (
        *((banks,) if config.spare_words else ()),
        LoadTarget(target=Target.CONSTANTS, banks=1, words=config.constant_words, bits=constants),
        LoadTarget(target=Target.PROGRAM, banks=2, words=config.program_words, bits=INSTRUCTION_BITS),
        LoadTarget(target=Target.PROMPT, banks=1, words=config.prompt_words, bits=TOKEN_BITS),
    )


def header(*, target: int, bank: int, address: int, count: int) -> int:
    """The header beat."""
    fields = {"target": int(target), "bank": bank, "address": address, "count": count}
    return HEADER.const(fields).as_value().value


def packet(target: LoadTarget, words: Sequence[int], *, bank: int = 0, address: int = 0) -> list[int]:
    """Beats of the packet that writes `words` from `address` on; a bit beyond the memory's width is an error."""
    beats = [header(target=target.target, bank=bank, address=address, count=len(words))]
    for word in words:
        if not 0 <= word < 1 << target.bits:
            raise ValueError(f"a word of {target.target.name} has {target.bits} bits, but {word:#x} has more")
        beats += [word >> STREAM_BITS * beat & (1 << STREAM_BITS) - 1 for beat in range(target.beats)]
    return beats


@dataclass(frozen=True, kw_only=True)
class Write:
    """One word for one memory."""

    target: Target
    bank: int
    address: int
    word: int


def unpack(beats: Sequence[int], targets: Sequence[LoadTarget]) -> tuple[list[Write], PacketError]:
    """What the beats of one packet, up to its TLAST, write; and what is wrong with it."""
    head = HEADER.from_bits(beats[0])
    memory = next((one for one in targets if one.target == head.target), None)
    if memory is None:
        return [], PacketError.TARGET
    if head.bank >= memory.banks:
        return [], PacketError.BANK
    if head.count == 0:
        return [], PacketError.EMPTY
    if head.address + head.count > memory.words:
        return [], PacketError.ADDRESS
    whole = min(head.count, (len(beats) - 1) // memory.beats)
    writes = [
        Write(
            target=memory.target, bank=head.bank, address=head.address + n,
            word=_word(beats, 1 + n * memory.beats, memory),
        )
        for n in range(whole)
    ]  # fmt: skip
    surplus = len(beats) - 1 - head.count * memory.beats
    return writes, PacketError.EARLY if surplus < 0 else PacketError.LATE if surplus > 0 else PacketError.NONE


def _word(beats: Sequence[int], first: int, memory: LoadTarget) -> int:
    word = sum(beat << STREAM_BITS * n for n, beat in enumerate(beats[first : first + memory.beats]))
    return word & (1 << memory.bits) - 1


def stream_bytes(beats: Sequence[int]) -> bytes:
    """Beats as the bytes of the stream, lowest first."""
    return b"".join(beat.to_bytes(STREAM_BITS // 8, "little") for beat in beats)
