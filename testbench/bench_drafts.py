"""The bench of a decode with drafts: each pass verifies what the tokens that the tile emitted before it suggest.

In the run folder `request.json` holds `prompt`, `most` (tokens wanted), `end` (the token behind which no other is, or
null), `columns`, `vocabulary` and `epsilon`. `observed.json` is written at the end: the certain `tokens` and
`token_cycles`, counted over all passes; `passes`, with what went into each, what came out and its counters; the sums of
those; and `lost`, as `testbench.bench_decode` has it. Each certain token is printed as a line `token <id> <cycle>`.
"""

import json
import time
from pathlib import Path

import cocotb

from testbench.bench_columns import play
from testbench.bench_decode import COUNTERS, refuse, reset, watch
from testbench.clock import start_clock
from testbench.drafts import Drafting


@cocotb.test()
async def decode(tile):
    """Go on from the request's prompt until no more tokens are wanted."""
    request = json.loads(Path("request.json").read_text())
    drafting = Drafting(**{name: request[name] for name in ("prompt", "columns", "most", "end")})
    start_clock(tile.clk)
    await reset(tile)
    tile.vocabulary.value, tile.epsilon.value = request["vocabulary"], request["epsilon"]
    lost: list[int] = []
    cocotb.start_soon(watch(tile, lost))
    cocotb.start_soon(refuse(tile))
    began, busy = time.perf_counter(), time.process_time()
    observed = await passes(tile, drafting)
    observed |= {"lost": lost, "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - busy}
    Path("observed.json").write_text(json.dumps(observed))


async def passes(tile, drafting):
    """All passes, and what is kept of them."""
    played, cycles = [], []
    while not drafting.finished:
        asked, before = drafting.next_pass(), sum(one["cycles"] for one in played)
        run = {"first": asked.first, "total": asked.total, "emitted": asked.emitted, "columns": drafting.columns}
        found = await play(tile, run | {"tokens": asked.tokens})
        new = drafting.take(asked, found["tokens"])
        for token, cycle in zip(new, found["token_cycles"], strict=False):
            cycles.append(before + cycle)
            print(f"token {token} {cycles[-1]}", flush=True)
        played.append({"first": asked.first, "given": asked.tokens, "drafted": asked.drafted, "kept": len(new)} | found)
    sums = {name: sum(one[name] for one in played) for name in COUNTERS}
    return sums | {"passes": played, "tokens": drafting.answer, "token_cycles": cycles}
