"""The tile as SystemVerilog, with behavioural models of its memories."""

import gc
from contextlib import contextmanager

from amaranth.back import verilog

from rtl.chip.assembly import board, chip
from rtl.export.repeats import fold_repeats
from rtl.export.sharing import share_identical
from rtl.host.top import TOP as HOSTED_TOP
from rtl.host.top import HostedTile
from rtl.memory.macros import model_sources
from rtl.tile.config import TileConfig
from rtl.tile.lane import Lane
from rtl.tile.tile import Tile


def top(config: TileConfig) -> str:
    """Name of the module at the top of `tile_sources`."""
    return "tile" if config.tiles == 1 else "chip" if config.chips == 1 else "board"


def tile_sources(config: TileConfig) -> dict[str, str]:
    """File name and text of everything that a simulator needs; of several tiles and chips each module is there once."""
    sources = component_sources(Lane(config.format, config.word_code, config.columns), "lane")
    sources |= component_sources(Tile(config), "tile")
    if config.tiles > 1:
        sources |= component_sources(chip(config), "chip")
    if config.chips > 1:
        sources |= component_sources(board(config), "board")
    return sources | model_sources()


def hosted_sources(config: TileConfig) -> dict[str, str]:
    """What `tile_sources` lacks for the tile with its host interface, whose top module is `HOSTED_TOP`."""
    return component_sources(HostedTile(config), HOSTED_TOP)


def component_sources(component, name: str) -> dict[str, str]:
    """File name and text of a component alone, identical submodules once.

    Yosys writes `always @*`, which an event-driven simulator does not run until something changes: a block
    that reads a constant register would stay unknown. `always_comb` runs at time zero.
    """
    with _no_collection():
        text = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    return {f"{name}.sv": share_identical(fold_repeats(text.replace("always @* begin", "always_comb begin")))}


@contextmanager
def _no_collection():
    """Amaranth makes millions of objects and no cycles worth finding: looking for them is a quarter of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
