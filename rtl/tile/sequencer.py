"""The sequencer: plays a static program, once a token."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from rtl.formats import GROUP
from rtl.tile.config import TileConfig
from rtl.tile.program import FIELDS, INSTRUCTION, INSTRUCTION_BITS, STREAMS, Destination, Source
from rtl.tile.queue import INDEX_BITS, Queue

TOKEN_BITS = 16
BEAT_BITS = 5


def step_layout() -> data.StructLayout:
    """What a queue issues for one step: the instruction, and what depends on the step."""
    return data.StructLayout(
        {
            "valid": 1,
            "first": 1,
            "last": 1,  # first, last word of a row
            "opens": 1,
            "closes": 1,  # first, last row of the instruction
            "memory": FIELDS["memory"],
            "activations": FIELDS["activations"],
            "a": FIELDS["a"],
            "b": FIELDS["b"],
            "constant": FIELDS["constant"],
            "d": FIELDS["d"],
            "beat": BEAT_BITS,  # vector word in a group, or in a weight word
            "index": INDEX_BITS,  # vector word in the instruction
            "instruction": INSTRUCTION,
        }
    )


class Sequencer(wiring.Component):
    """Issues the steps of both queues for every position of a run.

    A step appears in `stream` or `vector` one cycle after its issue. Between two tokens there is one cycle in which
    the first instructions are fetched; `sim.timing` has the cycles of a token, exactly.

    Attributes
    ----------
    start : begins a run at position 0; ignored while `busy`
    prompt_length, total_length : positions whose token is given, and positions in all; at least 1
    program_read, ... : ports of the queues' program memories, with one cycle of latency
    prompt_read, prompt_address, prompt : likewise; read once a position
    argmax : the token that the vector unit found
    hold : no vector step may issue in this cycle
    illegal_access : a step has an address beyond its memory
    illegal_program : for one cycle, the program cannot be played, and the run ends: an address like that, an
        instruction that its queue does not have or that would never end, one beyond the program memory, or two that
        wait for each other
    stream, vector : steps, see `step_layout`
    stream_memory : `stream.memory` of the next cycle
    position, token : of the current token
    token_valid, emitted : one cycle for each token emitted
    cycles : since the start, counted while busy
    """

    def __init__(self, config: TileConfig):
        self.config = config
        port = {"read": Out(1), "address": Out(range(config.program_words)), "program": In(INSTRUCTION_BITS)}
        super().__init__(
            {
                "start": In(1),
                "prompt_length": In(TOKEN_BITS),
                "total_length": In(TOKEN_BITS),
                "busy": Out(1),
                **{f"{queue}_{name}": member for queue in ("stream", "vector") for name, member in port.items()},
                "prompt_read": Out(1),
                "prompt_address": Out(range(config.context)),
                "prompt": In(TOKEN_BITS),
                "argmax": In(TOKEN_BITS),
                "hold": In(1),
                "illegal_access": In(1),
                "illegal_program": Out(1),
                "stream_memory": Out(FIELDS["memory"]),
                "stream": Out(step_layout()),
                "vector": Out(step_layout()),
                "position": Out(TOKEN_BITS),
                "token": Out(TOKEN_BITS),
                "token_valid": Out(1),
                "emitted": Out(TOKEN_BITS),
                "cycles": Out(48),
            }
        )

    def elaborate(self, platform):
        m = Module()
        drain = self.config.drain
        m.submodules.stream_queue = stream = Queue(self.config, sources=STREAMS, advance=drain)
        m.submodules.vector_queue = vector = Queue(
            self.config, sources=[source for source in Source if source not in STREAMS], stride=drain
        )
        stops, ends, emits = Signal(), Signal(), self.position + 1 >= self.prompt_length
        source = vector.instruction.source
        m.d.comb += [
            stops.eq(stream.illegal | vector.illegal | self.illegal_access | stream.waiting & vector.waiting),
            ends.eq(vector.begins & ((source == Source.END) | (source == Source.END_OF_PROMPT) & ~emits) & ~stops),
            vector.hold.eq(self.hold),
        ]
        self._spread_rows(m, stream)
        for name, queue, other in (("stream", stream, vector), ("vector", vector, stream)):
            m.d.comb += [
                queue.start.eq(self.start & ~self.busy),
                queue.busy.eq(self.busy),
                queue.restart.eq(ends | stops),
                queue.page.eq(self.position >> exact_log2(GROUP)),
                queue.other_done.eq(other.done),
                queue.program.eq(getattr(self, f"{name}_program")),
                getattr(self, f"{name}_read").eq(queue.read),
                getattr(self, f"{name}_address").eq(queue.address),
            ]
            self._step(m, queue, getattr(self, name))
        m.d.sync += [self.token_valid.eq(ends & emits), self.illegal_program.eq(stops)]
        with m.If(self.busy):
            m.d.sync += self.cycles.eq(self.cycles + 1)
        self._tokens(m, ends, stops, vector.fetching)
        self._stream_addresses(m, stream)
        self._vector_addresses(m, vector)
        return m

    def _spread_rows(self, m, queue):
        """A row ends no sooner than the row before has left for the vector pipe."""
        drain = self.config.drain
        left = Signal(range(max(drain, 2)))
        m.d.comb += queue.hold.eq(queue.last & (left != 0))
        with m.If(queue.issue & queue.last):
            m.d.sync += left.eq(Mux(queue.instruction.source == Source.EMBEDDING, 0, drain - 1))
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)

    def _tokens(self, m, ends, stops, fetching):
        following = Signal.like(self.position)
        m.d.comb += following.eq(Mux(self.busy, self.position + ends, 0))
        m.d.comb += [
            self.prompt_address.eq(following),
            self.prompt_read.eq(self.start & ~self.busy | ends),
        ]
        m.d.sync += self.position.eq(following)
        with m.If(fetching & self.busy):
            m.d.sync += self.token.eq(Mux(self.position < self.prompt_length, self.prompt, self.emitted))
        with m.If(ends):
            m.d.sync += self.emitted.eq(self.argmax)
        with m.If(self.start & ~self.busy):
            m.d.sync += [self.busy.eq(1), self.cycles.eq(0)]
        with m.Elif(stops | ends & (self.position + 1 == self.total_length)):
            m.d.sync += self.busy.eq(0)

    @staticmethod
    def _step(m, queue, step):
        """What both kinds of steps have in common."""
        current = queue.instruction
        m.d.sync += [
            step.valid.eq(queue.issue & (current.source < Source.END_OF_PROMPT)),
            *(getattr(step, name).eq(getattr(queue, name)) for name in ("first", "last", "opens", "closes", "index")),
            step.a.eq(current.a + queue.index),
            step.b.eq(current.b + queue.index),
            step.instruction.eq(current),
        ]

    def _stream_addresses(self, m, queue):
        """A row's word, or the words of the token's row, beat by beat."""
        config, current, step = self.config, queue.instruction, self.stream
        beats = exact_log2(config.word_beats)
        token_row = Signal(16)
        m.d.sync += token_row.eq((self.token >> exact_log2(config.lanes)) * current.memory_stride)
        embeds = current.source == Source.EMBEDDING
        m.d.comb += self.stream_memory.eq(
            current.memory + Mux(embeds, token_row + (queue.index >> beats), queue.row + queue.group)
        )
        m.d.sync += [
            step.memory.eq(self.stream_memory),
            step.activations.eq(
                current.activations
                + Mux(current.source == Source.KV, queue.group, queue.group << exact_log2(config.groups_per_word))
            ),
            step.constant.eq(
                current.constant + Mux(embeds, self.token >> exact_log2(config.vector_lanes), queue.index)
            ),
            step.d.eq(current.d + queue.index),
            step.beat.eq(queue.index[:beats]),
        ]

    def _vector_addresses(self, m, queue):
        """Where a key or a value is kept, and constants that belong to the position."""
        config, current, step = self.config, queue.instruction, self.vector
        beats = exact_log2(config.beats)
        whole = Signal(INDEX_BITS)
        key_row, constant_row = Signal(16), Signal(FIELDS["constant"])
        m.d.comb += whole.eq(queue.index >> beats)
        m.d.sync += [
            key_row.eq(self.position >> exact_log2(config.lanes) << current.position_shift),
            constant_row.eq(self.position << current.position_shift),
        ]
        value = current.destination == Destination.VALUE
        keeps = current.source == Source.KEEP
        m.d.sync += [
            step.memory.eq(current.memory + Mux(value, queue.row + queue.page, key_row + whole)),
            step.constant.eq(
                current.constant
                + Mux(
                    keeps,
                    self.position >> exact_log2(config.vector_lanes),
                    queue.index + Mux(current.constant_by_position, constant_row, 0),
                )
            ),
            step.d.eq(current.d + Mux(current.destination == Destination.VECTOR, queue.index, whole)),
            step.beat.eq(Mux(value, queue.index[: ceil_log2(config.drain)], queue.index[:beats])),
        ]
