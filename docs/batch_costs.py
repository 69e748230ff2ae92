"""The table of `isa.md`: what a batch of sequences gives in cycles and words, and takes in memory.

Run ``python docs/batch_costs.py [DESIGN] [SEQUENCES ...]``. A step has all sequences at position 240, in four layers as
wide as SmolLM2-135M's with 4,096 words to choose from; areas are of the design's memories, with K and V scales for as
many sequences.
"""

import dataclasses
import sys

from sim.accounts import events
from sim.checkpoint import LlamaShape
from sim.design import load_design
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
    print("| Sequences | Cycles a step | a token | Weight words a token | KV words a token | KV SRAM, mm² | Macros |")
    print("|---" * 7 + "|")
    for columns in map(int, sys.argv[2:] or ("1", "2", "4", "8", "16")):
        choice = dataclasses.replace(design.tile, columns=columns, batch=columns > 1)
        tile = build_tile(dataclasses.replace(design, tile=choice))
        queues = schedule(SHAPE, tile.config)
        cycles = token_cycles(queues, tile.config, POSITION, emits=True, columns=columns)
        counts = events(queues, tile.config, POSITION, emits=True, columns=columns)
        cells = [columns, cycles, cycles / columns, counts["weight reads"] / columns, counts["KV reads"] / columns]
        areas = [f"{area * 1e6:.3f}" for area in (tile.srams["KV"].area, tile.macro_area)]
        print("| " + " | ".join([f"{cell:,.0f}" for cell in cells] + areas) + " |", flush=True)


if __name__ == "__main__":
    main()
