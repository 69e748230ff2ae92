"""The tile as SystemVerilog, with behavioural models of its memories."""

from amaranth.back import verilog

from rtl.export.sharing import share_identical
from rtl.memory.macros import model_sources
from rtl.tile.config import TileConfig
from rtl.tile.lane import Lane
from rtl.tile.tile import Tile

TOP = "tile"


def tile_sources(config: TileConfig) -> dict[str, str]:
    """File name and text of everything that a simulator needs for one tile; `TOP` is the top module."""
    return {"lane.sv": _convert(Lane(config.format), "lane"), "tile.sv": _convert(Tile(config), TOP), **model_sources()}


def _convert(component, name: str) -> str:
    """SystemVerilog of a component, identical submodules once.

    Yosys writes `always @*`, which an event-driven simulator does not run until something changes: a block
    that reads a constant register would stay unknown. `always_comb` runs at time zero.
    """
    text = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    return share_identical(text.replace("always @* begin", "always_comb begin"))
