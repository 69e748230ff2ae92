"""The bench of a tile with columns behind its host interface: runs that a host begins where earlier ones ended.

In the run folder `request.json` holds `context`, `vocabulary`, `epsilon`, `illegal` (settings of runs that are refused)
and `runs`, each of which has `tokens` (given, from `first_position` on) and settings. `observed.json` is written at the
end.
"""

import json
from pathlib import Path

import cocotb

from rtl.host.packets import LoadTarget, Target
from rtl.tile.sequencer import TOKEN_BITS
from testbench.host import Host, Refused


@cocotb.test()
async def runs(dut):
    """Try what is illegal, then play the runs."""
    request = json.loads(Path("request.json").read_text())
    host = await Host.of(dut)
    built = await host.field("COLUMNS_BUILT", "columns_built")
    fixed = {name: request[name] for name in ("vocabulary", "epsilon")}
    refused = [await refuses(host, fixed | settings) for settings in request["illegal"]]
    memory = LoadTarget(target=Target.PROMPT, banks=1, words=request["context"], bits=TOKEN_BITS)
    observed = [await play(host, memory, fixed, **run) for run in request["runs"]]
    Path("observed.json").write_text(json.dumps({"built": built, "refused": refused, "runs": observed}))


async def refuses(host, settings):
    """Whether a start is refused and leaves its event and no run."""
    try:
        await host.start(**settings)
    except Refused:
        event = await host.field("INTERRUPT_STATUS", "illegal_access")
        await host.write("CONTROL", clear=1)
        return bool(event) and not await host.field("STATUS", "busy")
    return False


async def play(host, memory, fixed, tokens, **settings):
    """One run: tokens and cycles."""
    first = settings["first_position"]
    await host.load(memory, tokens, address=first)
    await host.loaded()
    await host.start(**fixed, **settings, prompt_length=first + len(tokens))
    found = await host.take()
    while await host.field("STATUS", "busy"):
        pass
    return {"tokens": found, "cycles": await host.counter("CYCLES"), "counted": await host.counter("TOKENS")}
