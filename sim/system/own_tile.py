"""This project's tile on a model of any size: the cycles of its decode step in closed form.

Steps follow from the model's shape alone and are counted here, part by part. Waits, the cycles in which the schedule
lets a pipeline drain, follow from latencies: they are taken from a schedule of the same shape where the tile's
instructions can express it. Beyond that (rows too long for a field of an instruction, thousands of heads), from a
schedule of a smaller shape with the same kinds of instructions, since a wait does not depend on the length of what it
waits for once that is longer than the pipeline.
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace

from rtl.formats import GROUP
from rtl.tile.config import ADDRESSABLE_WORDS, TileConfig
from rtl.tile.program import Instruction
from sim.checkpoint import LlamaShape
from sim.compiler.emit import Emitter
from sim.compiler.place import key_shift, place_model
from sim.timing import FETCH_CYCLES

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")


@dataclass(frozen=True, kw_only=True)
class TileCycles:
    """Cycles of a decode step that emits a token: three kinds that sum to `total`.

    Attributes
    ----------
    weights, kv : in which words of the banks are streamed
    vector : in which vectors are worked on and nothing streams
    waits : in which pipelines drain
    """

    weights: int
    kv: int
    vector: int
    waits: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.kv + self.vector + self.waits


def tile_cycles(shape: LlamaShape, config: TileConfig, position: int) -> TileCycles:
    """Cycles of the step at a position on one tile that holds the whole model, whatever the size of its memories."""
    pages = position // GROUP + 1
    steps = count_steps(shape, config, pages)
    return TileCycles(waits=schedule_waits(shape, config), **steps)


def count_steps(shape: LlamaShape, config: TileConfig, pages: int) -> dict[str, int]:
    """Cycles with a step in them, by kind, from the shape alone."""
    begin, layer, head = _begin_steps(shape, config), _layer_steps(shape, config, pages), _head_steps(shape, config)
    total = begin + head
    for key, cycles in layer.items():
        total[key] += shape.layers * cycles
    return {key: total[key] for key in ("weights", "kv", "vector")}


def _groups(columns: int) -> int:
    return -(-columns // GROUP)


def _blocks(rows: int, config: TileConfig) -> int:
    return -(-rows // config.lanes)


def _begin_steps(shape: LlamaShape, config: TileConfig) -> Counter:
    """Fetch, this position's rotation, and the token's embedding, whose words are vectors and not multiplied."""
    words = _groups(shape.dim) * config.beats
    period = -(-config.bank.cadence_cycles // config.beats)
    rotation = 1 << (_blocks(shape.head_dim, config) - 1).bit_length()
    vector = FETCH_CYCLES + rotation + words * period
    if not whole_heads(shape):
        vector += (shape.heads << key_shift(shape.head_dim)) * config.beats
    return Counter(vector=vector)


def whole_heads(shape: LlamaShape) -> bool:
    """A query fills its words of the activation memory."""
    return shape.head_dim == GROUP << key_shift(shape.head_dim)


def _layer_steps(shape: LlamaShape, config: TileConfig, pages: int) -> Counter:
    words, head_words = _groups(shape.dim) * config.beats, shape.head_dim // config.lanes
    wide = shape.heads * shape.head_dim
    norms = 2 * (2 * words + 1)
    kept = 2 * shape.kv_heads * (1 + head_words) + shape.heads * head_words
    softmax = shape.heads * (2 * config.beats * pages + 1)
    batches = shape.heads * head_words * (shape.heads > heads_at_once(shape))
    quantised = (_groups(wide) + _groups(shape.ffn)) * config.beats
    rows = (shape.heads + 2 * shape.kv_heads) * head_words + 2 * _blocks(shape.ffn, config)
    weights = rows * _groups(shape.dim) + _blocks(shape.dim, config) * (_groups(wide) + _groups(shape.ffn))
    keys = shape.heads * config.beats * pages << key_shift(shape.head_dim)
    return Counter(
        weights=weights * config.bank.cadence_cycles,
        kv=keys + shape.heads * head_words * pages,
        vector=norms + kept + softmax + batches + quantised,
    )


def _head_steps(shape: LlamaShape, config: TileConfig) -> Counter:
    """Last norm, logits, and the two ends."""
    words = _groups(shape.dim) * config.beats
    weights = _blocks(shape.vocab, config) * _groups(shape.dim) * config.bank.cadence_cycles
    return Counter(weights=weights, vector=2 * words + 2)


def heads_at_once(shape: LlamaShape) -> int:
    """Query heads between which the tile's registers allow the work to be interleaved."""
    from rtl.tile.vector_unit import EXTREMES, SCALES
    from sim.compiler.place import FIXED_REGISTERS

    left = SCALES - len(FIXED_REGISTERS) - 2 * shape.kv_heads
    return max(1, min(shape.heads, EXTREMES, left // 2))


# --------------------------------------------------------------------------------------------------------------- waits


@lru_cache(maxsize=64)
def schedule_waits(shape: LlamaShape, config: TileConfig) -> int:
    """Cycles that the schedule of a shape waits in a token.

    A schedule's waits repeat from the second layer on, so deep models cost no more than three layers.
    """
    shallow = min(shape.layers, 3)
    three = _waits(replace(shape, layers=shallow), config)
    if shape.layers == shallow:
        return three
    return three + (shape.layers - 3) * (three - _waits(replace(shape, layers=2), config))


def _waits(shape: LlamaShape, config: TileConfig) -> int:
    return sum(instruction.wait for instruction in schedule(shape, config))


def schedule(shape: LlamaShape, config: TileConfig) -> list[Instruction]:
    """The instructions of a model of this shape, whose weights are nowhere: only their numbers count."""
    roomy = replace(config, **ADDRESSABLE_WORDS, program_words=1 << 20)
    model = _hollow_model(shape)
    return Emitter(model, place_model(model, roomy), roomy).token()


def _hollow_matrix(rows: int, columns: int) -> SimpleNamespace:
    return SimpleNamespace(
        rows=rows, groups=_groups(columns), exponent=0, first_shift=0, scale_shift=lambda *_args: 0, row_scales=()
    )


def _hollow_model(shape: LlamaShape) -> SimpleNamespace:
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    rows = {"q": wide, "k": narrow, "v": narrow, "o": shape.dim, "gate": shape.ffn, "up": shape.ffn, "down": shape.dim}
    columns = {"o": wide, "down": shape.ffn}
    norm = SimpleNamespace(unit=0, gains=(), exponent=0)
    matrices = {name: _hollow_matrix(rows[name], columns.get(name, shape.dim)) for name in MATRICES}
    layer = SimpleNamespace(attention_norm=norm, ffn_norm=norm, **matrices)
    embedding = _hollow_matrix(shape.vocab, shape.dim)
    return SimpleNamespace(
        shape=shape,
        embedding=embedding,
        head=embedding if shape.tied else _hollow_matrix(shape.vocab, shape.dim),
        layers=(layer,) * shape.layers,
        norm=norm,
        epsilon=1,
    )
