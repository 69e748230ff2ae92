"""What a program does in one token: how often every memory and unit is used."""

from collections import Counter

from rtl.formats import GROUP
from rtl.tile.config import TileConfig
from rtl.tile.program import Alu, Constant, Destination, Instruction, Source
from sim.compiler import Program
from sim.timing import Queues


def played(queues: Queues, *, emits: bool) -> list[Instruction]:
    """The instructions of both queues that are played for a token: all, or those before the end of the prompt."""
    stream, vector = queues
    if emits:
        return [*stream[:-1], *vector]
    end = next(i for i, instruction in enumerate(vector) if instruction.source == Source.END_OF_PROMPT)
    return [*stream[: vector[end].after], *vector[: end + 1]]


def events(queues: Queues, config: TileConfig, position: int, *, emits: bool) -> Counter[str]:
    """Accesses of one token at a position, each of one word of one memory.

    Keys: `weight reads` and `KV reads` (all lanes together), `lane words` (words multiplied), `KV writes`,
    `vector reads`, `vector writes`, `activation reads`, `activation writes`, `constant reads`, `constant writes`,
    `program reads`, `prompt reads` and `vector steps`. An embedding counts as a read of a bank of every lane, of which
    one lane's word is used.
    """
    pages, counts = position // GROUP + 1, Counter()
    for instruction in played(queues, emits=emits):
        counts["program reads"] += 1
        counts["prompt reads"] += not instruction.streams  # the prompt memory is read with the vector queue's program
        if instruction.source < Source.END_OF_PROMPT:
            _count(counts, instruction, config, pages)
    return counts


def _count(counts, instruction, config, pages):
    steps, lanes = instruction.steps(pages), config.lanes
    embeds = instruction.source == Source.EMBEDDING
    beats = config.drain if instruction.streams and not embeds else 1
    words = instruction.blocks * (pages if instruction.blocks_by_page else 1) * beats
    counts["vector steps"] += words
    if instruction.source in (Source.WEIGHTS, Source.KV):
        kind = "weight" if instruction.source == Source.WEIGHTS else "KV"
        counts[f"{kind} reads"] += steps * lanes
        counts["lane words"] += steps * lanes
        counts["activation reads"] += steps
    elif embeds:
        counts["weight reads"] += -(-steps // (config.word_beats >> instruction.pairs)) * lanes
    elif instruction.source == Source.VECTOR:
        counts["vector reads"] += words
    counts["vector reads"] += words * (instruction.alu != Alu.PASS)
    counts["constant reads"] += words * (instruction.constant_mode != Constant.ONE)
    counts["constant writes"] += instruction.source == Source.KEEP
    written = {
        Destination.VECTOR: ("vector writes", 2),
        Destination.ACTIVATION: ("activation writes", 1),
        Destination.KEY: ("KV writes", 1),
        Destination.VALUE: ("KV writes", config.vector_lanes),
    }
    if instruction.destination in written:
        name, copies = written[instruction.destination]
        counts[name] += words * copies


def filled_part(program: Program, config: TileConfig) -> float:
    """The part of the groups streamed in a decode step that hold weights: a row may not fill its last word.

    Of a matrix in two terms both count; rows that fill up the last block are counted as the banks deliver them.
    """
    place = program.placement
    matrices = [place.head, *(at for layer in place.layers for at in layer.matrices.values())]
    words = sum(at.blocks * at.words for at in matrices)
    return sum(at.blocks * at.filled for at in matrices) / (words * config.groups_per_word)


def multiplications(program: Program, config: TileConfig, first: int, total: int) -> int:
    """Multiply-accumulates of a run of `total` positions, of which those from `first` on emit a token.

    A word of the weight banks has `codes_per_word` codes, a KV word 32.
    """
    counts = sum((events(program.queues, config, at, emits=at >= first) for at in range(total)), Counter())
    return int((counts["lane words"] - counts["KV reads"]) * config.format.codes_per_word + counts["KV reads"] * GROUP)
