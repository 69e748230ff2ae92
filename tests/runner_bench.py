"""Coroutines of test_runner.py: they run inside the simulator."""

import os

import cocotb
from cocotb.handle import HierarchyObject
from cocotb.triggers import RisingEdge, Timer, with_timeout

from testbench.clock import PERIOD_NS, start_clock


@cocotb.test()
async def sums_its_memory(dut: HierarchyObject) -> None:
    """Starts the toy, sleeps until it is done and compares with what the environment says."""
    start_clock(dut.clk)
    dut.start.value = 0
    await Timer(4 * PERIOD_NS, "ns")
    print(f"COUNT {int(dut.cycles.value)}")
    dut.start.value = 1
    await Timer(PERIOD_NS, "ns")
    dut.start.value = 0
    await with_timeout(RisingEdge(dut.done), 1000 * PERIOD_NS, "ns")
    print(f"TOTAL {int(dut.total.value)}")
    print(f"CYCLES {int(dut.cycles.value)}")
    assert int(dut.total.value) == int(os.environ["EXPECTED_TOTAL"])


@cocotb.test(skip="HANG" not in os.environ)
async def hangs(dut: HierarchyObject) -> None:
    """Waits for what never comes."""
    start_clock(dut.clk)
    print("HANGING")
    await RisingEdge(dut.done)
    await RisingEdge(dut.done)
