"""The logits that simulated tiles find, all of them: a monitor beside each tile's vector unit, and what it wrote down.

A logit never leaves its tile, and of all of them the hardware keeps the index of the largest. The monitor binds itself
to the generated Verilog from outside, which stays as it is.
"""

from importlib import resources
from pathlib import Path

import numpy as np

from rtl.chip.assembly import tile_paths
from rtl.formats import VECTOR_BITS
from rtl.tile.config import WRITE_STAGE, TileConfig
from rtl.tile.program import Reduce

MONITOR = "logit_monitor.sv"
_BIND = r"""
bind \tile.vector_unit logit_monitor #(.LANES({lanes}), .BITS({bits})) logits (
    .clk(clk), .seen(\pipe_{stage}.valid  & (\pipe_{stage}.reduce  == {arg_max})), .word(\pipe_{stage}.index ),
    .elements(write_data)
);
"""


def monitor(config: TileConfig) -> dict[str, str]:
    """File name and text of one more source for the simulator of tiles with one column, which Verilator takes."""
    text = (resources.files("testbench") / MONITOR).read_text()
    lanes, stage = config.tile_vector_lanes, WRITE_STAGE
    return {MONITOR: text + _BIND.format(lanes=lanes, bits=VECTOR_BITS, stage=stage, arg_max=int(Reduce.ARGMAX))}


def read_logits(folder: Path, config: TileConfig, vocabulary: int) -> np.ndarray:
    """What a run wrote down in its folder: int64 array [tokens, vocabulary], row by row of the output matrix.

    Raises
    ------
    ValueError
        A tile has not had each word of the logits once for each token.
    """
    words = -(-vocabulary // config.lanes) * config.drain
    parts = [_tile_logits(folder / f"{path}.vector_unit.logits.txt", words) for path in tile_paths(config)]
    return np.stack(parts, axis=2).reshape(len(parts[0]), -1)[:, :vocabulary]


def _tile_logits(path: Path, words: int) -> np.ndarray:
    """Int64 array [tokens, words, vector lanes of a tile]."""
    lines = np.loadtxt(path, np.int64, ndmin=2)
    if len(lines) % words or (lines[:, 0].reshape(-1, words) != np.arange(words)).any():
        raise ValueError(f"{path.name} does not have words 0 to {words - 1} of the logits for each token")
    return lines[:, 1:].reshape(-1, words, lines.shape[1] - 1)
