"""What the scripts here share: a table on standard output and a picture in the folder given on the command line."""

import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence]) -> None:
    """Print a table; numbers with three digits."""
    cells = [[cell if isinstance(cell, str) else f"{cell:.3g}" for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    print(f"\n{title}")
    for line in [list(columns), *cells]:
        print(
            "  ".join(
                cell.rjust(width) if i else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
        )


def picture(name: str, figure: Figure) -> None:
    """Save a figure as `name`.svg in the folder that the command line names, by default the working one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def axes(xlabel: str, ylabel: str, **scales: str):
    """A figure and its axes."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, **scales)
    return figure, axes
