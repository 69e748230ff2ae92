"""The bench of a tile whose columns are the sequences of a batch: plays runs after each other.

In the run folder `request.json` holds `vocabulary`, `epsilon`, `context` and `runs`, each of which has `prompts`
(tokens of each sequence, all from position 0) and `total` (positions). `observed.json` is written at the end: for each
run its tokens, their columns and cycles, and the counters.
"""

import json
import time
from pathlib import Path

import cocotb

from testbench.bench_columns import outcome
from testbench.bench_decode import PUBLIC as ONE_SEQUENCE
from testbench.bench_decode import load_prompt, refuse, reset
from testbench.clock import start_clock

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
    return await outcome(tile, sum(run["total"] - len(prompt) + 1 for prompt in run["prompts"]))


async def load(tile, run, context: int):
    """Write each sequence's prompt into its part of the prompt memory, and the settings."""
    lengths = 0
    for column, prompt in enumerate(run["prompts"]):
        lengths |= len(prompt) << LENGTH_BITS * column
        await load_prompt(tile, prompt, column * context)
    tile.prompt_length.value, tile.total_length.value = lengths, run["total"]
    tile.columns.value = len(run["prompts"])
