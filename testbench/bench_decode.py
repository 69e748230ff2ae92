"""The decode bench: gives the tile a prompt, starts it once, and writes down what it emits and when.

Python sleeps from one token to the next. In the run folder `request.json` holds `prompt`, `total`, `vocabulary`,
`epsilon`; `observed.json` is written at the end. Each token is printed as a line `token <id> <cycle>`.
"""

import json
import time
from pathlib import Path

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from testbench.clock import PERIOD_NS, start_clock

COUNTERS = ("cycles", "weight_words", "lane_words", "corrected_words", "uncorrectable_words")
WATCHED = ("busy", "token_valid", "token", *COUNTERS)
PUBLIC = (
    "clk",
    "rst",
    "start",
    "prompt_length",
    "total_length",
    "vocabulary",
    "epsilon",
    "prompt_write",
    "prompt_write_address",
    "prompt_write_data",
    *WATCHED,
)


@cocotb.test()
async def decode(tile):
    """Run the request of the working directory to its last token."""
    request = json.loads(Path("request.json").read_text())
    start_clock(tile.clk)
    await reset(tile)
    await load(tile, request)
    began, busy = time.perf_counter(), time.process_time()
    await pulse(tile.start)
    tokens, cycles = [], []
    for _ in range(request["total"] - len(request["prompt"]) + 1):
        await RisingEdge(tile.token_valid)
        tokens.append(int(tile.token.value))
        cycles.append(int(tile.cycles.value))
        print(f"token {tokens[-1]} {cycles[-1]}", flush=True)
    if tile.busy.value:
        await FallingEdge(tile.busy)
    await Timer(16 * PERIOD_NS, "ns")
    observed = {name: int(getattr(tile, name).value) for name in COUNTERS}
    observed |= {
        "tokens": tokens,
        "token_cycles": cycles,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - busy,
    }
    Path("observed.json").write_text(json.dumps(observed))


async def reset(tile):
    """Hold every input low and the reset high for two cycles."""
    for name in ("start", "prompt_write", "prompt_write_address", "prompt_write_data"):
        getattr(tile, name).value = 0
    await pulse(tile.rst, cycles=2)


async def load(tile, request):
    """Write the prompt and the lengths."""
    tile.prompt_length.value, tile.total_length.value = len(request["prompt"]), request["total"]
    tile.vocabulary.value, tile.epsilon.value = request["vocabulary"], request["epsilon"]
    tile.prompt_write.value = 1
    for address, token in enumerate(request["prompt"]):
        tile.prompt_write_address.value, tile.prompt_write_data.value = address, token
        await Timer(PERIOD_NS, "ns")
    tile.prompt_write.value = 0


async def pulse(signal, cycles: int = 1):
    """High for some cycles; inputs change between rising edges."""
    signal.value = 1
    await Timer(cycles * PERIOD_NS, "ns")
    signal.value = 0
