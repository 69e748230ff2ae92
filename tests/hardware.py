"""A model on a simulated tile of any configuration: logits, tokens, cycles, words; golden, schedule and accounts."""

import json
from collections import Counter
from pathlib import Path

import numpy as np

from rtl.export.verilog import top
from rtl.tile.config import TileConfig
from sim.accounts import events
from sim.cache import cache_root
from sim.checkpoint import Model
from sim.compiler import compile_model, quantise_model
from sim.generate import verilog
from sim.golden import emissions
from sim.timing import emission_cycles
from testbench.bench_decode import PUBLIC
from testbench.logits import monitor, read_logits
from testbench.runner import build, run

SMALL = {"bank_words": 1024, "kv_words": 256, "vector_words": 512, "constant_words": 2048, "banks_per_lane": 2}
"""Memories of a tile for models of a few thousand weights."""

PROMPT = [1, 5, 7]


def check_hardware(model: Model, config: TileConfig, folder: Path, *, tokens: int, simulator: str = "verilator"):
    """Let the tile's Verilog emit some tokens, in a new folder, and compare."""
    integers = quantise_model(model, config.context, config.format)
    program, total = compile_model(model, config, integers), len(PROMPT) + tokens - 1
    sources, monitored = [], simulator == "verilator"
    for name, text in (verilog(config) | (monitor(config) if monitored else {})).items():
        sources.append(folder / name)
        sources[-1].write_text(text)
    runs = folder / "run"
    runs.mkdir()
    program.write_images(runs)
    request = {"prompt": PROMPT, "total": total, "vocabulary": program.vocabulary, "epsilon": program.epsilon}
    (runs / "request.json").write_text(json.dumps(request))
    built = build(
        sources=sources,
        toplevel=top(config),
        simulator=simulator,
        cache_root=cache_root(),
        public=PUBLIC,
        no_inline=("lane", "tile"),
    )
    run(built, run_folder=runs, test_module="testbench.bench_decode")
    observed = json.loads((runs / "observed.json").read_text())
    expected, logits = zip(*emissions(integers, PROMPT, tokens), strict=True)
    assert observed["tokens"] == list(expected)
    if monitored:
        np.testing.assert_array_equal(read_logits(runs, config, program.vocabulary), logits)
    assert observed["token_cycles"] == emission_cycles(program.queues, config, len(PROMPT), total)
    counts = sum((events(program.queues, config, at, emits=at + 1 >= len(PROMPT)) for at in range(total)), Counter())
    assert observed["lane_words"] == counts["lane words"]
    assert observed["weight_words"] == counts["weight reads"]
