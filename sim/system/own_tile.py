"""This project's tile on a model of any size: the cycles of its decode step, from a schedule without weights.

A layer's instructions repeat from the second layer on, so that a deep model costs no more than three layers.
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace

from rtl.formats import GROUP
from rtl.tile.config import ADDRESSABLE_WORDS, TileConfig
from sim.checkpoint import LlamaShape
from sim.compiler.emit import Emitter
from sim.compiler.place import place_model
from sim.timing import Queues, phase_cycles

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")


@dataclass(frozen=True, kw_only=True)
class TileCycles:
    """Cycles of a decode step that emits a token: three kinds that sum to `total`.

    Attributes
    ----------
    weights, kv : in which words of the banks are streamed
    waits : in which nothing is streamed, since vector work has to be done first
    """

    weights: int
    kv: int
    waits: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.kv + self.waits


def tile_cycles(shape: LlamaShape, config: TileConfig, position: int) -> TileCycles:
    """Cycles of the step at a position on one tile that holds the whole model, whatever the size of its memories."""
    shallow = min(shape.layers, 3)
    cycles = Counter(_cycles(replace(shape, layers=shallow), config, position // GROUP))
    if shape.layers > shallow:
        fewer = _cycles(replace(shape, layers=2), config, position // GROUP)
        for kind in cycles:
            cycles[kind] += (shape.layers - 3) * (cycles[kind] - fewer[kind])
    return TileCycles(**cycles)


@lru_cache(maxsize=256)
def _cycles(shape: LlamaShape, config: TileConfig, page: int) -> dict[str, int]:
    counts = dict.fromkeys(("weights", "kv", "waits"), 0)
    for phase, cycles in phase_cycles(schedule(shape, config), config, page * GROUP).items():
        kind = "kv" if phase.endswith("values") else "waits" if " waits " in phase else "weights"
        counts[kind] += cycles
    return counts


@lru_cache(maxsize=64)
def schedule(shape: LlamaShape, config: TileConfig) -> Queues:
    """The instructions of a model of this shape, whose weights are nowhere: only their numbers count."""
    largest = {name: words for name, words in ADDRESSABLE_WORDS.items() if name != "lane_words"}
    bank_words = ADDRESSABLE_WORDS["lane_words"] // config.banks_per_lane
    largest["constant_words"] = config.most_constants
    roomy = replace(config, **largest, bank_words=bank_words, program_words=1 << 20)
    model = hollow_model(shape)
    return Emitter(model, place_model(model, roomy), roomy).token()


def _groups(columns: int) -> int:
    return -(-columns // GROUP)


def _hollow_matrix(rows: int, columns: int, terms: int = 1) -> SimpleNamespace:
    return SimpleNamespace(
        rows=rows,
        groups=_groups(columns) * terms,
        column_groups=_groups(columns),
        terms=terms,
        exponent=0,
        first_shift=0,
        scale_shift=lambda *_args: 0,
        row_scales=(),
    )


def hollow_model(shape: LlamaShape, embedding_terms: int = 1) -> SimpleNamespace:
    """What the compiler asks of an `IntegerModel` of this shape, apart from its weights."""
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    rows = {"q": wide, "k": narrow, "v": narrow, "o": shape.dim, "gate": shape.ffn, "up": shape.ffn, "down": shape.dim}
    columns = {"o": wide, "down": shape.ffn}
    norm = SimpleNamespace(unit=0, gains=(), exponent=0)
    matrices = {name: _hollow_matrix(rows[name], columns.get(name, shape.dim)) for name in MATRICES}
    layer = SimpleNamespace(attention_norm=norm, ffn_norm=norm, **matrices)
    embedding = _hollow_matrix(shape.vocab, shape.dim, embedding_terms)
    return SimpleNamespace(
        shape=shape,
        embedding=embedding,
        head=embedding if shape.tied else _hollow_matrix(shape.vocab, shape.dim, embedding_terms),
        layers=(layer,) * shape.layers,
        norm=norm,
        epsilon=1,
    )
