"""What do raw bit errors in the weight banks cost a model, and what does a code save? The verse model's perplexity."""

import numpy as np
from tabulate import axes, picture, show

from rtl.memory.code import CODES
from rtl.memory.faults import FaultRates
from sim.checkpoint import load_model
from sim.compiler import compile_model, quantise_model
from sim.design import load_design
from sim.evaluate import held_out_tokens, losses
from sim.faulty import deliver
from sim.golden import Golden
from sim.tile import build_tile

TOKENS = 128
RATES = (1e-5, 1e-4, 1e-3, 3e-3)
SEED = 1


def read(integers, tokens):
    """Perplexity of some tokens, and the choice after each."""
    golden = Golden(integers)
    values = np.stack([golden.step(token) * golden.logit_unit for token in tokens[:-1]])
    return float(np.exp(losses(values, tokens).mean())), values.argmax(axis=1)


def main():
    model, config = load_model("verse"), build_tile(load_design("mram-22nm")).config
    tokens = held_out_tokens(model)[: TOKENS + 1]
    integers = quantise_model(model, config.context)
    program = compile_model(model, config, integers)
    clean, choice = read(integers, tokens)
    rows, figure, plot = [], *axes("raw bit errors", "perplexity against no errors", xscale="log")
    for code in CODES:
        ratios = []
        for rate in RATES:
            delivered = deliver(integers, program, FaultRates(retention_error_rate=rate, seed=SEED), code)
            perplexity, chosen = read(delivered.model, tokens)
            ratios.append(perplexity / clean)
            counts = (delivered.corrected, delivered.uncorrectable, delivered.silent)
            rows.append(
                [
                    code.name,
                    f"{rate:g}",
                    *(f"{n}" for n in counts),
                    f"{ratios[-1]:.4f}",
                    f"{np.mean(chosen == choice):.1%}",
                ]
            )
        plot.plot(RATES, ratios, marker="o", label=code.name)
    plot.axhline(1.0, linewidth=0.8, color="grey")
    plot.legend()
    columns = ["code", "raw errors", "corrected", "uncorrectable", "silent", "perplexity ratio", "same choice"]
    show(
        f"{delivered.words} words, {len(tokens) - 1} predictions, perplexity {clean:.3f} without errors", columns, rows
    )
    picture("memory_errors", figure)


if __name__ == "__main__":
    main()
