"""Sweeps TMR and diameter of the stack through bank and tile, to bandwidth density and decode rate.

Run it as ``python docs/tutorials/sweep_tmr.py [PICTURE]``. The text around it is in ``sweep_tmr.md``.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from devicemodels.errors import UserError
from rtl.tile.config import TileConfig
from sim.chain import LoadedSheets, load_sheets
from sim.checkpoint import load_model
from sim.compiler import Program, compile_model, quantise_model
from sim.design import Design, load_design
from sim.generate import verilog
from sim.physical import implement
from sim.rates import predict
from sim.report.charts import STYLE
from sim.tile import build_tile

TMRS = tuple(percent / 100 for percent in range(70, 305, 5))
DIAMETERS = (35e-9, 40e-9, 45e-9, 50e-9)
POSITION = 63  # the decode step that is predicted: the 64th token of a text


# [point]
@dataclass(frozen=True, kw_only=True)
class Point:
    """One stack, and what a tile on it would do. ``refused`` says why physics cannot build it; else it is empty."""

    tmr: float
    diameter: float
    refused: str = ""
    read_cycle: float = float("nan")  # seconds
    cadence_cycles: int = 0
    bandwidth_density: float = float("nan")  # bytes per second and square metre
    tokens_per_s: float = float("nan")


# [stack]
def with_stack(sheets: LoadedSheets, *, tmr: float, diameter: float) -> LoadedSheets:
    """The same sheets with another junction."""
    junction = replace(sheets.mtj.device, tmr_zero_bias=tmr, diameter=diameter)
    return replace(sheets, mtj=replace(sheets.mtj, device=junction))


# [logic]
def logic_area(design: Design) -> float:
    """Square metres of the tile's logic, synthesised once: it hardly depends on how fast the banks are."""
    tile = build_tile(design)
    return implement(tile, verilog(tile.config)).total_area - tile.macro_area


# [sweep]
def sweep(design: Design, *, tmrs: Sequence[float], diameters: Sequence[float]) -> Iterator[Point]:
    """One point for each stack, diameter by diameter."""
    # The code is fixed: points differ in the stack alone, and none is refused for how long it keeps its weights.
    design = replace(design, memory=replace(design.memory, code="secded"))
    sheets, logic, model = load_sheets(design), logic_area(design), load_model("verse")
    integers = quantise_model(model, design.tile.context)

    @cache
    def program(config: TileConfig) -> Program:
        return compile_model(model, config, integers)

    for diameter in diameters:
        for tmr in tmrs:
            try:
                tile = build_tile(design, with_stack(sheets, tmr=tmr, diameter=diameter))
            except UserError as error:
                yield Point(tmr=tmr, diameter=diameter, refused=str(error))
                continue
            step = predict(tile, program(tile.config), position=POSITION, logic_area=logic)
            yield Point(
                tmr=tmr,
                diameter=diameter,
                read_cycle=tile.bank.read_cycle,
                cadence_cycles=tile.config.bank.cadence_cycles,
                bandwidth_density=step.bandwidth_density,
                tokens_per_s=step.tokens_per_s,
            )


# [plot]
def plot(points: Sequence[Point]) -> Figure:
    """Read cycle, bandwidth density and decode rate over TMR, a line for each diameter; gaps are refused stacks."""
    panels = (
        ("Bank read cycle, ns", lambda point: point.read_cycle * 1e9),
        ("Bandwidth density, TB/s/mm²", lambda point: point.bandwidth_density / 1e18),
        ("Decode rate, thousand tokens/s", lambda point: point.tokens_per_s / 1e3),
    )
    looks = (("#D55E00", 6), ("#E69F00", 4.2), ("#0072B2", 2.6), ("#222222", 1.2))  # lines that coincide stay visible
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12, 4), layout="constrained")
        for axes, (title, value) in zip(figure.subplots(1, 3), panels, strict=True):
            diameters = dict.fromkeys(point.diameter for point in points)
            for diameter, (colour, width) in zip(diameters, looks, strict=False):
                line = [point for point in points if point.diameter == diameter]
                tmr, values = [100 * point.tmr for point in line], [value(point) for point in line]
                axes.plot(tmr, values, "-", color=colour, linewidth=width, label=f"{diameter * 1e9:.0f} nm")
            axes.set(title=title, xlabel="TMR at zero bias, %", ylim=(0, None))
            axes.spines[["top", "right"]].set_visible(False)
        axes.legend(title="Diameter", frameon=False)
    return figure


def main(picture: Path) -> None:
    """Sweep the default design, draw the picture, and say which stacks cannot be built."""
    points = list(sweep(load_design("mram-22nm"), tmrs=TMRS, diameters=DIAMETERS))
    with mpl.rc_context(STYLE):
        plot(points).savefig(picture, dpi=110)
    print(f"{len(points)} stacks, drawn in {picture}")
    for point in points:
        if point.refused:
            print(f"{point.diameter * 1e9:.0f} nm, TMR {point.tmr:.0%}: {point.refused}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "sweep_tmr.png"))
