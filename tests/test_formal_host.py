"""Streams and registers of the host interface, proved for every host; `tests.test_mutations` plants faults."""

import pytest
from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring

from rtl.host import token_queue
from rtl.host.loader import PacketLoader
from rtl.host.packets import LoadTarget, Target
from rtl.host.register_port import RegisterPort
from rtl.host.token_queue import TokenQueue
from testbench.claims_host import LoaderKeepsWords, QueueCounts, RegistersAnswer
from testbench.formal import check, prove

TARGETS = (
    LoadTarget(target=Target.WEIGHTS, banks=3, words=40, bits=264),
    LoadTarget(target=Target.PROMPT, banks=1, words=24, bits=16),
)


class Ring(wiring.Component):
    """The memory of the token queue, which is a macro elsewhere."""

    def __init__(self, ports):
        self._ports = ports
        super().__init__({})

    def elaborate(self, platform):
        m, ports = Module(), self._ports
        places = Array(Signal(len(ports["read_data"]), name=f"place_{n}") for n in range(ports["words"]))
        with m.If(ports["read_enable"]):
            m.d.sync += ports["read_data"].eq(places[ports["read_address"]])
        with m.If(ports["write_enable"]):
            m.d.sync += places[ports["write_address"]].eq(ports["write_data"])
        return m


@pytest.fixture
def rings(monkeypatch):
    monkeypatch.setattr(token_queue, "sram", lambda **ports: Ring(ports))


@pytest.mark.usefixtures("rings")
def test_the_token_queue_loses_none():
    assert prove(QueueCounts(TokenQueue(7), ordered=False), depth=2).holds


@pytest.mark.usefixtures("rings")
def test_the_token_queue_keeps_their_order():
    """From reset, for as long as it takes to fill the memory, to empty it and to come round again."""
    assert check(QueueCounts(TokenQueue(2), ordered=True), cycles=8).holds


def test_loader():
    assert prove(LoaderKeepsWords(PacketLoader(TARGETS)), depth=2).holds


def test_register_port():
    assert prove(RegistersAnswer(RegisterPort()), depth=2).holds
