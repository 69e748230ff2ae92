"""The decode bench: gives the tile a prompt, starts it once, and writes down what it emits and when.

Python sleeps from one token to the next. In the run folder `request.json` holds `prompt`, `total`, `vocabulary`,
`epsilon`; `observed.json` is written at the end. Each token is printed as a line `token <id> <cycle>`.
"""

import json
import time
from pathlib import Path

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from rtl.host.packets import Target
from rtl.tile.activity import ACTIVITIES
from testbench.clock import PERIOD_NS, start_clock

COUNTERS = ("cycles", "weight_words", "lane_words", "corrected_words", "uncorrectable_words", *ACTIVITIES)
LOAD = ("load_valid", "load_target", "load_bank", "load_address", "load_data")
WATCHED = (
    "busy",
    "load_ready",
    "token_valid",
    "token",
    "tainted",
    "illegal_program",
    "uncorrectable",
    "uncorrectable_bank",
    "uncorrectable_address",
    *COUNTERS,
)
PUBLIC = (
    "clk",
    "rst",
    "start",
    "prompt_length",
    "total_length",
    "vocabulary",
    "epsilon",
    *LOAD,
    *WATCHED,
)


@cocotb.test()
async def decode(tile):
    """Run the request of the working directory to its last token."""
    request = json.loads(Path("request.json").read_text())
    start_clock(tile.clk)
    await reset(tile)
    await load(tile, request)
    lost: list[int] = []
    cocotb.start_soon(watch(tile, lost))
    cocotb.start_soon(refuse(tile))
    began, busy = time.perf_counter(), time.process_time()
    await pulse(tile.start)
    tokens, cycles, tainted = [], [], []
    for _ in range(request["total"] - len(request["prompt"]) + 1):
        await rises(tile.token_valid)
        tokens.append(int(tile.token.value))
        cycles.append(int(tile.cycles.value))
        tainted.append(int(tile.tainted.value))
        print(f"token {tokens[-1]} {cycles[-1]}", flush=True)
    if tile.busy.value:
        await FallingEdge(tile.busy)
    await Timer(16 * PERIOD_NS, "ns")
    observed = {name: int(getattr(tile, name).value) for name in COUNTERS}
    observed |= {
        "tokens": tokens,
        "token_cycles": cycles,
        "tainted": tainted,
        "lost": lost,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - busy,
    }
    Path("observed.json").write_text(json.dumps(observed))


async def watch(tile, lost):
    """Bank and address of the first word beyond repair."""
    await rises(tile.uncorrectable)
    lost += [int(tile.uncorrectable_bank.value), int(tile.uncorrectable_address.value)]


async def refuse(tile):
    """End the test when the tile refuses its program."""
    await RisingEdge(tile.illegal_program)
    raise AssertionError("the tile met a program that it cannot play")


async def reset(tile):
    """Hold every input low and the reset high for two cycles."""
    for name in ("start", *LOAD):
        getattr(tile, name).value = 0
    await pulse(tile.rst, cycles=2)


async def load(tile, request):
    """Write the prompt and the lengths."""
    tile.prompt_length.value, tile.total_length.value = len(request["prompt"]), request["total"]
    tile.vocabulary.value, tile.epsilon.value = request["vocabulary"], request["epsilon"]
    await load_prompt(tile, request["prompt"])


async def load_prompt(tile, tokens, first: int = 0):
    """Write tokens from a position on."""
    tile.load_valid.value, tile.load_target.value = 1, int(Target.PROMPT)
    for address, token in enumerate(tokens, first):
        tile.load_address.value, tile.load_data.value = address, token
        await Timer(PERIOD_NS, "ns")
        while not tile.load_ready.value:
            await Timer(PERIOD_NS, "ns")
    tile.load_valid.value = 0
    await Timer(PERIOD_NS, "ns")


async def rises(signal):
    """Waits for a signal and then for the middle of its cycle, when the registers that change with it have done so."""
    await RisingEdge(signal)
    await Timer(PERIOD_NS / 2, "ns")


async def pulse(signal, cycles: int = 1):
    """High for some cycles; inputs change between rising edges."""
    signal.value = 1
    await Timer(cycles * PERIOD_NS, "ns")
    signal.value = 0
