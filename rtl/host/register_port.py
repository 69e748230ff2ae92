"""The register table behind an AXI4-Lite slave."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from types import MappingProxyType

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.host.axi import REGISTER_BITS, Response, axi_lite_slave
from rtl.host.registers import ADDRESS_BITS, COUNTER_BITS, REGISTERS, Access, all_fields

AXI = "s_axil"


def _field_ports(initial: Mapping[str, int]) -> dict[str, wiring.Member]:
    """A port for each field: values of read-only ones and events go in, all others come out."""
    flows = {
        Access.READ_ONLY: In,
        Access.READ_WRITE: Out,
        Access.COMMAND: Out,
        Access.WRITE_ONE_TO_CLEAR: In,
    }
    counters = {one.counter: In(COUNTER_BITS) for one in REGISTERS if one.counter}
    halves = {field.name for one in REGISTERS if one.counter for field in one.fields}
    return counters | {
        f.name: flows[f.access](f.bits, init=initial.get(f.name)) for f in all_fields() if f.name not in halves
    }


class RegisterPort(wiring.Component):
    """Registers of `rtl.host.registers` behind AXI4-Lite: one response for each request, in order.

    A write is answered two cycles after address and data are there, a read one cycle after its address; one write in
    three cycles and one read in two. Byte strobes are obeyed. An access that is refused answers SLVERR and changes
    nothing: no such address, no bit that can be written, a locked register while `busy`, `start` while `start_refused`.

    Parameters
    ----------
    initial : value of a field from reset on; 0 if it is not here

    Attributes
    ----------
    s_axil_* : the bus
    busy : a field's value, and what locks registers
    start_refused : a write that would start is refused
    status : sticky bits of the events; an event's port sets its bit, the host clears it, and setting wins
    illegal, illegal_at, illegal_is_write : a refused access, for one cycle
    everything else : a port for each field; commands are raised for one cycle, in which the write takes effect
    """

    def __init__(self, initial: Mapping[str, int] = MappingProxyType({})):
        events = [field for field in all_fields() if field.access is Access.WRITE_ONE_TO_CLEAR]
        super().__init__(
            {
                **axi_lite_slave(AXI, ADDRESS_BITS),
                **_field_ports(initial),
                "start_refused": In(1),
                "status": Out(len(events)),
                "illegal": Out(1),
                "illegal_at": Out(ADDRESS_BITS),
                "illegal_is_write": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        wrong_write, write_address = self._writes(m)
        wrong_read = self._reads(m)
        m.d.comb += [
            self.illegal.eq(wrong_write | wrong_read),
            self.illegal_is_write.eq(wrong_write),
            self.illegal_at.eq(Mux(wrong_write, write_address, self._axi("araddr"))),
        ]
        return m

    def _axi(self, name):
        return getattr(self, f"{AXI}_{name}")

    def _writes(self, m):
        """Takes address and data in any order; (refused in this cycle, its address)."""
        address, data, strobe = Signal(ADDRESS_BITS), Signal(REGISTER_BITS), Signal(REGISTER_BITS // 8)
        has_address, has_data = Signal(), Signal()
        m.d.comb += [self._axi("awready").eq(~has_address), self._axi("wready").eq(~has_data)]
        with m.If(self._axi("awvalid") & ~has_address):
            m.d.sync += [has_address.eq(1), address.eq(self._axi("awaddr"))]
        with m.If(self._axi("wvalid") & ~has_data):
            m.d.sync += [has_data.eq(1), data.eq(self._axi("wdata")), strobe.eq(self._axi("wstrb"))]
        executes = Signal()
        m.d.comb += executes.eq(has_address & has_data & ~self._axi("bvalid"))
        mask = Signal(REGISTER_BITS)
        m.d.comb += mask.eq(Cat(bit.replicate(8) for bit in strobe))
        legal = self._take(m, executes, address, data, mask)
        with m.If(executes):
            m.d.sync += [has_address.eq(0), has_data.eq(0), self._axi("bvalid").eq(1)]
            m.d.sync += self._axi("bresp").eq(Mux(legal, Response.OKAY, Response.SLVERR))
        with m.Elif(self._axi("bready")):
            m.d.sync += self._axi("bvalid").eq(0)
        return executes & ~legal, address

    def _take(self, m, executes, address, data, mask):
        """Writes the fields of the register at an address; whether that is legal."""
        legal, clears = Signal(), []
        for register in REGISTERS:
            hit = Signal(name=f"write_{register.name.lower()}")
            m.d.comb += hit.eq(executes & (address[2:] == register.offset // 4))
            allowed = Const(register.writable, 1) & ~(Const(register.locked, 1) & self.busy)
            if register.name == "CONTROL":
                allowed = allowed & ~(data[0] & mask[0] & self.start_refused)
            with m.If(hit):
                m.d.comb += legal.eq(allowed)
            for field in register.fields:
                bits = slice(field.low, field.low + field.bits)
                ones = (data & mask)[bits]
                if field.access is Access.READ_WRITE:
                    port = getattr(self, field.name)
                    with m.If(hit & allowed):
                        m.d.sync += port.eq(port & ~mask[bits] | ones)
                elif field.access is Access.COMMAND:
                    m.d.comb += getattr(self, field.name).eq(Mux(hit & allowed, ones, 0))
                elif field.access is Access.WRITE_ONE_TO_CLEAR:
                    clears.append((hit & ones[0] | self.clear, getattr(self, field.name)))
        # Registers of their own, since Icarus 11 runs for ever where a part of one is written.
        sticky = [Signal(name=f"status_{number}") for number in range(len(clears))]
        m.d.comb += self.status.eq(Cat(sticky))
        for bit, (clear, event) in zip(sticky, clears, strict=True):
            m.d.sync += bit.eq(bit & ~clear | event)
        return legal

    def _reads(self, m):
        """Answers reads; a refused one in this cycle."""
        waits, address = self._axi("rvalid"), self._axi("araddr")
        accepted, known = Signal(), Signal()
        value, kept = Signal(REGISTER_BITS), Signal(COUNTER_BITS - REGISTER_BITS)
        m.d.comb += [self._axi("arready").eq(~waits), accepted.eq(self._axi("arvalid") & ~waits)]
        hits = {one.name: address[2:] == one.offset // 4 for one in REGISTERS}
        m.d.comb += known.eq(Cat(hits.values()).any())
        m.d.comb += value.eq(reduce(or_, (Mux(hits[one.name], self._value(one, kept), 0) for one in REGISTERS)))
        for register in REGISTERS:
            if register.name.endswith("_LOW"):
                with m.If(accepted & hits[register.name]):
                    m.d.sync += kept.eq(getattr(self, register.counter)[REGISTER_BITS:])
        with m.If(accepted):
            m.d.sync += [waits.eq(1), self._axi("rdata").eq(value)]
            m.d.sync += self._axi("rresp").eq(Mux(known, Response.OKAY, Response.SLVERR))
        with m.Elif(self._axi("rready")):
            m.d.sync += waits.eq(0)
        return accepted & ~known

    def _value(self, register, kept):
        """What a register reads as."""
        if register.counter:
            return kept if register.name.endswith("_HIGH") else getattr(self, register.counter)[:REGISTER_BITS]
        value = Const(0, REGISTER_BITS)
        for number, field in enumerate(register.fields):
            if field.access is Access.WRITE_ONE_TO_CLEAR:
                value = value | self.status[number] << field.low
            elif field.access is not Access.COMMAND:
                value = value | getattr(self, field.name) << field.low
        return value
