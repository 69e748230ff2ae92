"""The pictures of a report, as matplotlib figures. Blue is the design at hand, grey is what others published."""

from collections.abc import Callable, Container, Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.measurement import Measurement
from sim.report.machines import MACHINES
from sim.report.units import number, three_digits

OURS, OTHERS, INK, FAINT = "#0072B2", "#8A8A8A", "#222222", "#D9D9D9"
WIDTH_INCHES = 7.6
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT,
    "xtick.color": INK, "ytick.color": INK, "svg.fonttype": "path", "svg.hashsalt": "spinstream",
}  # fmt: skip


def breakdown(parts: Mapping[str, float], label: Callable[[float], str], *, faint: Container[str] = ()) -> Figure:
    """Horizontal bars, the largest on top, each with its value as ``label`` writes it and its share.

    Parameters
    ----------
    parts
        Name to value, all in one unit and none negative. Names may be identifiers: underscores become spaces.
    faint
        Names whose bars are grey.
    """
    ordered = sorted(parts.items(), key=lambda item: item[1])
    total = sum(parts.values()) or 1.0
    with mpl.rc_context(STYLE):
        figure, axes = _figure(rows=len(ordered))
        names = [_readable(name) for name, _ in ordered]
        colours = [OTHERS if name in faint else OURS for name, _ in ordered]
        bars = axes.barh(names, [value for _, value in ordered], color=colours, height=0.62)
        texts = [f"{label(value)}   {value / total:.1%}" for _, value in ordered]
        axes.bar_label(bars, texts, padding=6)
        axes.set_xlim(0, 1.45 * max((value for _, value in ordered), default=1.0) or 1.0)
        axes.xaxis.set_visible(False)
        _plain(axes)
    return figure


def density_chart(m: Measurement) -> Figure:
    """Bandwidth density on a logarithmic axis: the design at hand among published machines."""
    entries = [(machine.name, machine.density_tb_per_s_mm2, OTHERS, True) for machine in MACHINES]
    entries += [
        (f"{m.design}, decoding", m.bandwidth_density_tb_per_s_mm2, OURS, True),
        (f"{m.design}, peak", m.peak_bandwidth_density_tb_per_s_mm2, OURS, False),
        (f"{m.design}, a bank alone", m.bank_bandwidth_density_tb_per_s_mm2, OURS, False),
    ]
    entries.sort(key=lambda entry: entry[1])
    with mpl.rc_context(STYLE):
        figure, axes = _figure(rows=len(entries) + 1)
        _dots(axes, entries)
        axes.set_xlabel("TB/s per mm² (logarithmic)")
        _plain(axes)
    return figure


def _dots(axes: Axes, entries: list[tuple[str, float, str, bool]]) -> None:
    values = [value for _, value, _, _ in entries]
    left, right = min(values) / 2, max(values) * 5
    for row, (_, value, colour, filled) in enumerate(entries):
        axes.plot([left, value], [row, row], color=FAINT, linewidth=1.2, zorder=1)
        inside = colour if filled else "white"
        axes.scatter(value, row, s=70, facecolor=inside, edgecolor=colour, linewidth=1.8, zorder=2)
        axes.annotate(three_digits(value), (value, row), xytext=(10, 0), textcoords="offset points", va="center")
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.xaxis.set_major_formatter(lambda value, _position: number(value))
    axes.set_ylim(-0.8, len(entries) - 0.4)
    axes.set_yticks(range(len(entries)), [name for name, *_ in entries])


def _figure(rows: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_INCHES, 0.55 + 0.36 * rows), layout="constrained")
    return figure, figure.add_subplot()


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_visible(axes.xaxis.get_visible())
    axes.tick_params(axis="y", length=0)


def _readable(name: str) -> str:
    return name.replace("_", " ")
