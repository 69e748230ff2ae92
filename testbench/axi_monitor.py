"""Watches handshakes for what AXI forbids: a valid taken back, a payload that changes, a response nobody asked for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cocotb.handle import HierarchyObject, LogicObject
from cocotb.triggers import RisingEdge

from rtl.host import loader, register_port, token_queue

LITE, LOAD, TOKENS = register_port.AXI, loader.AXI, token_queue.AXI
_CHANNELS = {
    f"{LITE}_aw": ("awaddr", "awprot"),
    f"{LITE}_w": ("wdata", "wstrb"),
    f"{LITE}_b": ("bresp",),
    f"{LITE}_ar": ("araddr", "arprot"),
    f"{LITE}_r": ("rdata", "rresp"),
    f"{LOAD}_t": ("tdata", "tlast"),
    f"{TOKENS}_t": ("tdata", "tlast"),
}
_OURS = (f"{LITE}_b", f"{LITE}_r", f"{TOKENS}_t")
"""Channels that the hardware drives."""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Signals of one handshake."""

    name: str
    valid: LogicObject
    ready: LogicObject
    payload: tuple[LogicObject, ...]


class AxiMonitor:
    """Checks every cycle, just before its rising edge; `run` is a coroutine that raises AssertionError.

    Checked: while valid waits for ready it stays and its payload does not change; no response comes before its request
    has been taken; the hardware's valids are low in reset; each request has one response (`check_answered`, at the
    end).

    Attributes
    ----------
    moved : transfers so far by channel
    """

    def __init__(self, dut: HierarchyObject, clock: LogicObject, reset: LogicObject):
        self._clock, self._reset = clock, reset
        self.channels = [_channel(dut, name, payload) for name, payload in _CHANNELS.items()]
        self.moved: Counter[str] = Counter()

    async def run(self) -> None:
        """Watch until the test ends."""
        waiting: dict[str, Sequence[int]] = {}
        in_reset = 0
        while True:
            await RisingEdge(self._clock)
            in_reset = in_reset + 1 if self._reset.value else 0
            for channel in self.channels:
                if in_reset:
                    waiting.pop(channel.name, None)
                    # The registers take the reset at the end of its first cycle.
                    assert in_reset < 3 or channel.name not in _OURS or not channel.valid.value, channel.name
                else:
                    self._look(channel, waiting)
            self._check_order()
            if in_reset:
                self.moved.clear()

    def _look(self, channel: Channel, waiting: dict[str, Sequence[int]]) -> None:
        valid = bool(channel.valid.value)
        payload = [int(signal.value) for signal in channel.payload] if valid else []
        before = waiting.pop(channel.name, None)
        if before is not None:
            assert valid, f"{channel.name}: valid was taken back before ready"
            assert payload == before, f"{channel.name}: the payload changed from {before} to {payload} before ready"
        if valid and channel.ready.value:
            self.moved[channel.name] += 1
        elif valid:
            waiting[channel.name] = payload

    def _check_order(self) -> None:
        moved = self.moved
        asked = min(moved[f"{LITE}_aw"], moved[f"{LITE}_w"])
        assert moved[f"{LITE}_b"] <= asked, "a write was answered that nobody made"
        assert moved[f"{LITE}_r"] <= moved[f"{LITE}_ar"], "a read was answered that nobody made"

    def check_answered(self) -> None:
        """Every request has had its response."""
        moved = self.moved
        assert moved[f"{LITE}_aw"] == moved[f"{LITE}_w"] == moved[f"{LITE}_b"]
        assert moved[f"{LITE}_ar"] == moved[f"{LITE}_r"]


def _channel(dut: HierarchyObject, name: str, payload: tuple[str, ...]) -> Channel:
    bus = name.rpartition("_")[0]
    return Channel(
        name=name,
        valid=getattr(dut, f"{name}valid"),
        ready=getattr(dut, f"{name}ready"),
        payload=tuple(getattr(dut, f"{bus}_{signal}") for signal in payload),
    )
