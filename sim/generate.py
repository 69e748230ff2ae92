"""Verilog of a design's tile and of its host interface, from the cache when it has been generated before."""

import inspect
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import rtl
from devicemodels.errors import UserError
from rtl.export.registers import register_files
from rtl.export.verilog import hosted_sources, tile_sources
from rtl.tile.config import TileConfig
from sim.cache import cache_root, cached_json, content_key
from sim.design import Design
from sim.tile import build_tile

FILE_LIST = "tile.f"


def generate(design: Design, directory: Path) -> list[Path]:
    """Write Verilog, memory models, the register map and a file list into a directory; the paths, the list last.

    The list names the Verilog: tops are `tile` and, with the host interface around it, `hosted_tile`; a tile for a
    batch has no host interface.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = build_tile(design).config
    sources = verilog(config) if config.batch else {**verilog(config), **hosted_verilog(config)}
    files = {**sources, **register_files(), FILE_LIST: "".join(f"{name}\n" for name in sources)}
    for name, text in files.items():
        (directory / name).write_text(text)
    return [directory / name for name in files]


def verilog(config: TileConfig) -> dict[str, str]:
    """File name and text of a tile's sources. Kept by content: the configuration, this package and Amaranth."""
    return cached_json(cache_root(), f"verilog-{_key(config)}", lambda: tile_sources(config))


def hosted_verilog(config: TileConfig) -> dict[str, str]:
    """What comes on top for the tile with its host interface, kept likewise; a tile for a batch has none."""
    if config.batch:
        raise UserError(
            "a tile with batch has no host interface over AXI, whose registers are for one sequence: place the tile "
            "alone, or set batch to false"
        )
    return cached_json(cache_root(), f"hosted-{_key(config)}", lambda: hosted_sources(config))


def _key(config: TileConfig) -> str:
    return content_key(asdict(config), generator_sources(), metadata.version("amaranth"))


def generator_sources() -> dict[str, str]:
    """Text of every file of the package `rtl`, by path."""
    root = Path(inspect.getfile(rtl)).parent
    paths = sorted(path for pattern in ("*.py", "*.sv") for path in root.rglob(pattern))
    return {str(path.relative_to(root)): path.read_text() for path in paths}
