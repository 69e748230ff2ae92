"""Counts of what the decoders found, and the place of words that were beyond repair."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arithmetic.integers import tree

COUNT_BITS = 48
"""Width of the counters: a tile with 32 lanes takes days to fill them."""


class ErrorReport(wiring.Component):
    """Adds up the flags of all lanes, and says where a word is uncorrectable. Latency 1 cycle.

    Attributes
    ----------
    corrected, uncorrectable : flags of the lanes' decoders, of words that were read at one address
    address : that address
    clear : counts and `failed` back to zero
    corrected_words, uncorrectable_words : counts
    failed : there was an uncorrectable word; stays until `clear`
    lost, lost_lane, lost_address : for one cycle, there is one; the lowest lane that has it, and its address
    """

    def __init__(self, *, lanes: int, address_bits: int):
        super().__init__(
            {
                "corrected": In(lanes),
                "uncorrectable": In(lanes),
                "address": In(address_bits),
                "clear": In(1),
                "corrected_words": Out(COUNT_BITS),
                "uncorrectable_words": Out(COUNT_BITS),
                "failed": Out(1),
                "lost": Out(1),
                "lost_lane": Out(range(max(lanes, 2))),
                "lost_address": Out(address_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.d.sync += [
            self.corrected_words.eq(self.corrected_words + count_ones(self.corrected)),
            self.uncorrectable_words.eq(self.uncorrectable_words + count_ones(self.uncorrectable)),
        ]
        first = Signal.like(self.lost_lane)
        for lane in reversed(range(len(self.uncorrectable))):
            with m.If(self.uncorrectable[lane]):
                m.d.comb += first.eq(lane)
        m.d.sync += self.lost.eq(self.uncorrectable.any())
        with m.If(self.uncorrectable.any()):
            m.d.sync += [self.failed.eq(1), self.lost_lane.eq(first), self.lost_address.eq(self.address)]
        with m.If(self.clear):
            m.d.sync += [port.eq(0) for port in (self.corrected_words, self.uncorrectable_words, self.failed)]
        return m


def count_ones(bits):
    """Number of set bits."""
    return tree([*bits], lambda a, b: a + b)
