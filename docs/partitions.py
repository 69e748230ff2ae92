"""The tables of `chip.md`: one decode on one tile and on several, on one chip and on two, simulated.

Run ``python docs/partitions.py DESIGN MODEL PROMPT TOKENS [TILES ...]``, TILES being tiles, or tiles/chips. Every row
is a simulation of 32 lanes in all whose tokens, and every one of whose logits, are compared with those of the golden
model, which knows of no partition, and whose cycles with the schedule's; it ends with exit status 1 if any differ.
Simulators take minutes each, once.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from rtl.tile.config import TileConfig
from rtl.tile.program import Source
from sim.checkpoint import load_model, prompt_tokens
from sim.compiler import Program, compile_model, quantise_model
from sim.console import Silent
from sim.decode import build_simulator, write_request
from sim.design import load_design
from sim.generate import verilog
from sim.golden import emissions
from sim.tile import build_tile
from sim.timing import emission_cycles
from testbench.logits import monitor, read_logits
from testbench.runner import run

LINKS = {1: 1, 2: 1, 4: 2, 16: 4}
"""Cycles from tile to tile, by the tiles of a chip: as many as a reduction has levels."""

CHIP_LINK = 20


def partition(config: TileConfig, tiles: int, chips: int) -> TileConfig:
    """The same 32 lanes as so many tiles on so many chips."""
    return dataclasses.replace(
        config, lanes=32, vector_lanes=32, tiles=tiles, chips=chips, link_cycles=LINKS.get(tiles // chips, 4),
        chip_link_cycles=CHIP_LINK,
    )  # fmt: skip


def simulated(program: Program, prompt: list[int], tokens: int) -> dict:
    """What the simulated tiles emit, and when, and with what logits."""
    config, sources = program.config, verilog(program.config) | monitor(program.config)
    with tempfile.TemporaryDirectory() as name:
        write_request(program, folder := Path(name), prompt=prompt, total=len(prompt) + tokens - 1)
        run(build_simulator(config, sources, "verilator"), run_folder=folder, test_module="testbench.bench_decode")
        observed = json.loads((folder / "observed.json").read_text())
        return observed | {"logits": read_logits(folder, config, program.vocabulary)}


def main(design: str, name: str, text: str, tokens: int, partitions: list[str]) -> bool:
    """Print the table as Markdown; whether all is as expected."""
    base, model, right = build_tile(load_design(design)).config, load_model(name, Silent()), True
    integers = quantise_model(model, base.context, base.format)
    prompt = prompt_tokens(model, text, chat=False)
    expected, logits = zip(*emissions(integers, prompt, tokens), strict=True)
    print("| Tiles | Chips | Links | Cycles a token | Weight banks busy | Tokens | Logits | Cycles | Simulated in s |")
    print("|---" * 9 + "|")
    for one in partitions:
        tiles, _, chips = one.partition("/")
        config = partition(base, int(tiles), int(chips or 1))
        program = compile_model(model, config, integers)
        found = simulated(program, prompt, tokens)
        predicted = emission_cycles(program.queues, config, len(prompt), len(prompt) + tokens - 1)
        same = [found["tokens"] == list(expected), np.array_equal(found["logits"], logits)]
        same.append(found["token_cycles"] == predicted)
        cycles = (predicted[-1] - predicted[0]) / (tokens - 1)
        words = sum(i.steps(1) for i in program.stream if i.source == Source.WEIGHTS) * config.period
        cells = [config.tiles, config.chips, config.link_cycles, f"{cycles:,.0f}", f"{words / cycles:.1%}"]
        cells += ["equal" if equal else "DIFFERENT" for equal in same] + [f"{found['seconds']:.1f}"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        right &= all(same)
    return right


if __name__ == "__main__":
    design, name, text, tokens, *partitions = sys.argv[1:]
    sys.exit(not main(design, name, text, int(tokens), partitions or ["1", "2", "4", "16", "16/2"]))
