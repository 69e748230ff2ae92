"""Claims about the host's streams and registers, for `testbench.formal`."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.host.token_queue import TAINTED


def before(m, value):
    """A value of the cycle before, 0 in the first."""
    kept = Signal(Cat(value).shape(), name="before")
    m.d.sync += kept.eq(value)
    return kept


def waits(m, valid, ready, payload):
    """A handshake keeps the rules of AXI: valid is not taken back before ready, nor does the payload change."""
    waited = before(m, valid & ~ready)
    return ~waited | valid & (Cat(payload) == before(m, Cat(payload)))


def driven(m, claim, component):
    """The component's inputs that are ports of the claim, by the same names."""
    names = [n for n, member in component.signature.members.items() if member.flow == In]
    m.d.comb += [getattr(component, n).eq(getattr(claim, n)) for n in names]


def inputs(component) -> dict[str, wiring.Member]:
    """A component's inputs, for a claim that leaves them free."""
    return {n: member for n, member in component.signature.members.items() if member.flow == In}


class QueueCounts(wiring.Component):
    """The token queue hands out what it takes, in order, and keeps to the stream's rules.

    Attributes
    ----------
    none_lost : as many tokens went in as came out and wait
    full_only : a token is lost only when the memory is full
    waits : valid stays until ready, and token and TLAST do not change
    in_order : the token on the stream is the oldest that has not been taken (if `ordered`; otherwise left out)
    """

    def __init__(self, queue, *, ordered: bool):
        self._queue, self._ordered = queue, ordered
        names = ("none_lost", "full_only", "waits", "in_order")
        super().__init__({**inputs(queue), **{name: Out(1) for name in names}})

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = self._queue
        driven(m, self, queue)
        taken, given = self.write & ~queue.lost, queue.m_axis_tvalid & self.m_axis_tready
        inside = Signal(range(queue.depth + 2))
        m.d.sync += inside.eq(inside + taken - given)
        word = Cat(queue.m_axis_tdata, queue.m_axis_tlast)
        oldest = self._oldest(m, taken, given, inside)
        m.d.comb += [
            self.none_lost.eq((queue.level == inside) & (inside <= queue.depth + queue.m_axis_tvalid)),
            self.full_only.eq(~queue.lost | (inside >= queue.depth)),
            self.waits.eq(waits(m, queue.m_axis_tvalid, self.m_axis_tready, [word] if self._ordered else [])),
            self.in_order.eq(~queue.m_axis_tvalid | (word == oldest) if self._ordered else 1),
        ]
        return m

    def _oldest(self, m, taken, given, inside):
        """A queue in words: tokens move up as the oldest is taken."""
        arriving = Cat(self.token, Const(0, TAINTED - len(self.token)), self.tainted, self.last)
        places = [Signal(33, name=f"place_{number}") for number in range(self._queue.depth + 2)]
        for number, place in enumerate(places[:-1]):
            moved = Mux(given, places[number + 1], place)
            m.d.sync += place.eq(Mux(taken & (inside - given == number), arriving, moved))
        return places[0]


class LoaderKeepsWords(wiring.Component):
    """The packet loader's word stays at the write port until it is taken, whatever comes on the stream.

    Attributes
    ----------
    waits : without an abort, a word that is not taken stays: valid, target, bank, address and all its bits
    one_each : a word appears only after a beat of the stream was taken in the cycle before
    """

    def __init__(self, loader):
        self._loader = loader
        super().__init__({**inputs(loader), "waits": Out(1), "one_each": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.loader = loader = self._loader
        driven(m, self, loader)
        names = ("target", "bank", "address", "data")
        word = Cat(getattr(loader, f"load_{name}") for name in names)
        kept, moved = before(m, word), before(m, self.s_axis_tvalid & loader.s_axis_tready)
        held = before(m, loader.load_valid & ~self.load_ready & ~self.abort)
        new = loader.load_valid & ~held
        m.d.comb += [
            self.waits.eq(~held | loader.load_valid & (word == kept)),
            self.one_each.eq(~new | moved),
        ]
        return m


def moves(port, channel):
    """A transfer of an AXI4-Lite channel."""
    return getattr(port, f"s_axil_{channel}valid") & getattr(port, f"s_axil_{channel}ready")


class RegistersAnswer(wiring.Component):
    """The register port answers each AXI4-Lite request once, whenever the host offers and takes.

    Attributes
    ----------
    write_waits, read_waits : a response stays, unchanged, until it is taken
    writes_once : addresses and data taken are as many as responses, but for those at work: at most one each
    reads_once : a read that was taken has its answer waiting, and no other has
    """

    def __init__(self, port):
        self._port = port
        names = ("write_waits", "read_waits", "writes_once", "reads_once")
        super().__init__({**inputs(port), **{name: Out(1) for name in names}})

    def elaborate(self, platform):
        m = Module()
        m.submodules.port = port = self._port
        driven(m, self, port)

        addresses, words, answers = (Signal(3, name=name) for name in ("addresses", "words", "answers"))
        for count, channel in ((addresses, "aw"), (words, "w"), (answers, "b")):
            m.d.sync += count.eq(count + moves(port, channel))
        ahead = [Signal(3, name=f"{name}_ahead") for name in ("addresses", "words")]
        m.d.comb += [ahead[0].eq(addresses - answers), ahead[1].eq(words - answers)]
        waiting = port.s_axil_bvalid
        reads = before(m, moves(port, "ar") | port.s_axil_rvalid & ~self.s_axil_rready)
        m.d.comb += [
            self.write_waits.eq(waits(m, waiting, self.s_axil_bready, [port.s_axil_bresp])),
            self.read_waits.eq(
                waits(m, port.s_axil_rvalid, self.s_axil_rready, [port.s_axil_rdata, port.s_axil_rresp])
            ),
            self.writes_once.eq(
                Cat(
                    one == waiting + ~getattr(port, f"s_axil_{channel}ready")
                    for one, channel in zip(ahead, ("aw", "w"), strict=True)
                ).all()
            ),
            self.reads_once.eq(port.s_axil_rvalid == reads),
        ]
        return m
