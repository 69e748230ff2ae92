"""The command line: ``spinstream doctor | device | macro | explore | generate | compile | synth | decode | system |
claim``.

Every command takes ``--json`` and then prints one JSON object, and nothing else, on standard output. Progress goes to
standard error. A mistake of the user's is one sentence there and exit status 2; a run whose tokens or cycles are not
those expected ends with 1, an interrupted one with 130.
"""

import json
import sys
from enum import StrEnum
from importlib.metadata import version
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from devicemodels.errors import UserError
from sim.console import TerminalProgress, output, table
from sim.design import DEFAULT_DESIGN, Design, load_design
from sim.listing.command import compile_
from sim.measurement import Measurement
from sim.synth.command import synth
from sim.system.command import claim, system

if TYPE_CHECKING:
    from devicemodels.row import Row
    from sim.doctor import Finding

DEFAULT_MODEL = "verse"
DEFAULT_PROMPT = "And, behold, Boaz came"
USER_ERROR, FAILED, INTERRUPTED = 2, 1, 130

app = typer.Typer(
    name="spinstream", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


class Simulator(StrEnum):
    """What simulates the Verilog."""

    verilator = "verilator"
    icarus = "icarus"


DesignArgument = Annotated[
    str, typer.Argument(metavar="[DESIGN]", help="Name of a preset, or path of a TOML file.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """From a memory cell's physics to tokens per second."""
    if show_version:
        print(f"spinstream {version('spinstream')}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what of the toolchain is there, which version, and what to install for what is missing."""
    from sim.doctor import examine, missing

    findings = examine()
    lacking = missing(findings)
    if as_json:
        _print_json({"ready": not lacking, "tools": [{**vars(tool), "found": tool.found} for tool in findings]})
    else:
        _show_tools(findings, [tool.name for tool in lacking])
    if lacking:
        raise typer.Exit(FAILED)


@app.command()
def device(
    design: DesignArgument = DEFAULT_DESIGN,
    mtj: Annotated[
        str | None,
        typer.Option(metavar="SHEET", help="Show a junction alone: a sheet's name, or path of a TOML file."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(metavar="KELVIN", help="Temperature; the design's, or 300 for a junction alone.")
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw switching, write error and retention of the junction into ./NAME.svg.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the chain of numbers from stack to bank, each with unit, source and kind; or a junction's alone."""
    from sim.device import describe, draw

    shown = describe(design, mtj=mtj, temperature=temperature, progress=_progress(as_json))
    picture = draw(shown, progress=_progress(as_json)) if plot else None
    if as_json:
        rows = [vars(row) for row in shown.rows]
        _print_json({"design": shown.name, "temperature": shown.temperature, "rows": rows, "plot": picture})
    else:
        _show_chain(shown.title, shown.rows)
        if picture:
            print(picture)


@app.command()
def macro(
    query: Annotated[
        str, typer.Argument(metavar="FILE", help="Path of a query, a TOML file, or the name of one that ships.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Characterise a published macro from the lines that are known of it, each figure with a band."""
    from sim.macro import as_dict, characterise, show

    found = characterise(query)
    if as_json:
        _print_json(as_dict(found))
    else:
        show(found)


@app.command()
def explore(
    design: DesignArgument = DEFAULT_DESIGN,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="mram or sram; else the design's.")] = None,
    node: Annotated[str | None, typer.Option(metavar="NODE", help="Such as 22nm; else the design's sheets.")] = None,
    capacity: Annotated[
        str | None, typer.Option(metavar="BITS", help="Data, such as 1Mb or 512kB; else the design's bank.")
    ] = None,
    word_bits: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Data bits of a word, repeatable; else a lane's.")
    ] = None,
    banks: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Banks that share the capacity, repeatable; else 1.")
    ] = None,
    check_bits: Annotated[int | None, typer.Option(metavar="N", help="Of a word; else those of SEC-DED.")] = None,
    temperature: Annotated[float | None, typer.Option(metavar="KELVIN", help="Else the design's.")] = None,
    limit: Annotated[
        list[str] | None, typer.Option(metavar="BOUND", help="Such as 'read_access_ns<3', repeatable.")
    ] = None,
    objective: Annotated[
        list[str] | None, typer.Option(metavar="FIGURE", help="Repeatable; the first chooses the point.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw all points and the front.")] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the design with the chosen bank; sizes stay the sheets'.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Search a bank's organisation and sizing: the Pareto front, a picture of it, the chosen point as a design."""
    from sim import explore as exploring

    base, widths, counts = load_design(design), word_bits or (), banks or ()
    if write:
        exploring.check_writable(base, widths, counts, check_bits)
    found = exploring.explore(
        base, kind=kind, node=node, capacity=capacity, words=widths, banks=counts, checks=check_bits,
        temperature=temperature, limits=limit or (), objectives=objective or (), sizing=write is None,
        progress=_progress(as_json),
    )  # fmt: skip
    if as_json:
        _print_json(exploring.as_dict(found))
    else:
        exploring.show(found)
    if plot:
        exploring.draw(found, plot)
    if write:
        exploring.write_design(found, base, write, kind=kind, node=node)
        if not as_json:
            print(f"Wrote {write}: its words, rows and mux; every size is that of the sheets, as explored here.")


@app.command()
def generate(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write into.")],
    design: DesignArgument = DEFAULT_DESIGN,
    as_json: JsonOption = False,
) -> None:
    """Write the tile in Verilog, a behavioural model of its banks, and a file list."""
    from sim.generate import generate as write_hardware

    chosen = load_design(design)
    files = write_hardware(chosen, output)
    if as_json:
        _print_json({"design": chosen.name, "directory": str(output), "files": [str(path) for path in files]})
    else:
        print(*files, sep="\n")


@app.command()
def decode(
    design: DesignArgument = DEFAULT_DESIGN,
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="verse, smollm2 (fetched once), or path of a GGUF or safetensors folder.",
        ),
    ] = DEFAULT_MODEL,
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="Text that the model goes on from.")] = DEFAULT_PROMPT,
    chat: Annotated[
        bool | None, typer.Option(help="Put the prompt into the model's chat template; by default, if it has one.")
    ] = None,
    tokens: Annotated[int, typer.Option(metavar="N", help="Tokens to generate, 1 or more.")] = 32,
    columns: Annotated[
        int | None,
        typer.Option(metavar="M", help="Columns of the tile, to verify drafts: 1, 2, 4, 8 or 16; else the design's."),
    ] = None,
    simulator: Annotated[Simulator, typer.Option(help="Simulator of the Verilog.")] = Simulator.verilator,
    waves: Annotated[bool, typer.Option("--waves", help="Record a waveform in the run folder (slow).")] = False,
    run_folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the run goes; without it, a new folder under runs/.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let the simulated hardware decode a language model, and measure it."""
    from rtl.tile.config import COLUMNS
    from testbench.tools import find_tools

    chosen = load_design(design)
    if tokens < 1:
        raise UserError(f"--tokens is {tokens}, but a decode generates at least 1")
    if columns is not None and columns not in COLUMNS:
        raise UserError(f"--columns is {columns}, but a tile has {', '.join(map(str, COLUMNS[:-1]))} or {COLUMNS[-1]}")
    find_tools(simulator.value)

    from sim.checkpoint import load_model
    from sim.decode import decode as run

    progress = _progress(as_json)
    measurement = run(
        chosen, load_model(model, progress), prompt=prompt, chat=chat, tokens=tokens, columns=columns,
        simulator=simulator.value, waves=waves, run_folder=run_folder, progress=progress,
    )  # fmt: skip
    _conclude(chosen, measurement, as_json)


app.command("compile")(compile_)
app.command()(synth)
app.command()(system)
app.command()(claim)


def _progress(as_json: bool) -> TerminalProgress:
    return TerminalProgress(Console(stderr=True), sys.stderr if as_json else sys.stdout)


def _conclude(design: Design, measurement: Measurement, as_json: bool) -> None:
    """Write the report, show the figures, and fail if tokens or cycles are not those expected."""
    from sim.chain import chain_rows
    from sim.report import write_report

    report = write_report(measurement, chain_rows(design), Path(measurement.run_folder))
    if as_json:
        _print_json({**measurement.as_dict(), "report": str(report)})
    else:
        _show_measurement(measurement, report)
    if not (measurement.golden_equal and measurement.cycles_equal) or measurement.uncorrectable_words:
        raise typer.Exit(FAILED)


def _show_measurement(measurement: Measurement, report: Path) -> None:
    from sim.report.headline import headline

    title = f"{measurement.design}, model {measurement.model}, {measurement.simulator}"
    rows = [(figure.name, figure.value, figure.note) for figure in headline(measurement)]
    console = output()
    console.print(table(title, ("Figure", "Value", ""), rows))
    console.print(f"Run folder  {measurement.run_folder}\nReport      {report}", highlight=False, soft_wrap=True)


def _show_chain(title: str, rows: "list[Row]") -> None:
    from sim.report.units import with_unit

    chain = table(title, ("Quantity", "Value", "Kind", "Source"), (), right=("Value",))
    for group, members in groupby(rows, key=attrgetter("group")):
        chain.add_section()
        chain.add_row(f"[bold]{escape(group.capitalize())}[/bold]")
        for row in members:
            cells = (row.name.replace("_", " "), with_unit(row.value, row.unit), row.kind, row.source)
            chain.add_row(*map(escape, cells))
    output().print(chain)


def _show_tools(findings: "list[Finding]", lacking: list[str]) -> None:
    rows = [(tool.name, _version_cell(tool), tool.purpose, _place(tool)) for tool in findings]
    console = output()
    console.print(table("Toolchain", ("Tool", "Version", "What for", "Where it is, or what to install"), rows))
    console.print(f"A decode needs: {', '.join(lacking)}." if lacking else "Ready to decode.", highlight=False)


def _version_cell(tool: "Finding") -> str:
    if tool.found:
        return tool.version or "unknown"
    return "MISSING" if tool.needed else "not here"


def _place(tool: "Finding") -> str:
    """Where the tool is, or what to install; what lies in the running environment is said to be there."""
    if not tool.found:
        return tool.install
    return "in this Python environment" if tool.where.startswith(sys.prefix) else tool.where


def _print_json(values: dict[str, Any]) -> None:
    print(json.dumps(values, allow_nan=False, ensure_ascii=False))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    try:
        status = app(arguments, prog_name="spinstream", standalone_mode=False)
    except (UserError, typer.TyperException) as error:
        sys.exit(_complain(error.format_message() if isinstance(error, typer.TyperException) else str(error)))
    except OSError as error:
        sys.exit(_complain(f"{error.strerror or error}: {error.filename}" if error.filename else str(error)))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    if status == INTERRUPTED:
        print("spinstream: interrupted", file=sys.stderr)
    sys.exit(status if isinstance(status, int) else 0)


def _complain(sentence: str) -> int:
    print(f"spinstream: {' '.join(sentence.split())}", file=sys.stderr)
    return USER_ERROR


if __name__ == "__main__":
    main()
