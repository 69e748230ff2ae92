"""Draws ``images/overview.png`` of the README from measurements of the two presets.

spinstream decode mram-22nm --json > mram.json
spinstream decode sram-22nm --json > sram.json
python docs/make_overview.py mram.json sram.json
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.measurement import Measurement, measurement_from_dict
from sim.report.charts import FAINT, INK, OTHERS, STYLE
from sim.report.machines import MACHINES
from sim.report.units import number, three_digits

COLOURS = ("#0072B2", "#E69F00")
TARGET = Path(__file__).parent / "images" / "overview.png"


def overview(measurements: Sequence[Measurement]) -> Figure:
    """Three panels: bandwidth density among published machines, area by part, cycles of a step by phase."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13, 6), layout="constrained")
        density, area, cycles = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
        _density(density, measurements)
        _parts(area, "Area of a tile, mm²", {m.design: m.area_mm2 for m in measurements})
        _parts(cycles, "Cycles of a decode step", {m.design: m.phase_cycles for m in measurements})
        handles, labels = area.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _density(axes: Axes, measurements: Sequence[Measurement]) -> None:
    entries = [(machine.name, machine.density_tb_per_s_mm2, OTHERS) for machine in MACHINES]
    pairs = zip(measurements, COLOURS, strict=True)
    entries += [(f"{m.design} tile", m.bandwidth_density_tb_per_s_mm2, colour) for m, colour in pairs]
    entries.sort(key=lambda entry: entry[1])
    low, high = entries[0][1] / 2, entries[-1][1] * 5
    for row, (_, value, colour) in enumerate(entries):
        axes.plot([low, value], [row, row], color=FAINT, linewidth=1.2, zorder=1)
        axes.scatter(value, row, s=80, color=colour, zorder=2)
        axes.annotate(three_digits(value), (value, row), xytext=(9, 0), textcoords="offset points", va="center")
    axes.set(
        title="Weight bandwidth per area, TB/s/mm²", xscale="log", xlim=(low, high), ylim=(-0.7, len(entries) - 0.3)
    )
    axes.set_yticks(range(len(entries)), [name for name, *_ in entries])
    axes.xaxis.set_major_formatter(lambda value, _position: number(value))
    _plain(axes)


def _parts(axes: Axes, title: str, by_design: Mapping[str, Mapping[str, float]]) -> None:
    first = next(iter(by_design.values()))
    names = sorted(first, key=lambda name: first[name])
    height = 0.8 / len(by_design)
    for index, (design, parts) in enumerate(by_design.items()):
        rows = [row + height * (0.5 - index) for row in range(len(names))]
        bars = axes.barh(rows, [parts.get(name, 0) for name in names], height * 0.9, color=COLOURS[index], label=design)
        axes.bar_label(bars, [number(float(f"{parts.get(name, 0):.3g}")) for name in names], padding=4, fontsize=8)
    axes.set(title=title, xlim=(0, 1.25 * max(max(parts.values()) for parts in by_design.values())))
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.xaxis.set_visible(False)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.title.set(fontsize=11, fontweight="bold", color=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_visible(axes.xaxis.get_visible())
    axes.tick_params(axis="y", length=0)


if __name__ == "__main__":
    read = [measurement_from_dict(json.loads(Path(path).read_text(encoding="utf-8"))) for path in sys.argv[1:]]
    TARGET.parent.mkdir(exist_ok=True)
    with mpl.rc_context(STYLE):
        overview(read).savefig(TARGET, dpi=110)
