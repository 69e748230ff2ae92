"""The clock of a bench."""

import os

from cocotb.clock import Clock
from cocotb.handle import LogicObject

PERIOD_NS = 2
"""Period of the simulated clock; it says nothing about the real one. Rising edges lie at odd nanoseconds, so a bench
that changes inputs at even ones (`await Timer(n * PERIOD_NS, "ns")`) or on an event is clear of them."""


def start_clock(clock: LogicObject) -> None:
    """Starts `clock`, low first, unless the simulation around it (clocked_main.cpp) already drives it."""
    if os.environ.get("SPINSTREAM_CLOCK") != "simulator":
        Clock(clock, PERIOD_NS, "ns", impl="gpi").start(start_high=False)
