"""A picture of a search: bandwidth density against capacity density, the colour the power density."""

import matplotlib as mpl
import numpy as np
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from devicemodels.macro.explore import Columns
from sim.report.charts import INK, STYLE
from sim.report.units import number

X, Y, COLOUR = "density_mb_per_mm2", "bandwidth_density_tb_per_s_mm2", "power_density_w_per_mm2"
LARGEST = 20000
"""Points drawn; of more, every so many."""


def explore_chart(points: Columns, *, title: str, front: np.ndarray, chosen: int | None) -> Figure:
    """All legal `points` as dots, those at the indices `front` ringed, the `chosen` one as a star."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 4.8), layout="constrained")
        axes = figure.add_subplot(xscale="log", yscale="log", xlabel="Mb/mm²", ylabel="TB/s/mm²")
        some = np.arange(0, len(points[X]), -(-len(points[X]) // LARGEST))
        norm = LogNorm(points[COLOUR].min(), points[COLOUR].max())
        look = {"cmap": "viridis", "norm": norm}
        drawn = axes.scatter(
            points[X][some], points[Y][some], c=points[COLOUR][some], s=5, linewidth=0, rasterized=True, **look
        )
        axes.scatter(
            points[X][front], points[Y][front], c=points[COLOUR][front], s=34, edgecolor=INK, linewidth=0.7,
            label="Pareto front", **look,
        )  # fmt: skip
        if chosen is not None:
            axes.scatter(points[X][chosen], points[Y][chosen], marker="*", s=320, color="#D55E00", edgecolor=INK,
                         label="chosen", zorder=3)  # fmt: skip
        for axis, values in ((axes.xaxis, points[X]), (axes.yaxis, points[Y])):
            _plain_numbers(axis, values)
        bar = figure.colorbar(drawn, label="W/mm² at full read rate")
        _plain_numbers(bar.ax.yaxis, points[COLOUR])
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.legend(frameon=False)
    return figure


def _plain_numbers(axis: Axis, values: np.ndarray) -> None:
    """Numbers without exponents; between powers of ten only where few of these are in sight."""

    def text(value: float, _position: int) -> str:
        return number(value)

    axis.set_major_formatter(text)
    axis.set_minor_formatter(text if values.max() < 60 * values.min() else "")
