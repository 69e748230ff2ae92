"""Chips of this project's tiles, as machines: what a design's tile gives, on a die full of them.

A chip has `TILES` tiles, about a reticle. Every matrix of a layer is cut by rows over all lanes of a chip, vectors over
its tiles; chips take the layers one after the other. Links between tiles are not built: what they would cost is
assumed, and stands in `GATHERS`, `GATHER_BYTES_PER_CYCLE` and `HOP_TIME`.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, log2

from devicemodels.hbm import hbm_stack, load_hbm
from rtl.formats import GROUP
from rtl.tile.config import TileConfig
from sim.checkpoint import LlamaShape
from sim.design import load_design
from sim.system.language_model import LanguageModel
from sim.system.machine import Engine, Machine
from sim.system.own_tile import tile_cycles
from sim.tile import Tile, build_tile

TILES = 512
LOGIC_AREA = 0.241e-6
"""Square metres of a tile's logic (derived: synthesis of the default design, as `spinstream decode` reports it)."""

LOGIC_ENERGY = 30e-12
"""Joules of logic, clock and small memories per weight word (derived: the same report)."""

GATHERS = 4
"""Times a layer that a vector goes from all tiles to all: norm, heads, attention, hidden (derived)."""

GATHER_BYTES_PER_CYCLE = 64
"""Width of the bus that brings a vector to the tiles (assumed)."""

ACTIVATION_BYTES = 1.5
"""An activation has 12 bits."""

HOP_TIME = 100e-9
"""Seconds from chip to chip (assumed: serialisers and flight)."""


@dataclass(frozen=True, kw_only=True)
class Sharded:
    """Cycles of one layer on a chip, and weights that an even spread would take."""

    weights: int
    even_weights: float
    fixed: int


@lru_cache(maxsize=8)
def design_tile(design: str) -> Tile:
    """The tile of a design, built once."""
    return build_tile(load_design(design))


@lru_cache(maxsize=8)
def own_machine(design: str, tiles: int = TILES) -> Machine:
    """A chip of some tiles of a design."""
    tile = design_tile(design)
    config, clock, lanes = tile.config, tile.clock_hz, tiles * tile.config.lanes
    bandwidth = lanes * config.format.word_bytes * clock / config.period
    area = tiles * (tile.macro_area + LOGIC_AREA)
    # One multiplication for each weight read.
    operations = 2 * lanes * config.format.codes_per_word * clock / config.period
    leakage = tile.bank.leakage * config.banks + sum(sram.macro.leakage * sram.count for sram in tile.srams.values())
    return Machine(
        name=design if tiles > 1 else f"{design}-tile",
        memory=lanes * config.lane_words * config.format.word_bytes,
        bandwidth=bandwidth,
        compute_16=operations,
        compute_8=operations,
        link_bandwidth=100e9,
        power=float(tiles * leakage),
        die_area=float(area),
        tensor_chips=1,
        hop_time=HOP_TIME,
        kv_memory=lanes * config.kv_words * config.sequences * config.format.kv_word_bits / 8,
        kv_bandwidth=lanes * config.format.kv_word_bits / 8 * clock,
        read_energy=float(tile.bank.read_energy + LOGIC_ENERGY) / config.format.word_bytes,
    )


def with_stack(chip: Machine, generation: str) -> Machine:
    """The chip with a stack of high-bandwidth memory for KV that its SRAM cannot hold.

    The stack streams under the worst refresh scheme, and draws what reading at that rate takes all the time.
    """
    stack = hbm_stack(load_hbm(generation).device)
    die = chip.die_area + stack.host_area
    return replace(
        chip,
        name=f"{chip.name}-{generation}",
        overflow_memory=stack.capacity,
        overflow_bandwidth=stack.bandwidth.low,
        die_area=die,
        package_area=die + stack.footprint,
        power=chip.power + 8 * stack.bandwidth.low * stack.energy_per_bit.high,
    )


def own_engine(design: str, model: LanguageModel) -> Engine:
    """What the static schedule makes of a model on a design's chips, in the same constants as other engines."""
    tile = design_tile(design)
    layer = shard(tile, model)
    return Engine(
        name=f"{design}_schedule",
        layer_time=layer.fixed / tile.clock_hz,
        bandwidth_fraction=layer.even_weights / layer.weights,
        compute_fraction=layer.even_weights / layer.weights,
    )


def shard(tile: Tile, model: LanguageModel) -> Sharded:
    """A layer's cycles on a chip. Rows that do not divide by the lanes leave some idle in the last block."""
    config, lanes = tile.config, TILES * tile.config.lanes
    wide, narrow = model.heads * model.head_dim, model.kv_heads * model.head_dim
    feeds = model.ffn_matrices - 1
    rows = [(wide, model.dim), (narrow, model.dim), (narrow, model.dim), (model.dim, wide)]
    rows += [(model.ffn, model.dim)] * feeds + [(model.dim, model.ffn)]
    weights = sum(ceil(r / lanes) * ceil(columns / GROUP) for r, columns in rows) * config.period
    even = sum(r * columns for r, columns in rows) / GROUP / lanes * config.period
    return Sharded(weights=weights, even_weights=even, fixed=_fixed_cycles(tile, model))


def _fixed_cycles(tile: Tile, model: LanguageModel) -> int:
    """Vector work of a tile's share, the waits of one layer, and gathers across the chip."""
    config = tile.config
    elements = 6 * model.dim + 2 * (model.heads + 2 * model.kv_heads) * model.head_dim + model.ffn
    vector = ceil(elements / (config.vector_lanes * TILES))
    bus = ceil(model.dim * ACTIVATION_BYTES / GATHER_BYTES_PER_CYCLE)
    tree = 2 * ceil(log2(TILES))
    return vector + layer_waits(config, model.head_dim) + GATHERS * (bus + tree)


@lru_cache(maxsize=32)
def layer_waits(config: TileConfig, head_dim: int) -> int:
    """Cycles in which nothing streams that each further layer adds to a schedule of one head a tile."""
    lanes = config.lanes
    whole = ceil(head_dim / lanes) * lanes
    whole = whole if whole <= GROUP else ceil(whole / GROUP) * GROUP
    config = replace(config, context=GROUP)  # which no wait depends on, but the size of constants does
    shape = LlamaShape(
        dim=lanes * GROUP, layers=3, heads=1, kv_heads=1, head_dim=whole, ffn=lanes * GROUP, vocab=lanes * GROUP,
        context=config.context, rope_base=1e4, norm_eps=1e-5, tied=True,
    )  # fmt: skip
    two = LlamaShape(**{**vars(shape), "layers": 2})
    return tile_cycles(shape, config, 0).waits - tile_cycles(two, config, 0).waits
