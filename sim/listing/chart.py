"""A picture of a token in time: what the lanes do, and what the vector unit does beside them."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from rtl.tile.program import Source
from sim.listing.listing import Listing
from sim.report.charts import INK, STYLE

PHASES = {
    "embedding": "#999999",
    "norm": "#F0E442",
    "qkv": "#0072B2",
    "attention": "#E69F00",
    "output": "#56B4E9",
    "ffn": "#009E73",
    "head": "#CC79A7",
}
"""Phase to colour: Okabe and Ito's palette, which colour-blind readers tell apart."""


def timeline_chart(listing: Listing) -> Figure:
    """The whole token above, and below the time of about one layer in its middle."""
    layers = max(len(listing.program.placement.layers), 1)
    middle, width = listing.cycles // 2, listing.cycles / layers
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        whole, part = figure.subplots(2, 1)
        for axes in (whole, part):
            _bars(axes, listing)
        whole.set_xlim(0, listing.cycles)
        whole.set_title(
            f"{listing.model} on {listing.design}: one token at position {listing.position}, {listing.cycles:,} "
            f"cycles, weight banks busy {listing.utilisation:.0%}",
            loc="left", fontsize=10, fontweight="bold",
        )  # fmt: skip
        part.set_xlim(middle - width / 2, middle + width / 2)
        part.set_xlabel("cycle")
        shown = [phase for phase in PHASES if any(_phase(turn) == phase for q in listing.turns.values() for turn in q)]
        figure.legend(
            handles=[Patch(color=PHASES[phase], label=phase) for phase in shown],
            loc="outside lower center", ncols=len(shown), frameon=False,
        )  # fmt: skip
    return figure


def _phase(turn) -> str:
    return turn.instruction.phase


def _bars(axes: Axes, listing: Listing) -> None:
    for row, streams in ((1, True), (0, False)):
        turns = [turn for turn in listing.turns[streams] if turn.instruction.source < Source.END_OF_PROMPT]
        spans = [(turn.start, turn.end + 1 - turn.start) for turn in turns]
        axes.broken_barh(spans, (row - 0.36, 0.72), facecolors=[PHASES[_phase(turn)] for turn in turns])
        keys = [span for span, turn in zip(spans, turns, strict=True) if turn.instruction.source == Source.KV]
        axes.broken_barh(keys, (row - 0.36, 0.12), facecolors=INK)
    axes.set_yticks((1, 0), ("lanes (line below: keys, values)", "vector unit"))
    axes.xaxis.set_major_formatter(lambda value, _position: f"{value:,.0f}")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
