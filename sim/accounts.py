"""What a program does in one token: how often every memory and unit is used."""

from collections import Counter

from rtl.formats import GROUP
from rtl.tile.config import TileConfig
from rtl.tile.program import Alu, Constant, Destination, Instruction, Source


def events(instructions: tuple[Instruction, ...], config: TileConfig, position: int, *, emits: bool) -> Counter[str]:
    """Accesses of one token at a position, each of one word of one memory.

    Keys: `weight reads` and `KV reads` (all lanes together), `lane words` (words multiplied), `KV writes`,
    `vector reads`, `vector writes`, `activation reads`, `activation writes`, `constant reads`, `constant writes`,
    `program reads`, `prompt reads` and `vector steps`. An embedding counts as a read of every bank, of which one
    lane's word is used.
    """
    pages, counts = position // GROUP + 1, Counter()
    for instruction in instructions:
        counts["program reads"] += 1
        counts["prompt reads"] += 1  # the prompt memory is read with the program's
        if instruction.source == Source.END_OF_PROMPT and not emits:
            break
        if instruction.source < Source.END_OF_PROMPT:
            _count(counts, instruction, config, pages)
    return counts


def _count(counts, instruction, config, pages):
    steps, lanes = instruction.steps(pages), config.lanes
    rows = instruction.blocks * (pages if instruction.blocks_by_page else 1)
    counts["vector steps"] += rows
    if instruction.source in (Source.WEIGHTS, Source.KV):
        kind = "weight" if instruction.source == Source.WEIGHTS else "KV"
        counts[f"{kind} reads"] += steps * lanes
        counts["lane words"] += steps * lanes
        counts["activation reads"] += steps
    elif instruction.source == Source.EMBEDDING:
        counts["weight reads"] += steps // config.beats * lanes
    elif instruction.source == Source.VECTOR:
        counts["vector reads"] += rows
    counts["vector reads"] += rows * (instruction.alu != Alu.PASS)
    counts["constant reads"] += rows * (instruction.constant_mode != Constant.ONE)
    counts["constant writes"] += instruction.source == Source.KEEP
    written = {
        Destination.VECTOR: ("vector writes", 2),
        Destination.ACTIVATION: ("activation writes", 1),
        Destination.KEY: ("KV writes", 1),
        Destination.VALUE: ("KV writes", lanes),
    }
    if instruction.destination in written:
        name, copies = written[instruction.destination]
        counts[name] += rows * copies
