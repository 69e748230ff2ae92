"""Speed of the simulation: ``python -m sim.bench`` (or ``make bench``).

Counts the multiply-accumulates that lanes do for words they are given (not idle cycles), per second of processor
time of the simulating process, Python and cocotb included; the integer golden in NumPy stands beside it.
"""

import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from rtl.formats import GROUP
from sim.checkpoint import load_model
from sim.compiler import quantise_model
from sim.console import TerminalProgress, output, table
from sim.decode import prepare, simulate
from sim.design import design_names, load_design
from sim.golden import greedy

PROMPT, TOKENS = "And, behold, Boaz came", 96


def measure_design(name: str, progress) -> list[str]:
    """One row of the table: cycles/s, MAC/s and tokens/s of a design's simulation, and its build time."""
    run = prepare(
        load_design(name), load_model("verse"), prompt=PROMPT, tokens=TOKENS, simulator="verilator", waves=False,
        progress=progress,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        observed = simulate(run, Path(folder), progress)
    seconds, macs = observed["cpu_seconds"], observed["lane_words"] * GROUP
    built = "cached" if run.build.cached else f"{run.build.seconds:.0f} s"
    return [
        name, f"{observed['cycles'] / seconds / 1e3:.0f} k", f"{macs / seconds / 1e6:.1f} M",
        f"{run.total / seconds:.1f}", built,
    ]  # fmt: skip


def measure_golden() -> list[str]:
    """The same run in the integer golden alone."""
    model = load_model("verse")
    integers, prompt = quantise_model(model, 256), model.tokenizer.encode(PROMPT)
    began = time.process_time()
    greedy(integers, prompt, TOKENS)
    return ["golden (NumPy)", "-", "-", f"{(len(prompt) + TOKENS - 1) / (time.process_time() - began):.1f}", "-"]


def main():
    """Print the table."""
    progress = TerminalProgress(Console(stderr=True), sys.stderr)
    rows = [*(measure_design(name, progress) for name in design_names()), measure_golden()]
    columns = ("Design", "cycles/s", "MAC/s", "tokens/s", "build")
    output().print(table("Simulation speed on one core", columns, rows, right=columns[1:]))


if __name__ == "__main__":
    main()
