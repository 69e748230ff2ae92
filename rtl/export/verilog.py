"""The tile as SystemVerilog, with behavioural models of its memories."""

from amaranth.back import verilog

from rtl.export.sharing import share_identical
from rtl.host.top import TOP as HOSTED_TOP
from rtl.host.top import HostedTile
from rtl.memory.macros import model_sources
from rtl.tile.config import TileConfig
from rtl.tile.lane import Lane
from rtl.tile.tile import Tile

TOP = "tile"


def tile_sources(config: TileConfig) -> dict[str, str]:
    """File name and text of everything that a simulator needs for one tile; `TOP` is the top module."""
    lane, tile = component_sources(Lane(config.format, config.word_code), "lane"), component_sources(Tile(config), TOP)
    return {**lane, **tile, **model_sources()}


def hosted_sources(config: TileConfig) -> dict[str, str]:
    """What `tile_sources` lacks for the tile with its host interface, whose top module is `HOSTED_TOP`."""
    return component_sources(HostedTile(config), HOSTED_TOP)


def component_sources(component, name: str) -> dict[str, str]:
    """File name and text of a component alone, identical submodules once.

    Yosys writes `always @*`, which an event-driven simulator does not run until something changes: a block
    that reads a constant register would stay unknown. `always_comb` runs at time zero.
    """
    text = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    return {f"{name}.sv": share_identical(text.replace("always @* begin", "always_comb begin"))}
