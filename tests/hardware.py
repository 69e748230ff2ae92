"""A model on a simulated tile of any configuration: logits, tokens, cycles, words; golden, schedule and accounts."""

import json
from collections import Counter
from pathlib import Path

import numpy as np

from rtl.tile.config import TileConfig
from sim.accounts import events
from sim.checkpoint import Model
from sim.compiler import compile_model, quantise_model
from sim.decode import build_simulator, write_request
from sim.generate import verilog
from sim.golden import emissions
from sim.timing import emission_cycles
from testbench.logits import monitor, read_logits
from testbench.runner import run

SMALL = {"bank_words": 1024, "kv_words": 256, "vector_words": 512, "constant_words": 2048, "banks_per_lane": 2}
"""Memories of a tile for models of a few thousand weights."""

PROMPT = [1, 5, 7]


def check_hardware(model: Model, config: TileConfig, folder: Path, *, tokens: int, simulator: str = "verilator"):
    """Let the tile's Verilog emit some tokens, in a new folder, and compare."""
    integers = quantise_model(model, config.context, config.format)
    program, total = compile_model(model, config, integers), len(PROMPT) + tokens - 1
    monitored = simulator == "verilator"
    built = build_simulator(config, verilog(config) | (monitor(config) if monitored else {}), simulator)
    write_request(program, folder, prompt=PROMPT, total=total)
    run(built, run_folder=folder, test_module="testbench.bench_decode")
    observed = json.loads((folder / "observed.json").read_text())
    expected, logits = zip(*emissions(integers, PROMPT, tokens), strict=True)
    assert observed["tokens"] == list(expected)
    if monitored:
        np.testing.assert_array_equal(read_logits(folder, config, program.vocabulary), logits)
    assert observed["token_cycles"] == emission_cycles(program.queues, config, len(PROMPT), total)
    counts = sum((events(program.queues, config, at, emits=at + 1 >= len(PROMPT)) for at in range(total)), Counter())
    assert observed["lane_words"] == counts["lane words"]
    assert observed["weight_words"] == counts["weight reads"]
