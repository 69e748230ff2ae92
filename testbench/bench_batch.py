"""The bench of a tile whose columns are the sequences of a batch: plays runs after each other.

In the run folder `request.json` holds `vocabulary`, `epsilon`, `context` and `runs`, each of which has `prompts`
(tokens of each sequence, all from position 0) and `total` (positions). `observed.json` is written at the end: for each
run its tokens, their columns and cycles, and the counters.
"""

import json
import time
from pathlib import Path

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from testbench.bench_decode import COUNTERS, load_prompt, pulse, refuse, reset
from testbench.bench_decode import PUBLIC as ONE_SEQUENCE
from testbench.clock import PERIOD_NS, start_clock

PUBLIC = (*ONE_SEQUENCE, "columns", "token_column")
LENGTH_BITS = 16


@cocotb.test()
async def batches(tile):
    """Play the requests of the working directory."""
    request = json.loads(Path("request.json").read_text())
    start_clock(tile.clk)
    await reset(tile)
    tile.vocabulary.value, tile.epsilon.value = request["vocabulary"], request["epsilon"]
    cocotb.start_soon(refuse(tile))
    began = time.perf_counter()
    observed = [await play(tile, run, request["context"]) for run in request["runs"]]
    Path("observed.json").write_text(json.dumps({"runs": observed, "seconds": time.perf_counter() - began}))


async def play(tile, run, context: int):
    """One run: what comes out of it."""
    await load(tile, run, context)
    await pulse(tile.start)
    tokens = []
    while len(tokens) < sum(run["total"] - len(prompt) + 1 for prompt in run["prompts"]):
        await RisingEdge(tile.token_valid)
        await Timer(PERIOD_NS / 2, "ns")
        while tile.token_valid.value:
            tokens.append([int(s.value) for s in (tile.token, tile.token_column, tile.cycles)])
            await Timer(PERIOD_NS, "ns")
    if tile.busy.value:
        await FallingEdge(tile.busy)
    await Timer(16 * PERIOD_NS, "ns")
    found = {name: int(getattr(tile, name).value) for name in COUNTERS}
    return found | dict(zip(("tokens", "token_columns", "token_cycles"), zip(*tokens, strict=True), strict=True))


async def load(tile, run, context: int):
    """Write each sequence's prompt into its part of the prompt memory, and the settings."""
    lengths = 0
    for column, prompt in enumerate(run["prompts"]):
        lengths |= len(prompt) << LENGTH_BITS * column
        await load_prompt(tile, prompt, column * context)
    tile.prompt_length.value, tile.total_length.value = lengths, run["total"]
    tile.columns.value = len(run["prompts"])
