"""The bench of a tile behind its host interface: prompt in, tokens out, and nothing but AXI between.

In the run folder `request.json` holds `prompt`, `total`, `vocabulary`, `epsilon`, `seed`, `stalls`; `observed.json` is
written at the end.
"""

import json
from pathlib import Path

import cocotb

from rtl.host.interface import COUNTERS
from rtl.host.packets import LoadTarget, Target
from rtl.tile.sequencer import TOKEN_BITS
from testbench.host import Host


@cocotb.test()
async def decode(dut):
    """Load a prompt, run, and take the tokens; then the same once more after a soft reset in the middle of a run."""
    request = json.loads(Path("request.json").read_text())
    host = await Host.of(dut)
    host.stall(request["seed"], request["stalls"])
    context = await host.field("SIZE", "context")
    memory = LoadTarget(target=Target.PROMPT, banks=1, words=context, bits=TOKEN_BITS)
    first = await run(host, memory, request)
    await begin(host, memory, request)
    await host.write("CONTROL", soft_reset=1)
    while await host.field("STATUS", "busy"):
        pass
    await host.write("CONTROL", clear=1)
    observed = {"first": first, "second": await run(host, memory, request)}
    Path("observed.json").write_text(json.dumps(observed))


async def begin(host, memory, request):
    await host.load(memory, request["prompt"])
    await host.loaded()
    await host.start(
        prompt_length=len(request["prompt"]), total_length=request["total"], vocabulary=request["vocabulary"],
        epsilon=request["epsilon"],
    )  # fmt: skip


async def run(host, memory, request):
    """One run: tokens, counters, events."""
    await begin(host, memory, request)
    tokens = await host.take()
    while await host.field("STATUS", "busy"):
        pass
    counters = {name: await host.counter(name.upper()) for name in (*COUNTERS, "tokens")}
    events = [name for name, value in (await host.read("INTERRUPT_STATUS")).items() if value]
    await host.write("CONTROL", clear=1)
    return {"tokens": tokens, "counters": counters, "events": events}
