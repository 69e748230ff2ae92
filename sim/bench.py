"""Speed of the simulation and of the junction's models: ``python -m sim.bench [--json]`` (or ``make bench``).

Counts the multiply-accumulates that lanes do for words they are given (not idle cycles), per second of processor
time of the simulating process, Python and cocotb included; the integer golden in NumPy stands beside it. The junction's
ensemble and error rates follow (`sim.bench_mtj`), beside a peer where one is installed.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sim.accounts import multiplications
from sim.bench_mtj import INSTALL, EnsembleSpeed, PointSpeed, measure_ensemble, measure_points
from sim.checkpoint import load_model
from sim.compiler import quantise_model
from sim.console import TerminalProgress, output, table
from sim.decode import prepare, simulate
from sim.design import load_design
from sim.golden import greedy

PROMPT, TOKENS = "And, behold, Boaz came", 96


DESIGNS = ("mram-22nm", "sram-22nm", "mram-22nm-4bit")
"""Presets that hold the shipped model."""


@dataclass(frozen=True, kw_only=True)
class SimulationSpeed:
    """Rates per second of processor time; `build` is that of the simulator, in seconds, zero if it was cached."""

    design: str
    cycles: float | None
    macs: float | None
    tokens: float
    build: float | None


def measure_design(name: str, progress) -> SimulationSpeed:
    """Speed of a design's simulation, and its build time."""
    run = prepare(
        load_design(name), load_model("verse"), prompt=PROMPT, tokens=TOKENS, simulator="verilator", waves=False,
        progress=progress,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        observed = simulate(run, Path(folder), progress)
    seconds = observed["cpu_seconds"]
    macs = multiplications(run.program, run.tile.config, len(run.prompt_tokens) - 1, run.total)
    return SimulationSpeed(
        design=name, cycles=observed["cycles"] / seconds, macs=macs / seconds,
        tokens=run.total / seconds, build=0.0 if run.build.cached else run.build.seconds,
    )  # fmt: skip


def measure_golden() -> SimulationSpeed:
    """The same run in the integer golden alone."""
    model = load_model("verse")
    integers, prompt = quantise_model(model, 256), model.tokenizer.encode(PROMPT)
    began = time.process_time()
    greedy(integers, prompt, TOKENS)
    tokens = (len(prompt) + TOKENS - 1) / (time.process_time() - began)
    return SimulationSpeed(design="golden (NumPy)", cycles=None, macs=None, tokens=tokens, build=None)


def simulation_table(speeds: list[SimulationSpeed]) -> Table:
    """One row per design."""
    columns = ("Design", "cycles/s", "MAC/s", "tokens/s", "build")
    rows = [
        [
            speed.design,
            "-" if speed.cycles is None else f"{speed.cycles / 1e3:.0f} k",
            "-" if speed.macs is None else f"{speed.macs / 1e6:.1f} M",
            f"{speed.tokens:.1f}",
            "-" if speed.build is None else "cached" if speed.build == 0 else f"{speed.build:.0f} s",
        ]
        for speed in speeds
    ]
    return table("Simulation speed on one core", columns, rows, right=columns[1:])


def ensemble_table(speed: EnsembleSpeed) -> Table:
    """Ours, and the peer's with the ratio."""
    columns = ("Solver", "ns per trajectory-step", "ratio")
    rows = [["Spinstream, ensemble", f"{speed.ours_ns:.1f}", "1"]]
    if speed.peer_ns is not None:
        least, middle, most = speed.ratio
        rows.append(["cmtj, Heun", f"{speed.peer_ns:.0f}", f"{middle:.0f} ({least:.0f} to {most:.0f})"])
    title = (
        f"Hot macrospin under spin torque: {speed.device}, {speed.overdrive:g} I_c0, {speed.temperature:g} K,"
        f" {speed.step * 1e12:g} ps"
    )
    return table(title, columns, rows, right=columns[1:])


def point_table(speeds: list[PointSpeed]) -> Table:
    """One row per write error."""
    columns = ("Delta", "overdrive", "reduced time", "ms", "error")
    rows = [
        [f"{s.delta:g}", f"{s.overdrive:g}", f"{s.reduced_time:g}", f"{s.milliseconds:.2f}", f"{s.error:+.3%}"]
        for s in speeds
    ]
    return table("Write error from the Fokker-Planck equation", columns, rows, right=columns)


def main(arguments: list[str] | None = None):
    """Print the tables, or one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m sim.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    as_json = parser.parse_args(arguments).json
    progress = TerminalProgress(Console(stderr=True), sys.stderr)
    with progress.step("step the junction's ensemble"):
        ensemble, points = measure_ensemble(), measure_points()
    speeds = [*(measure_design(name, progress) for name in DESIGNS), measure_golden()]
    if as_json:
        print(json.dumps(as_document(speeds, ensemble, points), indent=2))
        return
    for shown in (simulation_table(speeds), ensemble_table(ensemble), point_table(points)):
        output().print(shown)
    if ensemble.peer_ns is None:
        print(INSTALL)


def as_document(speeds: list[SimulationSpeed], ensemble: EnsembleSpeed, points: list[PointSpeed]) -> dict:
    """All figures, under the names of their fields."""
    return {
        "simulation": [asdict(speed) for speed in speeds],
        "ensemble": asdict(ensemble),
        "fokker_planck": [asdict(point) for point in points],
    }


if __name__ == "__main__":
    main()
