"""Counts how often a tile's memories and units work, from which its energy follows."""

from collections.abc import Mapping

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.report import COUNT_BITS

ACTIVITIES = (
    "kv_reads",
    "kv_writes",
    "vector_steps",
    "vector_reads",
    "vector_writes",
    "activation_reads",
    "activation_writes",
    "constant_reads",
    "constant_writes",
    "program_reads",
    "prompt_reads",
    "lane_cycles",
)
"""What is counted: accesses of one word of one memory, steps of the vector pipe, and cycles in which the lanes' clock
runs (`sim.accounts` has the same)."""


class Activity(wiring.Component):
    """A counter for each of `ACTIVITIES`. Latency 1 cycle.

    Parameters
    ----------
    bits : of the number of events that a cycle can have, by activity; 1 if it is not among them

    Attributes
    ----------
    clear : all counters back to zero
    now_* : events of this cycle
    kv_reads ... : counts
    """

    def __init__(self, bits: Mapping[str, int]):
        super().__init__(
            {
                "clear": In(1),
                **{f"now_{name}": In(bits.get(name, 1)) for name in ACTIVITIES},
                **{name: Out(COUNT_BITS) for name in ACTIVITIES},
            }
        )

    def count(self, m: Module, **events: Value) -> None:
        """Connect the events of some activities."""
        m.d.comb += [getattr(self, f"now_{name}").eq(value) for name, value in events.items()]

    def elaborate(self, platform):
        m = Module()
        for name in ACTIVITIES:
            total = getattr(self, name)
            m.d.sync += total.eq(total + getattr(self, f"now_{name}"))
            with m.If(self.clear):
                m.d.sync += total.eq(0)
        return m
