"""How well a number format keeps a model: perplexity, agreement and divergence from fp32.

Run ``python -m sim.evaluate [MODEL] [DESIGN] [TOKENS]``: on the shipped model's held-out text, or the given number of
tokens of a play for any other model. It takes half a minute for ``verse``, and on an idle core a tenth of a second for
each token of a hundred million parameters.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from rtl.formats import DEFAULT, NumberFormat
from sim.batch import text_logits
from sim.checkpoint import Model, load_model
from sim.compiler import quantise_model
from sim.compiler.quantise import IntegerModel
from sim.console import TerminalProgress
from sim.design import DEFAULT_DESIGN, load_design
from sim.reference import greedy, logits, windows

HELD_OUT = Path(__file__).parent / "models" / "verse_heldout.txt"
PASSAGE = Path(__file__).parent / "models" / "winters_tale.txt"
"""The third act of Shakespeare's Winter's Tale, for models that were not trained here."""

PASSAGE_TOKENS = 4096
"""Tokens of the passage that are predicted unless another number is given."""

WINDOW = 256
PROMPT = 16
"""Tokens of held-out text that fp32's own text goes on from."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What fp32 says of some texts.

    Attributes
    ----------
    texts : each from its first position on
    logits : of each text, float32 [positions, vocabulary] after every token but its last
    written : bool [positions], whether the next token is one that fp32 itself wrote
    """

    texts: list[list[int]]
    logits: list[np.ndarray]
    written: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Integers against fp32.

    Attributes
    ----------
    perplexity : of the integers on held-out text, over fp32's, less 1
    same_choice : part of the held-out text's positions at which both choose the same token
    greedy : the same on text that fp32 has written by itself
    divergence : mean Kullback-Leibler divergence from fp32's distribution on held-out text, in nat
    """

    perplexity: float
    same_choice: float
    greedy: float
    divergence: float


def held_out_tokens(model: Model) -> list[int]:
    """The project's held-out text in a model's tokens."""
    return model.tokenizer.encode(HELD_OUT.read_text(encoding="utf-8"))


def passage_tokens(model: Model, predicted: int = PASSAGE_TOKENS) -> list[int]:
    """As much of the passage, in a model's tokens, as has this many predictions."""
    return model.tokenizer.encode(PASSAGE.read_text(encoding="utf-8"))[: predicted + 1]


def reference(model: Model, tokens: list[int], *, window: int = WINDOW, written: int = 0) -> Reference:
    """fp32 on held-out tokens in windows of at most `window`, and on `written` texts that it writes itself."""
    texts = [tokens[part.start : part.stop + 1] for part in windows(len(tokens), window)]
    starts = [tokens[i * len(tokens) // written :][:PROMPT] for i in range(written)]
    own = [start + greedy(model, start, window // 2 - len(start)) for start in starts]
    rows = [logits(model, text[:-1]) for text in texts + own]
    counts = [(len(text) - 1, 0) for text in texts] + [(PROMPT - 1, len(text) - PROMPT) for text in own]
    flags = [np.repeat([False, True], count) for count in counts]
    return Reference(texts=texts + own, logits=rows, written=np.concatenate(flags))


def log_softmax(values):
    """Logarithms of the probabilities, float64 [positions, vocabulary]."""
    shifted = values - values.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def accuracy(model: Model, exact: Reference, number_format: NumberFormat = DEFAULT) -> Accuracy:
    """Decode the reference's texts in a format's integers and compare."""
    return compare(quantise_model(model, max(map(len, exact.texts)), number_format), exact)


def compare(integers: IntegerModel, exact: Reference) -> Accuracy:
    """Decode the reference's texts in a model's integers and compare."""
    figures = np.concatenate([_figures(integers, *pair) for pair in zip(exact.texts, exact.logits, strict=True)])
    held_out = ~exact.written if not exact.written.all() else exact.written
    loss, divergence, same = figures[held_out].mean(axis=0)
    return Accuracy(
        perplexity=float(np.expm1(loss)),
        same_choice=float(same),
        greedy=float(figures[exact.written, 2].mean()) if exact.written.any() else float("nan"),
        divergence=float(divergence),
    )


def _figures(integers: IntegerModel, text: list[int], exact) -> np.ndarray:
    """Of each position of a text: how much more is lost, divergence, whether the choice is the same."""
    logits, units = text_logits(integers, text[:-1])
    ours, theirs = log_softmax(logits * units), log_softmax(exact.astype(np.float64))
    more = (theirs - ours)[np.arange(len(ours)), text[1:]]
    divergence = (np.exp(theirs) * (theirs - ours)).sum(axis=1)
    return np.stack([more, divergence, logits.argmax(axis=1) == exact.argmax(axis=1)], axis=1)


def main():
    """Print what a design's format costs a model."""
    name, design, count, *_ = [*sys.argv[1:], *("verse", DEFAULT_DESIGN, PASSAGE_TOKENS)[len(sys.argv) - 1 :]]
    model = load_model(name, TerminalProgress(Console(stderr=True), sys.stdout))
    number_format = load_design(design).format
    tokens = held_out_tokens(model) if name == "verse" else passage_tokens(model, int(count))
    exact = reference(model, tokens, written=4)
    found = accuracy(model, exact, number_format)
    print(
        f"{np.count_nonzero(~exact.written)} predictions, windows of {WINDOW}: perplexity {found.perplexity:+.3%} "
        f"against fp32, same choice {found.same_choice:.2%} ({found.greedy:.2%} on fp32's own text), "
        f"divergence {found.divergence:.5f} nat"
    )


if __name__ == "__main__":
    main()
