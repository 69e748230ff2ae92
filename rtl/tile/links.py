"""What tiles that share the work tell each other."""

from amaranth.hdl import Cat, signed
from amaranth.lib import data
from amaranth.utils import exact_log2

from rtl.arithmetic.scale import VALUE_BITS
from rtl.formats import CONSTANT_BITS, VECTOR_BITS, NumberFormat
from rtl.tile.config import TileConfig
from rtl.tile.sequencer import TOKEN_BITS


def code_bits(number_format: NumberFormat) -> int:
    """Width of a code on the links: an activation's, a key's or a value's."""
    return max(number_format.activation_bits, number_format.kv_bits)


def link_layout(config: TileConfig, tiles: int) -> data.StructLayout:
    """What some tiles send together, or all receive: codes side by side, one reduction, one embedding.

    codes : one vector word, or the part of it that the tiles have
    extreme, index : largest value so far and the lowest index at which it stands
    second : sum so far
    embedding, constant : of the current token; of tiles that do not have its row, zero
    """
    width = config.tile_vector_lanes * tiles
    return data.StructLayout(
        {
            "codes": width * code_bits(config.format),
            "extreme": signed(VECTOR_BITS + 1),
            "index": TOKEN_BITS,
            "second": VALUE_BITS,
            "embedding": data.ArrayLayout(signed(config.format.value_bits), config.vector_lanes),
            "constant": signed(CONSTANT_BITS),
        }
    )


def owner(config: TileConfig, index):
    """The tile that has an element of a vector or a lane; `index` counts over all tiles."""
    own = exact_log2(config.tile_vector_lanes)
    return index[own : own + exact_log2(config.tiles)]


def own_lane(config: TileConfig, index):
    """Which of its tile's lanes a lane is that is counted over all tiles."""
    own = exact_log2(config.tile_vector_lanes)
    return Cat(index[:own], index[own + exact_log2(config.tiles) : exact_log2(config.lanes)])


def every_lane(config: TileConfig, lane, number):
    """What a lane of tile `number` is when lanes are counted over all tiles: the inverse of `owner` and `own_lane`."""
    own = exact_log2(config.tile_vector_lanes)
    return Cat(lane[:own], number, lane[own:])
