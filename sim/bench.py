"""Speed of the simulation and of the junction's models: ``python -m sim.bench [--json]`` (or ``make bench``).

Counts the multiply-accumulates that lanes do for words they are given (not idle cycles), per second of processor
time of the simulating process, Python and cocotb included; the integer golden in NumPy stands beside it, and what it
takes to generate a tile's Verilog and to build its simulator. The junction's
ensemble and error rates follow (`sim.bench_mtj`), beside a peer where one is installed.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from devicemodels.errors import UserError
from rtl.export.verilog import tile_sources
from rtl.formats import ACCURATE
from rtl.tile.config import BankTiming, TileConfig
from sim.accounts import multiplications
from sim.bench_mtj import INSTALL, EnsembleSpeed, PointSpeed, measure_ensemble, measure_points
from sim.checkpoint import Model, load_model
from sim.compiler import quantise_model
from sim.console import TerminalProgress, output, table
from sim.decode import prepare, simulate
from sim.design import load_design
from sim.golden import greedy
from sim.wide_layer import wide_model

PROMPT, TOKENS, WIDE_TOKENS = "And, behold, Boaz came", 96, 24


DESIGNS = ("mram-22nm", "sram-22nm", "mram-22nm-4bit")
"""Presets that hold the shipped model."""

WIDE = "mram-16nm-4bit"
"""The preset for one wide layer."""

WHOLE, WHOLE_TOKENS = "mram-16nm-135m", 8
"""The preset that holds SmolLM2-135M."""

LARGE = TileConfig(
    lanes=32, vector_lanes=16, banks_per_lane=2, bank_words=1024, bank=BankTiming(latency_cycles=3, cadence_cycles=2),
    kv_words=96, vector_words=520, constant_words=1680, activation_groups=224, program_words=256, context=256,
    format=ACCURATE,
)  # fmt: skip
"""A tile of 4,096 multipliers, whose Verilog is generated and not simulated."""


@dataclass(frozen=True, kw_only=True)
class SimulationSpeed:
    """Rates per second of processor time.

    `generation` is that of the Verilog, in seconds of processor time, and `build` that of the simulator, in seconds,
    zero if it was cached.
    """

    design: str
    cycles: float | None = None
    macs: float | None = None
    tokens: float | None = None
    generation: float | None = None
    build: float | None = None


def measure_design(name: str, model: Model, tokens: int, progress) -> SimulationSpeed:
    """Speed of a design's simulation of a model, and what it takes to get there."""
    run = prepare(
        load_design(name), model, prompt=PROMPT, tokens=tokens, simulator="verilator", waves=False, progress=progress
    )
    with tempfile.TemporaryDirectory() as folder:
        observed = simulate(run, Path(folder), progress)
    seconds = observed["cpu_seconds"]
    macs = multiplications(run.program, run.tile.config, run.steps)
    return SimulationSpeed(
        design=name, cycles=observed["cycles"] / seconds, macs=macs / seconds,
        tokens=run.total / seconds, generation=measure_generation(run.tile.config),
        build=0.0 if run.build.cached else run.build.seconds,
    )  # fmt: skip


def measure_generation(config: TileConfig) -> float:
    """Seconds of processor time from a configuration to Verilog, Yosys included."""
    began = sum(os.times()[:4])
    tile_sources(config)
    return sum(os.times()[:4]) - began


def measure_simulation(progress) -> list[SimulationSpeed]:
    """Every preset with a model that it holds, the golden, and the generation of a large tile."""
    verse = load_model("verse")
    presets = [measure_design(name, verse, TOKENS, progress) for name in DESIGNS]
    with progress.step("Generate a tile of 4,096 multipliers"):
        large = SimulationSpeed(design="4,096 multipliers", generation=measure_generation(LARGE))
    wide = measure_design(WIDE, wide_model(), WIDE_TOKENS, progress)
    return [*presets, wide, *measure_whole(progress), large, measure_golden()]


def measure_whole(progress) -> list[SimulationSpeed]:
    """SmolLM2-135M on its tile, or nothing where it is not kept and cannot be fetched."""
    try:
        model = load_model("smollm2", progress)
    except UserError as error:
        print(error, file=sys.stderr)
        return []
    return [measure_design(WHOLE, model, WHOLE_TOKENS, progress)]


def measure_golden() -> SimulationSpeed:
    """The same run in the integer golden alone."""
    model = load_model("verse")
    integers, prompt = quantise_model(model, 256), model.tokenizer.encode(PROMPT)
    began = time.process_time()
    greedy(integers, prompt, TOKENS)
    tokens = (len(prompt) + TOKENS - 1) / (time.process_time() - began)
    return SimulationSpeed(design="golden (NumPy)", tokens=tokens)


def simulation_table(speeds: list[SimulationSpeed]) -> Table:
    """One row per design."""
    columns = ("Design", "cycles/s", "MAC/s", "tokens/s", "generation", "build")
    rows = [
        [
            speed.design,
            "-" if speed.cycles is None else f"{speed.cycles / 1e3:.0f} k",
            "-" if speed.macs is None else f"{speed.macs / 1e6:.1f} M",
            "-" if speed.tokens is None else f"{speed.tokens:.3g}",
            "-" if speed.generation is None else f"{speed.generation:.1f} s",
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
    speeds = measure_simulation(progress)
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
