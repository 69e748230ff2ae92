"""The bench of a tile, or of several, loaded through AXI: every memory word by packets, then a decode.

In the run folder `request.json` holds `targets` (keywords of `LoadTarget`), `packets` (target, bank, words), `wrong`
(packets that are refused) and `illegal` (packets with programs), which are tried before these are loaded, and `prompt`,
`total`, `vocabulary`, `epsilon`; no run follows if `total` is 0. `observed.json` is written at the end.
"""

import json
from pathlib import Path

import cocotb

from rtl.host.interface import COUNTERS
from rtl.host.packets import LoadTarget, Target
from testbench.host import Host

LOADS = ("retries", "repaired", "unrepairable")


@cocotb.test()
async def load_and_decode(dut):
    """Load, run, and write down tokens, counters and events."""
    request = json.loads(Path("request.json").read_text())
    host = await Host.of(dut)
    targets = {one["target"]: LoadTarget(**{**one, "target": Target(one["target"])}) for one in request["targets"]}
    wrong = [await refused(host, targets, packet) for packet in request["wrong"]]
    illegal = [await attempt(host, request, targets, packets) for packets in request["illegal"]]
    await load(host, targets, request["packets"])
    observed = {"wrong": wrong, "illegal": illegal}
    observed |= {name: await host.field(f"LOAD_{name.upper()}", f"load_{name}") for name in LOADS}
    observed |= {"failed": await host.read("LOAD_FAILED"), "load_events": await events(host)}
    if request["total"]:
        observed |= await decode(host, request)
    Path("observed.json").write_text(json.dumps(observed))


async def load(host, targets, packets):
    """Send packets and wait until their words are written."""
    for target, bank, words in packets:
        await host.load(targets[target], words, bank=bank)
    await host.loaded()


async def refused(host, targets, packet):
    """A packet that is dropped: why."""
    await load(host, targets, [packet])
    code = await host.field("PACKET_ERROR", "packet_error_code")
    seen = await events(host)
    await host.write("CONTROL", clear=1)
    return seen, code


async def attempt(host, request, targets, packets):
    """A run of a program that ends without a token: its cycles and the events that it left."""
    await load(host, targets, packets)
    await begin(host, request)
    while await host.field("STATUS", "busy"):
        pass
    seen = await host.counter("CYCLES"), await events(host), await host.counter("TOKENS")
    await host.write("CONTROL", clear=1)
    return seen


async def begin(host, request):
    """Forget what has happened and start a run."""
    await host.write("CONTROL", clear=1)
    await host.start(
        prompt_length=len(request["prompt"]), total_length=request["total"], vocabulary=request["vocabulary"],
        epsilon=request["epsilon"],
    )  # fmt: skip


async def decode(host, request):
    """A run: tokens, counters, and the events that it left."""
    await begin(host, request)
    tokens = await host.take()
    while await host.field("STATUS", "busy"):
        pass
    counters = {name: await host.counter(name.upper()) for name in COUNTERS}
    return {"tokens": tokens, "counters": counters, "events": await events(host)} | await host.read("UNCORRECTABLE")


async def events(host):
    """Names of the events whose bit is set."""
    return [name for name, value in (await host.read("INTERRUPT_STATUS")).items() if value]
