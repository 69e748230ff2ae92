"""Bandwidth density of a whole decode step, measured on one layer as wide as SmolLM2-135M's.

``python docs/peers/wide_layer.py [DESIGN] [TOKENS]`` simulates the design's tile with a model of one layer of width 576
whose weights are random (time does not depend on them) and the shipped model's vocabulary, and prints what
`spinstream decode` would. It takes some minutes, most of them for synthesis and the simulator.
"""

import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from sim.console import TerminalProgress
from sim.decode import measure, prepare, simulate
from sim.design import load_design
from sim.wide_layer import PROMPT, wide_model


def main():
    """Simulate and print the measurement as JSON."""
    design = load_design(sys.argv[1] if len(sys.argv) > 1 else "mram-16nm-4bit")
    tokens = int(sys.argv[2]) if len(sys.argv) > 2 else 240
    progress = TerminalProgress(Console(stderr=True), sys.stderr)
    run = prepare(
        design, wide_model(), prompt=PROMPT, tokens=tokens, simulator="verilator", waves=False, progress=progress
    )
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(run, simulate(run, Path(folder), progress), Path(folder)).as_dict()
    for name in ("text", "tokens"):
        del figures[name]
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
