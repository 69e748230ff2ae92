"""The second table of `formats.md`: what formats cost SmolLM2-135M, a checkpoint of 4-bit codes.

Run ``python docs/format_accuracy.py [TOKENS] [TEXTS]``: tokens of the play that are predicted, and texts of 112 tokens
that fp32 writes itself. On an idle core the reference takes about three minutes and each format four, for 4,096 and 13;
memory reaches 4 GB.
"""

import dataclasses
import sys
from contextlib import suppress

from rtl.formats import ACCURATE, CHEAP
from sim.checkpoint import load_model
from sim.evaluate import PASSAGE_TOKENS, accuracy, passage_tokens, reference

FORMATS = {
    "`ACCURATE`": ACCURATE,
    "`ACCURATE`, 12-bit scales": dataclasses.replace(ACCURATE, scale_bits=12),
    "`CHEAP`": CHEAP,
    "`CHEAP`, 8-bit activations": dataclasses.replace(CHEAP, activation_bits=8),
}


def main():
    """Print the table's rows as Markdown, each when it is found."""
    count, written, *_ = [*map(int, sys.argv[1:]), *(PASSAGE_TOKENS, 13)[len(sys.argv) - 1 :]]
    model = load_model("smollm2")
    exact = reference(model, passage_tokens(model, count), written=written)
    print("| Format | perplexity | same | greedy | divergence |\n|---|---|---|---|---|", flush=True)
    for name, number_format in FORMATS.items():
        found = accuracy(model, exact, number_format)
        cells = [name, f"{found.perplexity:+.2%}", f"{found.same_choice:.2%}", f"{found.greedy:.2%}"]
        print("| " + " | ".join([*cells, f"{found.divergence:.5f}"]) + " |", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
