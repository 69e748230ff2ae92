"""The bench of a tile with columns: plays runs after each other on what earlier ones left in the KV memory.

In the run folder `request.json` holds `vocabulary`, `epsilon` and `runs`, each of which has `tokens` (given, from
`first` on), `first`, `total`, `emitted` (position from which on tokens are emitted) and `columns`. `observed.json` is
written at the end, with tokens, their columns and cycles, and the counters of each run.
"""

import json
import time
from pathlib import Path

import cocotb
from cocotb.triggers import FallingEdge, Timer

from testbench.bench_decode import COUNTERS, load_prompt, pulse, reset, rises
from testbench.bench_decode import PUBLIC as ONE_COLUMN
from testbench.clock import PERIOD_NS, start_clock

PUBLIC = (*ONE_COLUMN, "columns", "first_position", "first_emitted", "token_column")


@cocotb.test()
async def runs(tile):
    """Play the requests of the working directory."""
    request = json.loads(Path("request.json").read_text())
    start_clock(tile.clk)
    await reset(tile)
    tile.vocabulary.value, tile.epsilon.value = request["vocabulary"], request["epsilon"]
    began = time.perf_counter()
    observed = [await play(tile, run) for run in request["runs"]]
    Path("observed.json").write_text(json.dumps({"runs": observed, "seconds": time.perf_counter() - began}))


async def play(tile, run):
    """One run: what comes out of it."""
    await load(tile, run)
    return await outcome(tile, run["total"] - run["emitted"])


async def outcome(tile, count: int):
    """Start the run that is set up: the tokens that come, so many, and the counters."""
    await pulse(tile.start)
    tokens = []
    while len(tokens) < count:
        await rises(tile.token_valid)
        while tile.token_valid.value:
            tokens.append([int(s.value) for s in (tile.token, tile.token_column, tile.cycles)])
            await Timer(PERIOD_NS, "ns")
    if tile.busy.value:
        await FallingEdge(tile.busy)
    await Timer(16 * PERIOD_NS, "ns")
    found = {name: int(getattr(tile, name).value) for name in COUNTERS}
    return found | dict(zip(("tokens", "token_columns", "token_cycles"), zip(*tokens, strict=True), strict=True))


async def load(tile, run):
    """Write the given tokens where they belong, and the settings."""
    first, tokens = run["first"], run["tokens"]
    tile.first_position.value, tile.prompt_length.value = first, first + len(tokens)
    tile.total_length.value, tile.first_emitted.value = run["total"], run["emitted"]
    tile.columns.value = run["columns"]
    await load_prompt(tile, tokens, first)
