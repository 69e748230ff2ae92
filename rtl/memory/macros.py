"""Instances of memory macros and of the clock gate, whose behavioural SystemVerilog lies beside this file."""

from importlib import resources

from amaranth.hdl import ClockSignal, Const, Instance

MODELS = ("weight_bank.sv", "sram.sv", "clock_gate.sv")


def model_sources() -> dict[str, str]:
    """File name and text of every behavioural model."""
    folder = resources.files("rtl.memory")
    return {name: (folder / name).read_text() for name in MODELS}


def weight_bank(
    *,
    index: int,
    words: int,
    bits: int,
    timing,
    enable,
    address,
    data,
    write=0,
    write_data=None,
    has_file: bool = True,
) -> Instance:
    """A weight bank: `timing.latency_cycles` from address to data, one read in `timing.cadence_cycles`.

    A write starts in a cycle with `write`, takes `timing.write_cycles` and excludes a read. With `has_file` the bank
    begins with the contents of `<path of the instance>.bin`, otherwise with zeros.
    """
    return Instance(
        "weight_bank",
        p_WORDS=words,
        p_BITS=bits,
        p_ADDRESS=len(address),
        p_ID=index,
        p_LATENCY=timing.latency_cycles,
        p_CADENCE=timing.cadence_cycles,
        p_WRITE=timing.write_cycles,
        p_HAS_FILE=int(has_file),
        i_clk=ClockSignal(),
        i_enable=enable,
        i_write=write,
        i_address=address,
        i_write_data=Const(0, bits) if write_data is None else write_data,
        o_data=data,
    )


def sram(
    *,
    words: int,
    grain: int,
    read_address,
    read_data,
    read_enable=1,
    has_file: bool = False,
    write_enable=0,
    write_address=None,
    write_data=None,
    write_mask=None,
) -> Instance:
    """An SRAM with one read and one write port, one cycle of latency, written in pieces of `grain` bits.

    With `has_file` it begins with the contents of `<path of the instance>.hex`.
    """
    bits = len(read_data)
    pieces = bits // grain
    return Instance(
        "sram",
        p_WORDS=words,
        p_BITS=bits,
        p_ADDRESS=len(read_address),
        p_GRAIN=grain,
        p_HAS_FILE=int(has_file),
        i_clk=ClockSignal(),
        i_read_enable=read_enable,
        i_read_address=read_address,
        o_read_data=read_data,
        i_write_enable=write_enable,
        i_write_address=Const(0, len(read_address)) if write_address is None else write_address,
        i_write_data=Const(0, bits) if write_data is None else write_data,
        i_write_mask=Const((1 << pieces) - 1, pieces) if write_mask is None else write_mask,
    )


def clock_gate(*, enable, gated) -> Instance:
    """A gate behind the clock: `gated` rises with it at the end of every cycle in which `enable` is high."""
    return Instance("clock_gate", i_clk=ClockSignal(), i_enable=enable, o_gated=gated)
