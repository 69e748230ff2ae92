"""Coroutine of test_injection.py: plays a list of accesses on a bank and writes down what each read gives."""

import json
from pathlib import Path

import cocotb
from cocotb.triggers import Timer

from testbench.clock import PERIOD_NS, start_clock


@cocotb.test()
async def accesses(bank):
    """`request.json` holds the bank's three times and a list of [address, word to write or null]."""
    request = json.loads(Path("request.json").read_text())
    start_clock(bank.clk)
    bank.enable.value = bank.write.value = 0
    await Timer(PERIOD_NS, "ns")
    seen = []
    for address, word in request["accesses"]:
        bank.address.value, bank.write_data.value = address, word or 0
        await pulse(bank.enable if word is None else bank.write)
        wait = request["write"] if word is not None else request["cadence"]
        await Timer((wait - 1) * PERIOD_NS, "ns") if wait > 1 else None
        if word is None:
            seen.append(int(bank.data.value))
    Path("observed.json").write_text(json.dumps(seen))


async def pulse(signal):
    """High for a cycle."""
    signal.value = 1
    await Timer(PERIOD_NS, "ns")
    signal.value = 0
