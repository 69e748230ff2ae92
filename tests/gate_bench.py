"""Coroutine of test_clock_gate.py: gives a decoder a codeword or none in each cycle and writes down what it says."""

import json
from pathlib import Path

import cocotb
from cocotb.triggers import Timer

from testbench.clock import PERIOD_NS, start_clock


@cocotb.test()
async def words(top):
    """`request.json` holds codewords, null for a cycle without; `observed.json` the outputs of each cycle."""
    start_clock(top.clk)
    top.rst.value = top.valid.value = top.code.value = 0
    await Timer(PERIOD_NS, "ns")
    seen = []
    for word in json.loads(Path("request.json").read_text()):
        top.valid.value, top.code.value = word is not None, word or 0
        await Timer(PERIOD_NS, "ns")
        seen.append([int(output.value) for output in (top.data, top.corrected, top.uncorrectable)])
    Path("observed.json").write_text(json.dumps(seen))
