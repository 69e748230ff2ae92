"""A picture of machines side by side: the three terms of a token."""

from pathlib import Path
from typing import Any

TERMS = {"bytes": "#33658a", "layers": "#f6ae2d", "sync": "#b23a48"}


def draw_terms(answers: list[dict[str, Any]], path: Path | str) -> None:
    """Write a bar for each answer, its three terms one on the other, to a file of any kind matplotlib knows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.8 + 0.4 * len(answers)), layout="constrained")
    axes = figure.add_subplot()
    names, left = [one["machine"] for one in answers], [0.0] * len(answers)
    for term, colour in TERMS.items():
        widths = [one["terms_ms"][term] for one in answers]
        axes.barh(names, widths, left=left, color=colour, label=term)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("ms per token")
    axes.legend(frameon=False)
    figure.savefig(path)
