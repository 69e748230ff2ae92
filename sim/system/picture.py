"""A picture of machines side by side: the three terms of a token."""

from pathlib import Path
from typing import Any

from devicemodels.errors import UserError

TERMS = {"bytes": "#33658a", "layers": "#f6ae2d", "sync": "#b23a48"}


def draw_terms(answers: list[dict[str, Any]], path: Path | str) -> None:
    """Write a bar for each answer, its three terms one on the other, to a file of any kind matplotlib knows.

    Raises
    ------
    UserError
        The file's ending names no such kind.
    """
    from matplotlib.figure import Figure

    path = Path(path)
    figure = Figure(figsize=(7, 0.8 + 0.4 * len(answers)), layout="constrained")
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:] not in known:
        raise UserError(
            f"picture {path} must end in a kind that can be drawn, such as .svg or .png ({', '.join(known)})"
        )
    axes = figure.add_subplot()
    places, left = range(len(answers)), [0.0] * len(answers)
    for term, colour in TERMS.items():
        widths = [one["terms_ms"][term] for one in answers]
        axes.barh(places, widths, left=left, color=colour, label=term)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(places, [one["machine"] for one in answers])
    axes.invert_yaxis()
    axes.set_xlabel("ms per token")
    axes.legend(frameon=False)
    figure.savefig(path)
