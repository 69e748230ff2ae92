"""The table of `formats.md`: what a number format costs in gates, and what it costs a model.

Run ``python docs/format_costs.py [MODEL] [TOKENS]``; it takes some minutes.
"""

import dataclasses
import sys

from devicemodels.technology import load_technology
from rtl.export.verilog import component_sources
from rtl.formats import ACCURATE, CHEAP, DEFAULT, NumberFormat
from rtl.tile.lane import Lane
from sim.cache import cache_root
from sim.checkpoint import load_model
from sim.evaluate import accuracy, held_out_tokens, reference
from sim.synthesis import synthesise

FORMATS = {
    "default": DEFAULT,
    "": dataclasses.replace(DEFAULT, activation_bits=8),
    " ": dataclasses.replace(DEFAULT, activation_bits=16),
    "  ": NumberFormat(kv_bits=12, scale_bits=9, groups_per_word=2),
    "   ": dataclasses.replace(CHEAP, activation_bits=8),
    "    ": dataclasses.replace(CHEAP, activation_bits=8, minima=False),
    "`CHEAP`": CHEAP,
    "`ACCURATE`": ACCURATE,
}
HEAD = (
    "| | W | A | KV | d | m | G | word, bits | bits/weight | NAND2 | FO4 | um2 | um2/B "
    "| perplexity | same | greedy | divergence |"
)


def main():
    """Print the table's rows as Markdown."""
    model = load_model(sys.argv[1] if len(sys.argv) > 1 else "verse")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
    exact = reference(model, held_out_tokens(model)[:count], written=4)
    print(HEAD)
    print("|---" * HEAD.count(" |") + "|")
    for name, number_format in FORMATS.items():
        cells = [name.strip(), *_widths(number_format), *_logic(number_format)]
        found = accuracy(model, exact, number_format)
        cells += [f"{found.perplexity:+.2%}", f"{found.same_choice:.2%}", f"{found.greedy:.2%}"]
        print("| " + " | ".join([*cells, f"{found.divergence:.5f}"]) + " |", flush=True)


def _widths(f: NumberFormat) -> list[str]:
    numbers = [f.weight_bits, f.activation_bits, f.kv_bits, f.scale_bits, f.minimum_bits, f.groups_per_word]
    return [*map(str, numbers), str(f.word_bits), f"{f.word_bits / f.codes_per_word:.2f}"]


def _logic(f: NumberFormat) -> list[str]:
    """Gates, depth and area of a lane, error correction of its word included."""
    lane = synthesise(sources=component_sources(Lane(f), "lane"), top="lane", cache_root=cache_root())
    technology = load_technology("22nm").device
    area = lane.nand2_equivalents * technology.nand2_area / technology.placement_utilisation * 1e12
    numbers = [lane.nand2_equivalents, lane.depth_fo4, area, area / f.word_bytes]
    return [f"{number:.0f}" for number in numbers]


if __name__ == "__main__":
    main()
