"""Claims about the sequencer and its queues, for `testbench.formal`.

Programs are not fixed: the word that a program memory answers with is an input that may be anything legal, in any
order and another one in every token. What is proved thus holds of every program.
"""

from amaranth.hdl import Assume, Cat, Fragment, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.tile.program import FIELDS, INSTRUCTION, INSTRUCTION_BITS, Source
from rtl.tile.queue import Queue


def opened(component: wiring.Component) -> tuple[Fragment, dict[str, Signal]]:
    """A component as a submodule, and its registers and wires by name; those of its own submodules are left out."""
    fragment = Fragment.get(component, None)
    names = {}
    for statements in fragment.statements.values():
        names |= {signal.name: signal for signal in statements._lhs_signals()}
    return fragment, names


class QueuePlays(wiring.Component):
    """A queue with a legal program neither stops nor runs away, in full width.

    Legal: counts of blocks, groups and cycles are at least 1; the last of `length` instructions, and no other, is END.
    As the sequencer does it, an END that begins restarts the queue, the page changes only between two tokens, and a
    token lasts until the restart. `other_done` and `hold` may be anything in any cycle.

    Attributes
    ----------
    counted : the program memory's address is that of the instruction after the one that plays, `done` its number
    within : no word behind END is ever loaded (one is read ahead), and END does not count as done
    in_range : step, word of the row, row and page are within the instruction's counts, waits within its wait and lag
    placed : the row's index counts the rows gone through before it
    patient : a step is issued only if busy, the dependence met and the wait over
    progresses : if the dependence is met and nothing holds it, what is left to do is less in the next cycle, or the
        instruction ends; it being a number, the instruction ends some time
    once : `done` counts up by one when an instruction ends, and never down but to 0 at a restart
    """

    def __init__(self, queue: Queue):
        self._queue = queue
        length = queue.signature.members["address"].shape
        inputs = {"restart": 1, "hold": 1, "next_page": 8, "other_done": FIELDS["after"], "start": 1, "length": length}
        claims = ("counted", "within", "in_range", "placed", "patient", "progresses", "once")
        super().__init__(
            {
                **{name: In(shape) for name, shape in inputs.items()},
                "program": In(INSTRUCTION_BITS),
                **{name: Out(1) for name in claims},
            }
        )

    def elaborate(self, platform):
        m = Module()
        queue = self._queue
        m.submodules.queue, inner = opened(queue)
        self._environment(m, queue)
        finished, advance = inner["finished"], inner["advance"]
        ready, playing = queue.other_done >= queue.instruction.after, queue.busy & ~queue.fetching
        began = self._before(m, 1, "began")
        done, counts = self._before(m, queue.done, "done"), self._before(m, finished & ~queue.restart, "counts")
        restarted = self._before(m, queue.restart, "restarted")
        at, turn = inner["counter"], inner["turn"]
        m.d.comb += [
            self.counted.eq((at == Mux(queue.fetching, 0, queue.done + 1)) & (~queue.fetching | (queue.done == 0))),
            self.within.eq((queue.done < self.length) & (queue.busy | queue.fetching) & self._ends(queue, finished)),
            self.in_range.eq(self._in_range(inner)),
            self.placed.eq(queue.fetching | self._placed(m, inner, advance)),
            self.patient.eq(~turn | playing & ready & (inner["waited"] == queue.instruction.wait)),
            self.once.eq(~began | (queue.done == Mux(restarted, 0, done + counts))),
            self.progresses.eq(self._progresses(m, inner, playing & ready & ~queue.restart)),
        ]
        return m

    def _before(self, m, value, name):
        """A value of the cycle before, 0 in the first."""
        before = Signal(Cat(value).shape(), name=f"{name}_before")
        m.d.sync += before.eq(value)
        return before

    def _environment(self, m, queue):
        """What the sequencer and a legal program promise."""
        word = data.View(INSTRUCTION, self.program)
        read, at = self._before(m, queue.read, "read"), self._before(m, queue.address, "address")
        kept, length = self._before(m, self.program, "program"), self._before(m, self.length, "length")
        running, page, begun = Signal(), Signal(8), self._before(m, 1, "assumed")
        with m.If(queue.restart | ~running):
            m.d.sync += [running.eq(self.start), page.eq(self.next_page)]
        ends = (queue.instruction.source == Source.END) & queue.begins
        m.d.comb += [
            queue.start.eq(self.start & ~running),
            queue.busy.eq(running),
            queue.page.eq(page),
            *(getattr(queue, n).eq(getattr(self, n)) for n in ("hold", "other_done", "program")),
            queue.restart.eq(self.restart & running & ~queue.fetching | ends),
            Assume(~begun | read | (self.program == kept)),
            Assume(~begun | (self.length == length)),
            Assume((self.length != 0) & (self.length < (1 << len(self.length)) - 1)),
            Assume((word.source == Source.END) == (at == self.length - 1)),
            Assume((word.blocks != 0) & (word.groups != 0) & (word.period != 0)),
        ]

    def _ends(self, queue, finished):
        """END is the last one's source, and no other's, and ends only with the token."""
        end = queue.instruction.source == Source.END
        return queue.fetching | (end == (queue.done == self.length - 1)) & (~(end & finished) | queue.restart)

    def _in_range(self, inner):
        queue = self._queue
        one = queue.instruction
        counts = (one.blocks != 0) & (one.groups != 0) & (one.period != 0)
        rows = (inner["block"] < one.blocks) & (inner["block_page"] <= Mux(one.blocks_by_page, queue.page, 0))
        words = queue.group <= Mux(one.groups_by_page, queue.page, one.groups - 1)
        waits = (inner["waited"] <= one.wait) & (inner["lagged"] <= one.lag)
        coming = inner["coming"] <= data.View(INSTRUCTION, self.program).lag
        playing = counts & rows & words & waits & (inner["phase"] < one.period)
        return coming & Mux(queue.fetching, (inner["phase"] == 0) & (queue.group == 0), playing)

    def _placed(self, m, inner, advance):
        """Rows of earlier pages are counted here."""
        queue, earlier = self._queue, Signal(16, name="earlier_rows")
        one, row_ends = queue.instruction, inner["turn"] & queue.last & (inner["phase"] == queue.instruction.period - 1)
        with m.If(row_ends & (inner["block"] == one.blocks - 1)):
            m.d.sync += earlier.eq(earlier + one.blocks)
        with m.If(advance):
            m.d.sync += earlier.eq(0)
        rows = (earlier + inner["block"])[:16]
        step = Mux(one.source == Source.EMBEDDING, 1, queue.advance)
        return queue.index == (rows * step)[:16]

    def _left(self, inner):
        """What is left to do, the slowest count on top."""
        queue = self._queue
        one = queue.instruction
        pages = Mux(one.blocks_by_page, queue.page, 0) - inner["block_page"]
        words = Mux(one.groups_by_page, queue.page, one.groups - 1) - queue.group
        waits, lags = one.wait - inner["waited"], one.lag - inner["lagged"]
        cycles, rows = one.period - inner["phase"], one.blocks - inner["block"]
        parts = {"lag": lags, "wait": waits, "period": cycles, "groups": words, "blocks": rows}
        return Cat(*(part[: FIELDS[name]] for name, part in parts.items()), pages[:8])

    def _progresses(self, m, inner, free):
        """Compared with the cycle before, in which the instruction was free to go on and did not end."""
        queue, left = self._queue, self._left(inner)
        before = self._before(m, left, "left")
        held = self.hold & (inner["phase"] == 0) & queue.begins
        went = self._before(m, free & ~inner["finished"] & ~held, "went")
        return ~went | (left < before)


