"""Coroutine of test_repair.py: loads words with pauses, then reads all of them."""

import json
from pathlib import Path

import cocotb
from cocotb.triggers import RisingEdge, Timer

from testbench.clock import PERIOD_NS, start_clock

STATUS = ("retries", "repaired", "unrepairable", "failed", "failed_bank", "failed_address")


@cocotb.test()
async def load(top):
    """`request.json` holds [pause, bank, address, word] for each word, and how long a read takes."""
    request = json.loads(Path("request.json").read_text())
    start_clock(top.clk)
    top.valid.value = top.read.value = 0
    top.rst.value = 1
    await Timer(2 * PERIOD_NS, "ns")
    top.rst.value = 0
    await Timer(PERIOD_NS, "ns")
    for pause, bank, address, word in request["words"]:
        await Timer(pause * PERIOD_NS, "ns") if pause else None
        await offer(top, bank, address, word)
    await Timer(PERIOD_NS, "ns")
    while top.busy.value:
        await Timer(PERIOD_NS, "ns")
    observed = {name: int(getattr(top, name).value) for name in STATUS}
    observed["read"] = [
        await read(top, bank, address, request["read_cycles"]) for _, bank, address, _ in request["words"]
    ]
    Path("observed.json").write_text(json.dumps(observed))


async def offer(top, bank, address, word):
    """One word of the stream: valid and payload stay until ready."""
    top.bank.value, top.address.value, top.data.value = bank, address, word
    top.valid.value = 1
    await Timer(PERIOD_NS / 4, "ns")  # A quarter of a period before the rising edge, inputs have settled.
    while not top.ready.value:
        await Timer(PERIOD_NS, "ns")
    await RisingEdge(top.clk)
    await Timer(PERIOD_NS / 2, "ns")
    top.valid.value = 0


async def read(top, bank, address, cycles):
    """A word through table and decoder: [word, corrected, uncorrectable]."""
    top.bank.value, top.address.value, top.read.value = bank, address, 1
    await Timer(PERIOD_NS, "ns")
    top.read.value = 0
    await Timer(cycles * PERIOD_NS, "ns")
    return [int(top.word.value), int(top.corrected.value), int(top.uncorrectable.value)]
