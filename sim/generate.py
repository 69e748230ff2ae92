"""Verilog of a design's tile, from the cache when it has been generated before."""

import inspect
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import rtl
from rtl.export.verilog import tile_sources
from rtl.tile.config import TileConfig
from sim.cache import cache_root, cached_json, content_key
from sim.design import Design
from sim.tile import build_tile

FILE_LIST = "tile.f"


def generate(design: Design, directory: Path) -> list[Path]:
    """Write Verilog, memory models and a file list into a directory; the paths written, the list last."""
    directory.mkdir(parents=True, exist_ok=True)
    sources = verilog(build_tile(design).config)
    for name, text in sources.items():
        (directory / name).write_text(text)
    (directory / FILE_LIST).write_text("".join(f"{name}\n" for name in sources))
    return [directory / name for name in (*sources, FILE_LIST)]


def verilog(config: TileConfig) -> dict[str, str]:
    """File name and text of a tile's sources. Kept by content: the configuration, this package and Amaranth."""
    key = content_key(asdict(config), generator_sources(), metadata.version("amaranth"))
    return cached_json(cache_root(), f"verilog-{key}", lambda: tile_sources(config))


def generator_sources() -> dict[str, str]:
    """Text of every file of the package `rtl`, by path."""
    root = Path(inspect.getfile(rtl)).parent
    paths = sorted(path for pattern in ("*.py", "*.sv") for path in root.rglob(pattern))
    return {str(path.relative_to(root)): path.read_text() for path in paths}
