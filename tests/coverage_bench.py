"""Counts an input from 0 to 7 and back to 0."""

import cocotb
from cocotb.triggers import Timer

from testbench.clock import PERIOD_NS, start_clock


@cocotb.test()
async def count(top):
    """Every value for a cycle."""
    start_clock(top.clk)
    for value in (*range(8), 0, 0):
        top.a.value = value
        await Timer(PERIOD_NS, "ns")
