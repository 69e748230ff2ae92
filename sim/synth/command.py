"""The command ``spinstream synth``, for the command line to register."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sim.console import TerminalProgress, output, table
from sim.design import DEFAULT_DESIGN, load_design
from sim.report.units import number, with_unit

if TYPE_CHECKING:
    from sim.synth.report import Node, SynthesisReport
    from sim.synth.spread import Factors, Range, Spread

NOT_REACHED = 1
BLOCKS = ("Block", "Copies", "Gates (NAND2)", "Flip-flops", "Depth (FO4)", "Area", "Power")
NODES = ("Node", "Logic", "from", "to", "Clock of logic", "from", "to", "Power of logic")
SPREADS = ("How sure: quantity", "Taken", "from", "to", "on area", "on period", "Source")


def synth(
    design: Annotated[
        str, typer.Argument(metavar="[DESIGN]", help="Name of a preset, or path of a TOML file.", show_default=True)
    ] = DEFAULT_DESIGN,
    technology: Annotated[
        list[str] | None,
        typer.Option(metavar="SHEET", help="Map the same gates to this node as well; may be given again."),
    ] = None,
    activity: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Share of the gates that switch in a cycle; else 0.15.")
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the area by block into ./DESIGN-area.svg.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Count the gates of the tile with Yosys: clock, area and power by block, and how sure they are."""
    from devicemodels.technology import load_technology
    from sim.generate import verilog
    from sim.physical import ACTIVITY, estimate
    from sim.synth.report import check_activity, report
    from sim.tile import build_tile

    chosen, share = load_design(design), ACTIVITY if activity is None else activity
    check_activity(share)
    others = [load_technology(name).device for name in technology or ()]
    progress = TerminalProgress(Console(stderr=True), sys.stderr if as_json else sys.stdout)
    with progress.step("Solve the device models"):
        tile = build_tile(chosen)
    with progress.step("Generate Verilog"):
        sources = verilog(tile.config)
    with progress.step("Synthesise the logic (minutes the first time, then kept)"):
        physical = estimate(tile, sources)
    found = report(chosen.name, physical, activity=share, others=others)
    picture = _draw(found) if plot else None
    if as_json:
        print(json.dumps({**found.as_dict(), "plot": picture}, allow_nan=False))
    else:
        _show(found, picture)
    if not found.clock_met:
        raise typer.Exit(NOT_REACHED)


def _draw(found: "SynthesisReport") -> str:
    """Area by block and memory as bars; the path of the picture."""
    import matplotlib as mpl

    from sim.report.charts import STYLE, breakdown

    path = Path(f"{found.design}-area.svg")
    parts = {**found.memories, **{block.name: block.area for block in found.blocks}}
    with mpl.rc_context(STYLE):
        breakdown(parts, _area, faint=found.memories).savefig(path)
    return str(path)


def _show(found: "SynthesisReport", picture: str | None) -> None:
    console = output()
    blocks = table(f"{found.design}: the tile in gates, by {found.tool}", BLOCKS, (), right=BLOCKS[1:])
    for cells in _block_rows(found):
        blocks.add_row(*cells)
    console.print(blocks)
    nodes = [_node_row(node) for node in (found.node, *found.others)]
    console.print(table("The same gates at a node", NODES, nodes, right=NODES[1:]))
    doubts = [_spread_row(spread) for spread in found.node.spreads]
    console.print(table(f"Ranges at {found.node.name}", SPREADS, doubts, right=SPREADS[1:6]))
    for sentence in _sentences(found):
        console.print(sentence, highlight=False, soft_wrap=True)
    if picture:
        print(picture)


def _block_rows(found: "SynthesisReport") -> list[tuple[str, ...]]:
    rows = [
        (b.name, number(b.count), number(round(b.nand2_equivalents)), number(b.flops), f"{b.depth_fo4:.1f}",
         _area(b.area), with_unit(b.power, "W"))
        for b in found.blocks
    ]  # fmt: skip
    total = (number(round(found.nand2_equivalents)), number(found.flops), f"{found.depth_fo4:.1f}")
    rows.append(("all logic", "", *total, _area(found.node.logic_area.value), with_unit(found.node.power, "W")))
    rows += [(name, "", "", "", "", _area(area), "") for name, area in found.memories.items()]
    return [*rows, ("tile", "", "", "", "", _area(found.tile_area.value), "")]


def _node_row(node: "Node") -> tuple[str, ...]:
    return (node.name, *map(_area, _ends(node.logic_area)), *map(_clock, _ends(node.logic_clock)),
            with_unit(node.power, "W"))  # fmt: skip


def _spread_row(spread: "Spread") -> tuple[str, ...]:
    values = (with_unit(value, spread.unit) for value in (spread.value, spread.low, spread.high))
    source = f"{spread.source}, {spread.kind}: {spread.where}"
    return (spread.quantity, *values, _effect(spread.area), _effect(spread.period), source)


def _sentences(found: "SynthesisReport") -> list[str]:
    reached = "reached" if found.clock_met else "NOT reached"
    low, high = (_area(end) for end in (found.tile_area.low, found.tile_area.high))
    return [
        f"Clock {_clock(found.clock_hz)}: {reached}; at most {_clock(found.max_clock_hz)}, "
        f"set by the longest path, through {found.limit}.",
        f"Tile {_area(found.tile_area.value)}, from {low} to {high} by the doubt about its logic alone.",
        f"Power at {_clock(found.clock_hz)} and {found.temperature:.0f} K of blocks that work in every cycle, "
        f"{found.activity:.0%} of their gates switching, no clock gated.",
        "Ranges join independent doubts, as the root of the sum of squares of their logarithms. Not in any figure: "
        "clock tree, scan, and wires beyond those in the sheet's gate and clock margin.",
    ]


def _ends(given: "Range") -> tuple[float, float, float]:
    return given.value, given.low, given.high


def _effect(factors: "Factors") -> str:
    return "" if factors == (1.0, 1.0) else " ".join(f"{factor - 1:+.0%}" for factor in factors)


def _area(value: float) -> str:
    return with_unit(value, "m^2")


def _clock(value: float) -> str:
    return f"{value / 1e6:,.0f} MHz"
