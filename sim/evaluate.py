"""How well the integer arithmetic keeps a model: perplexity and agreement with fp32 on the held-out text.

Run ``python -m sim.evaluate [MODEL]``; it takes about a minute.
"""

import sys
from pathlib import Path

import numpy as np

from sim.checkpoint import Model, load_model
from sim.compiler import quantise_model
from sim.golden import Golden
from sim.reference import logits, token_losses, windows

HELD_OUT = Path(__file__).parent / "models" / "verse_heldout.txt"
WINDOW = 256


def held_out_tokens(model: Model) -> list[int]:
    """The project's held-out text in a model's tokens."""
    return model.tokenizer.encode(HELD_OUT.read_text(encoding="utf-8"))


def golden_logits(model: Model, tokens: list[int], *, window: int):
    """Logits of the integer golden in nat, float64 [len(tokens) - 1, vocabulary]; each window starts anew."""
    integers, rows = quantise_model(model, window), []
    for part in windows(len(tokens), window):
        golden = Golden(integers)
        rows += [golden.step(token) * golden.logit_unit for token in tokens[part]]
    return np.stack(rows)


def losses(values, tokens: list[int]):
    """Negative log-likelihood of every token but the first under `golden_logits`, float64 [len(tokens) - 1]."""
    peak = values.max(axis=1, keepdims=True)
    return np.log(np.exp(values - peak).sum(axis=1)) + peak[:, 0] - values[np.arange(len(values)), tokens[1:]]


def main():
    """Print perplexities, their ratio, and how often both choose the same next token."""
    model = load_model(sys.argv[1] if len(sys.argv) > 1 else "verse")
    tokens = held_out_tokens(model)
    exact = token_losses(model, tokens, window=WINDOW)
    values = golden_logits(model, tokens, window=WINDOW)
    integer, chosen = losses(values, tokens), values.argmax(axis=1)
    fp32 = np.concatenate([logits(model, tokens[part]) for part in windows(len(tokens), WINDOW)]).argmax(axis=1)
    first, second = np.exp(exact.mean(dtype=np.float64)), np.exp(integer.mean())
    print(
        f"{len(exact)} predictions, windows of {WINDOW}: perplexity fp32 {first:.4f}, integer {second:.4f} "
        f"({second / first - 1:+.3%}), same choice {np.mean(chosen == fp32):.2%}"
    )


if __name__ == "__main__":
    main()
