"""The table of `isa.md`: what columns cost in area and clock, and what they give in cycles.

Run ``python docs/column_costs.py [DESIGN] [COLUMNS ...]``; synthesis takes some minutes for each number of columns.
The cycles are those of a step whose columns are all in use, behind 240 others, in four layers as wide as
SmolLM2-135M's with 4,096 words to choose from.
"""

import dataclasses
import sys

from sim.accounts import events
from sim.checkpoint import LlamaShape
from sim.design import load_design
from sim.generate import verilog
from sim.physical import estimate
from sim.system.own_tile import schedule
from sim.tile import build_tile
from sim.timing import token_cycles

SHAPE = LlamaShape(
    dim=576, layers=4, heads=9, kv_heads=3, head_dim=64, ffn=1536, vocab=4096, context=256, rope_base=1e5,
    norm_eps=1e-5, tied=True,
)  # fmt: skip
POSITION = 240


def main():
    """Print the table as Markdown."""
    design = load_design(sys.argv[1] if len(sys.argv) > 1 else "mram-22nm")
    print("| Columns | Tile, mm² | Lanes | Vector unit | Vector memory | MHz | Cycles a step | a position | Words |")
    print("|---" * 9 + "|")
    for columns in map(int, sys.argv[2:] or ("1", "8")):
        tile = build_tile(dataclasses.replace(design, tile=dataclasses.replace(design.tile, columns=columns)))
        queues = schedule(SHAPE, tile.config)
        cycles = token_cycles(queues, tile.config, POSITION, emits=True, columns=columns)
        words = events(queues, tile.config, POSITION, emits=True, columns=columns)["weight reads"]
        physical = estimate(tile, verilog(tile.config))
        names = ("lanes", "vector unit and sequencer", "vector memory")
        areas = [physical.total_area, *(physical.area[name] for name in names)]
        cells = [f"{area * 1e6:.3f}" for area in areas] + [f"{physical.max_clock_hz / 1e6:.0f}"]
        cells += [f"{cycles:,}", f"{cycles / columns:,.0f}", f"{words:,}"]
        print(f"| {columns} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
