"""The table of `isa.md`: what a batch of sequences gives in cycles and words, and takes in memory.

Run ``python docs/batch_costs.py [DESIGN] [SEQUENCES ...]``. A step has all sequences at position 240, in four layers as
wide as SmolLM2-135M's with 4,096 words to choose from. Areas are of the design's memories with room for the shipped
model's keys and values, and their scales, of as many sequences.
"""

import dataclasses
import sys

from sim.__main__ import DEFAULT_MODEL
from sim.accounts import events
from sim.checkpoint import LlamaShape, load_model
from sim.compiler import quantise_model
from sim.compiler.place import place_model
from sim.design import Design, load_design
from sim.system.own_tile import schedule
from sim.tile import build_tile
from sim.timing import token_cycles

SHAPE = LlamaShape(
    dim=576, layers=4, heads=9, kv_heads=3, head_dim=64, ffn=1536, vocab=4096, context=256, rope_base=1e5,
    norm_eps=1e-5, tied=True,
)  # fmt: skip
POSITION = 240


def batch_tile(design: Design, sequences: int):
    """The design's tile for so many sequences of the shipped model."""
    choice = dataclasses.replace(design.tile, columns=sequences, batch=sequences > 1)
    tile = build_tile(dataclasses.replace(design, tile=choice))
    roomy = dataclasses.replace(tile.config, constant_words=tile.config.most_constants)
    integers = quantise_model(load_model(DEFAULT_MODEL), roomy.context, roomy.format)
    words = place_model(integers, roomy).used["the constant memory"]
    choice = dataclasses.replace(choice, constant_words=max(words, choice.constant_words))
    return build_tile(dataclasses.replace(design, tile=choice))


def main():
    """Print the table as Markdown."""
    design = load_design(sys.argv[1] if len(sys.argv) > 1 else "mram-22nm")
    print("| Sequences | Cycles a step | a token | Weight words a token | KV words | KV SRAM, mm² | Constants | All |")
    print("|---" * 8 + "|")
    for columns in map(int, sys.argv[2:] or ("1", "2", "4", "8", "16")):
        tile = batch_tile(design, columns)
        queues = schedule(SHAPE, tile.config)
        cycles = token_cycles(queues, tile.config, POSITION, emits=True, columns=columns)
        counts = events(queues, tile.config, POSITION, emits=True, columns=columns)
        cells = [columns, cycles, cycles / columns, counts["weight reads"] / columns, counts["KV reads"] / columns]
        areas = [tile.srams["KV"].area, tile.srams["constant"].area, tile.macro_area]
        print("| " + " | ".join([f"{cell:,.0f}" for cell in cells] + [f"{a * 1e6:.3f}" for a in areas]) + " |")


if __name__ == "__main__":
    main()
