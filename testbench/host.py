"""The host's driver: registers by name, load packets, tokens. It knows the hardware only through three AXI ports."""

import random
from collections.abc import Iterator, Sequence

from cocotb.handle import HierarchyObject, LogicObject
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp, AxiStreamBus, AxiStreamSink, AxiStreamSource

from rtl.host import loader, register_port, token_queue
from rtl.host.packets import LoadTarget, packet, stream_bytes
from rtl.host.registers import Access, Register, register
from testbench.clock import start_clock

PUBLIC = ("clk", "rst", "s_axil_*", "s_axis_*", "m_axis_*", "irq")
"""Ports that it uses."""

BYTES = 4


class Refused(RuntimeError):
    """A register access was answered with SLVERR."""


class Host:
    """Drives the ports of `rtl.host` (cocotbext-axi underneath), with random stalls on request.

    Signals are sampled just before rising edges and change just after them, so the clock has to be one that cocotb
    makes (`testbench.runner.build(clock=None)`).
    """

    def __init__(self, dut: HierarchyObject, clock: LogicObject, reset: LogicObject):
        self.clock = clock
        self.bus = AxiLiteMaster(AxiLiteBus.from_prefix(dut, register_port.AXI), clock, reset)
        self.stream = AxiStreamSource(AxiStreamBus.from_prefix(dut, loader.AXI), clock, reset)
        self.tokens = AxiStreamSink(AxiStreamBus.from_prefix(dut, token_queue.AXI), clock, reset)

    def stall(self, seed: int, share: float) -> None:
        """Let every port wait in a random share of the cycles."""
        bus = self.bus
        write, read = bus.write_if, bus.read_if
        parts = (
            write.aw_channel,
            write.w_channel,
            write.b_channel,
            read.ar_channel,
            read.r_channel,
            self.stream,
            self.tokens,
        )
        for number, part in enumerate(parts):
            part.set_pause_generator(_pauses(random.Random(f"{seed} {number}"), share))

    @classmethod
    async def of(cls, dut: HierarchyObject) -> "Host":
        """The driver of a tile with its host interface, whose clock it starts and which it resets."""
        start_clock(dut.clk)
        host = cls(dut, dut.clk, dut.rst)
        dut.rst.value = 1
        for _ in range(4):
            await RisingEdge(dut.clk)
        dut.rst.value = 0
        for _ in range(10):
            await RisingEdge(dut.clk)
        return host

    async def access(self, address: int, data: bytes | None = None) -> int | None:
        """Read a word, or write bytes; None if that was refused. `address` need not be a register's."""
        if data is not None:
            answer = await self.bus.write(address, data)
            return None if answer.resp != AxiResp.OKAY else 0
        answer = await self.bus.read(address, BYTES)
        return None if answer.resp != AxiResp.OKAY else int.from_bytes(answer.data, "little")

    async def read(self, name: str) -> dict[str, int]:
        """Fields of a register."""
        found = register(name)
        return split(found, await self._word(found))

    async def _word(self, found: Register) -> int:
        value = await self.access(found.offset)
        if value is None:
            raise Refused(f"reading {found.name} was refused")
        return value

    async def field(self, name: str, field: str) -> int:
        """One field of a register."""
        return (await self.read(name))[field]

    async def counter(self, name: str) -> int:
        """A wide counter, both halves of one moment."""
        low = await self._word(register(f"{name}_LOW"))
        return await self._word(register(f"{name}_HIGH")) << 32 | low

    async def write(self, name: str, **fields: int) -> None:
        """Write a register; fields that are not given are written as zero."""
        found = register(name)
        if await self.access(found.offset, join(found, fields).to_bytes(BYTES, "little")) is None:
            raise Refused(f"writing {found.name} was refused")

    async def load(self, target: LoadTarget, words: Sequence[int], *, bank: int = 0, address: int = 0) -> None:
        """Send one load packet and wait until its last beat has been taken."""
        await self.stream.send(stream_bytes(packet(target, words, bank=bank, address=address)))
        await self.stream.wait()

    async def loaded(self) -> None:
        """Wait until nothing is being loaded."""
        while await self.field("STATUS", "loading"):
            await RisingEdge(self.clock)

    async def start(
        self, *, prompt_length: int, total_length: int, vocabulary: int, epsilon: int, first_position: int = 0,
        drafts: int = 0, columns: int | None = None,
    ) -> None:  # fmt: skip
        """Write the settings of a run and start it; `columns` of None stays what it was."""
        await self.write("PROMPT_LENGTH", prompt_length=prompt_length)
        await self.write("TOTAL_LENGTH", total_length=total_length)
        await self.write("VOCABULARY", vocabulary=vocabulary)
        await self.write("EPSILON", epsilon=epsilon)
        await self.write("FIRST_POSITION", first_position=first_position)
        await self.write("DRAFTS", drafts=drafts)
        if columns is not None:
            await self.write("COLUMNS", columns=columns)
        await self.write("CONTROL", start=1)

    async def take(self) -> list[int]:
        """Tokens up to TLAST, the last of a run."""
        frame = await self.tokens.recv()
        data = bytes(frame.tdata)
        return [int.from_bytes(data[at : at + BYTES], "little") for at in range(0, len(data), BYTES)]


def _pauses(source: random.Random, share: float) -> Iterator[bool]:
    while True:
        yield source.random() < share


def split(found: Register, word: int) -> dict[str, int]:
    """Fields of a register's word."""
    return {field.name: word >> field.low & (1 << field.bits) - 1 for field in found.fields}


def join(found: Register, fields: dict[str, int]) -> int:
    """A register's word; a field that is not there, is read only or does not fit is refused."""
    known = {field.name: field for field in found.fields if field.access is not Access.READ_ONLY}
    word = 0
    for name, value in fields.items():
        if name not in known or not 0 <= value < 1 << known[name].bits:
            raise ValueError(
                f"{found.name} takes {', '.join(known) or 'no field'}; {name} = {value:#x} cannot be written"
            )
        word |= value << known[name].low
    return word
