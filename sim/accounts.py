"""What a program does in one token: how often every memory and unit is used."""

from collections import Counter
from collections.abc import Iterable

from rtl.formats import GROUP
from rtl.tile.activity import ACTIVITIES
from rtl.tile.config import TileConfig
from rtl.tile.program import Alu, Constant, Destination, Instruction, Source
from sim.compiler import Program
from sim.timing import Queues, Step, lane_cycles, pages_of


def played(queues: Queues, *, emits: bool) -> list[Instruction]:
    """The instructions of both queues that are played for a token: all, or those before the end of the prompt."""
    stream, vector = queues
    if emits:
        return [*stream[:-1], *vector]
    end = next(i for i, instruction in enumerate(vector) if instruction.source == Source.END_OF_PROMPT)
    return [*stream[: vector[end].after], *vector[: end + 1]]


def events(queues: Queues, config: TileConfig, position: int, *, emits: bool, columns: int = 1) -> Counter[str]:
    """Accesses of one step at a position with so many columns in use, each of one word of one memory.

    Keys: `weight reads` and `KV reads` (all lanes together), `lane words` (words multiplied), `column words` (those as
    often as there are columns in use), `KV writes`, `vector reads`, `vector writes`, `activation reads`,
    `activation writes`, `constant reads`, `constant writes`, `program reads`, `prompt reads`, `vector steps`, and
    `lane cycles`, in which the lanes' clock runs. An embedding counts as a read of a bank of every lane, of which one
    lane's word is used. A word of the banks is read and counted once for all columns; of a batch, one of the KV banks
    once for each.
    """
    # A fetch is of the instruction behind the one that begins: one more a queue, and the first; and the one that the
    # streaming queue has reached without playing it.
    pages = pages_of(position, min(columns, config.positions))
    counts = Counter({"program reads": 3, "prompt reads": columns if config.columns > 1 else 1})
    for instruction in played(queues, emits=emits):
        counts["program reads"] += 1
        if instruction.source < Source.END_OF_PROMPT:
            _count(counts, instruction, config, pages, columns)
    counts["lane cycles"] = lane_cycles(queues, config, position, emits=emits, columns=columns)
    return counts


MEASURED = {"weight reads": "weight_words", "lane words": "lane_words"} | {
    name.replace("kv", "KV").replace("_", " "): name for name in ACTIVITIES
}
"""Each event with the tile's own count of it."""


def _count(counts, instruction, config, pages, columns):
    steps, lanes = instruction.steps(pages), config.lanes
    embeds = instruction.source == Source.EMBEDDING
    beats = config.drain if instruction.streams and not embeds else 1
    words = instruction.blocks * (pages if instruction.blocks_by_page else 1) * beats * columns
    counts["vector steps"] += words
    if instruction.source in (Source.WEIGHTS, Source.KV):
        kind = "weight" if instruction.source == Source.WEIGHTS else "KV"
        reads = steps * lanes * instruction.plays(columns, batch=config.batch)
        counts[f"{kind} reads"] += reads
        counts["lane words"] += reads
        counts["column words"] += steps * lanes * columns
        counts["activation reads"] += steps * columns
    elif embeds:
        counts["weight reads"] += -(-steps // (config.word_beats >> instruction.pairs)) * lanes * columns
    elif instruction.source == Source.VECTOR:
        counts["vector reads"] += words
    counts["vector reads"] += words * (instruction.alu != Alu.PASS)
    counts["constant reads"] += words * (instruction.constant_mode != Constant.ONE)
    counts["constant writes"] += (instruction.source == Source.KEEP) * columns
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


def multiplications(program: Program, config: TileConfig, steps: Iterable[Step]) -> int:
    """Multiply-accumulates of some steps.

    A word of the weight banks has `codes_per_word` codes, a KV word 32; each column multiplies it once.
    """
    found = 0
    for step in steps:
        counts = events(program.queues, config, step.position, emits=step.emits, columns=step.columns)
        weights = counts["lane words"] - counts["KV reads"]
        found += step.columns * int(weights * config.format.codes_per_word + counts["KV reads"] * GROUP)
    return found
