"""What do raw bit errors in the weight banks cost a model, and what does a code save? The verse model's perplexity."""

import numpy as np
from tabulate import axes, picture, show

from rtl.memory.code import CODES
from rtl.memory.faults import FaultRates
from sim.checkpoint import load_model
from sim.compiler import compile_model, quantise_model
from sim.design import load_design
from sim.evaluate import held_out_tokens, log_softmax
from sim.faulty import deliver
from sim.golden import Golden
from sim.tile import build_tile

DESIGN = "mram-22nm"
TOKENS = 128
RATES = (1e-5, 1e-4, 1e-3, 3e-3)
SEED = 1


def read(integers, tokens):
    """Perplexity of some tokens, and the choice after each."""
    golden = Golden(integers)
    values = np.stack([golden.step(token) * golden.logit_unit for token in tokens[:-1]])
    told = log_softmax(values)[np.arange(len(values)), tokens[1:]]
    return float(np.exp(-told.mean())), values.argmax(axis=1)


def main():
    model, config = load_model("verse"), build_tile(load_design(DESIGN)).config
    tokens = held_out_tokens(model)[: TOKENS + 1]
    integers = quantise_model(model, config.context, config.format)
    program = compile_model(model, config, integers)
    clean, choice = read(integers, tokens)
    rows, figure, plot = [], *axes("raw bit errors", "choices of the next token that change", xscale="log")
    for code in CODES:
        changed = []
        for rate in RATES:
            delivered = deliver(integers, program, FaultRates(retention_error_rate=rate, seed=SEED), code)
            perplexity, chosen = read(delivered.model, tokens)
            changed.append(float(np.mean(chosen != choice)))
            counts = (delivered.corrected, delivered.uncorrectable, delivered.silent)
            figures = (f"{perplexity / clean:.4f}", f"{1 - changed[-1]:.1%}")
            rows.append([code.name, f"{rate:g}", *map(str, counts), *figures])
        plot.plot(RATES, changed, marker="o", label=code.name)
    plot.legend()
    columns = ["code", "raw errors", "corrected", "uncorrectable", "silent", "perplexity ratio", "same choice"]
    show(
        f"{delivered.words} words, {len(tokens) - 1} predictions, perplexity {clean:.3f} without errors", columns, rows
    )
    picture("memory_errors", figure)


if __name__ == "__main__":
    main()
