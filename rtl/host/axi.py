"""Ports of AXI4-Lite and AXI4-Stream by their usual names (ARM IHI 0022, IHI 0051), as members of a signature."""

import enum

from amaranth.lib.wiring import In, Member, Out

REGISTER_BITS = 32
"""Data width of the register port."""

STREAM_BITS = 64
"""Data width of the load stream."""


class Response(enum.IntEnum):
    """What an AXI request is answered with."""

    OKAY = 0
    SLVERR = 2


def axi_lite_slave(prefix: str, address_bits: int) -> dict[str, Member]:
    """Members of an AXI4-Lite slave of 32 data bits; protection bits are taken and not looked at."""
    channels = {
        **{"awaddr": In(address_bits), "awprot": In(3), "awvalid": In(1), "awready": Out(1)},
        **{"wdata": In(REGISTER_BITS), "wstrb": In(REGISTER_BITS // 8), "wvalid": In(1), "wready": Out(1)},
        **{"bresp": Out(2), "bvalid": Out(1), "bready": In(1)},
        **{"araddr": In(address_bits), "arprot": In(3), "arvalid": In(1), "arready": Out(1)},
        **{"rdata": Out(REGISTER_BITS), "rresp": Out(2), "rvalid": Out(1), "rready": In(1)},
    }
    return {f"{prefix}_{name}": member for name, member in channels.items()}


def axi_stream(prefix: str, bits: int, *, slave: bool) -> dict[str, Member]:
    """Members of an AXI4-Stream of whole words: no TKEEP, so every byte counts."""
    forward, back = (In, Out) if slave else (Out, In)
    names = {"tdata": forward(bits), "tlast": forward(1), "tvalid": forward(1), "tready": back(1)}
    return {f"{prefix}_{name}": member for name, member in names.items()}
