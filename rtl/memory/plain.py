"""No code at all: what stands where a decoder stands when a memory's raw errors are rare enough."""

import numpy as np
from amaranth.hdl import Module, Value
from amaranth.lib import wiring

from rtl.memory.correction import decoder_ports


def check_bits(data_bits: int) -> int:
    """None."""
    return 0


def encode(data):
    """The words themselves."""
    return data.copy()


def decode(code, data_bits: int):
    """The words themselves; every error passes unseen."""
    clean = np.zeros(len(code), bool)
    return code.copy(), clean, clean


def encode_value(m: Module, data: Value) -> Value:
    """The word itself."""
    return data


class PlainDecoder(wiring.Component):
    """Keeps a bank's word, with the ports of a decoder: one word a cycle, latency 1 cycle.

    Attributes
    ----------
    code, valid : a word
    data : the same one cycle later; holds until the next valid word
    corrected, uncorrectable : never raised
    """

    LATENCY = 1

    def __init__(self, data_bits: int, *, gated: bool = False):
        super().__init__(decoder_ports(data_bits, data_bits))

    def elaborate(self, platform):
        m = Module()
        with m.If(self.valid):
            m.d.sync += self.data.eq(self.code)
        return m