class SomeoneGoesOn(wiring.Component):
    """Two queues that wait for each other's instructions cannot both wait for ever.

    Legal: of instruction i of the streaming queue and j of the vector queue at most one waits for the other or for one
    behind it. A compiler that lets each wait only for what it has issued before, in whatever order, gives no other.

    Attributes
    ----------
    free : while a token is worked on, the dependence of one of the two is met
    """

    def __init__(self, stream: Queue, vector: Queue):
        self._queues = stream, vector
        names = {"restart": 1, "start": 1, "stream_program": INSTRUCTION_BITS, "vector_program": INSTRUCTION_BITS}
        holds = {"stream_hold": 1, "vector_hold": 1}
        super().__init__(
            {**{name: In(shape) for name, shape in (names | holds).items()}, "counted": Out(1), "free": Out(1)}
        )

    def elaborate(self, platform):
        m = Module()
        stream, vector = self._queues
        running, counted = Signal(), []
        m.d.sync += running.eq(running | self.start)
        for name, queue, other in (("stream", stream, vector), ("vector", vector, stream)):
            m.submodules[name], inner = opened(queue)
            number = self._number(m, name, queue, inner["advance"])
            counted.append(Mux(queue.fetching, queue.done == 0, number == queue.done))
            m.d.comb += [
                queue.start.eq(self.start & ~running),
                queue.busy.eq(running),
                queue.restart.eq(self.restart & running & ~vector.fetching & ~stream.fetching),
                queue.hold.eq(getattr(self, f"{name}_hold")),
                queue.program.eq(getattr(self, f"{name}_program")),
                queue.other_done.eq(other.done),
            ]
            setattr(self, f"_{name}", number)
        waits = (stream.instruction.after > self._vector) & (vector.instruction.after > self._stream)
        ready = (vector.done >= stream.instruction.after) | (stream.done >= vector.instruction.after)
        fetching = stream.fetching | vector.fetching
        m.d.comb += [
            Assume(fetching | ~waits),
            self.counted.eq(Cat(counted).all() & (stream.fetching == vector.fetching)),
            self.free.eq(~running | fetching | ready),
        ]
        return m

    def _number(self, m, name, queue, advance):
        """Number of the instruction that plays, counted as words are taken from the program memory."""
        number = Signal.like(queue.done, name=f"{name}_number")
        with m.If(queue.fetching):
            m.d.sync += number.eq(0)
        with m.Elif(advance):
            m.d.sync += number.eq(number + 1)
        return number
