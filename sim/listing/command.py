"""``spinstream compile``: a model placed and scheduled on a design, without simulating it."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sim.console import TerminalProgress, output, table
from sim.design import DEFAULT_DESIGN, load_design
from sim.listing.listing import Listing, check_position


def compile_(
    design: Annotated[str, typer.Argument(metavar="[DESIGN]", help="Name of a preset, or path of a TOML file.")] = (
        DEFAULT_DESIGN
    ),
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="verse, smollm2 (fetched on first use), or path of a GGUF file.")
    ] = "verse",
    position: Annotated[int, typer.Option(metavar="N", help="Position of the token that is timed.")] = 255,
    explain: Annotated[bool, typer.Option("--explain", help="Show where every matrix lies, too.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the token in time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Place a model on a design and schedule it: how full memories are, and when each instruction plays."""
    from sim.checkpoint import load_model
    from sim.compiler import compile_model
    from sim.tile import build_tile

    progress = TerminalProgress(Console(stderr=True), sys.stderr if as_json else sys.stdout)
    chosen = load_design(design)
    with progress.step("Solve the device models"):
        tile = build_tile(chosen)
    loaded = load_model(model, progress)
    with progress.step("Compile the model"):
        program = compile_model(loaded, tile.config)
    check_position(position, program)
    found = Listing(design=chosen.name, model=loaded.name, program=program, position=position)
    if plot:
        _draw(found, plot)
    if as_json:
        print(json.dumps(found.as_dict(), allow_nan=False))
    else:
        _show(found, explain=explain)


def _draw(found: Listing, path: Path) -> None:
    from sim.listing.chart import timeline_chart

    timeline_chart(found).savefig(path)


def _show(found: Listing, *, explain: bool) -> None:
    console, config = output(), found.config
    chips = "one chip" if config.chips == 1 else f"{config.chips} chips"
    tiles = f"{config.tiles} tiles on {chips}" if config.tiles > 1 else "one tile"
    title = f"{found.model} on {found.design}: {tiles}, {config.lanes} lanes, {config.banks} weight banks"
    rows = [
        (use.memory, str(use.count), f"{use.used:,}", f"{use.words:,}", f"{use.used / use.words:.0%}")
        for use in found.memories
    ]
    console.print(
        table(
            title,
            ("Memory", "There are", "Words used", "of", "Full"),
            rows,
            right=("There are", "Words used", "of", "Full"),
        )
    )
    if explain:
        places = [
            ("" if at.layer is None else str(at.layer), at.name, f"{at.address:,}", f"{at.words:,}", f"{at.blocks:,}")
            for at in found.matrices
        ]
        heads = ("Layer", "Matrix", "First word of each lane", "Words", "Blocks of rows")
        console.print(table("Matrices", heads, places, right=heads[2:]))
    links = f", links take {config.collective_cycles} cycles" if config.tiles > 1 else ""
    console.print(
        f"One token at position {found.position}: {found.cycles:,} cycles, weight banks busy "
        f"{found.utilisation:.1%}{links}.",
        highlight=False,
    )
