"""The sequencer: plays a static program, once a token."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from rtl.formats import GROUP
from rtl.tile.batch import BatchControl
from rtl.tile.columns import TOKEN_BITS, ColumnControl
from rtl.tile.config import TileConfig
from rtl.tile.program import FIELDS, INSTRUCTION, INSTRUCTION_BITS, STREAMS, Constant, Destination, Source
from rtl.tile.queue import INDEX_BITS, Queue

BEAT_BITS = 5


def step_layout(columns: int = 1) -> data.StructLayout:
    """What a queue issues for one step: the instruction, and what depends on the step."""
    return data.StructLayout(
        {
            **({"column": exact_log2(columns)} if columns > 1 else {}),
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

    On a tile with columns a step works on as many positions as `ColumnControl` says, and there are also

    columns : columns that a step uses at most; no more than the program was compiled for, and at least 1
    first_position : of the run; keys and values of the positions before it are there from runs before
    first_emitted : position from which on tokens are emitted, under `total_length`
    prompt_read : of the prompt memory, which delivers a step's tokens in turn
    last_column, tokens : columns of the current step, less one, and a token for each, instead of `token`
    token_column : of the token that is emitted

    Where they are the sequences of a batch (`BatchControl`), a run begins at position 0 with `columns` sequences, and
    `prompt_length` has one length for each; there are no `first_position` and `first_emitted`.
    """

    def __init__(self, config: TileConfig):
        self.config = config
        columns = config.columns
        several = {
            "columns": In(range(columns + 1)),
            **({} if config.batch else {"first_position": In(TOKEN_BITS), "first_emitted": In(TOKEN_BITS)}),
            "last_column": Out(range(columns)),
            "tokens": Out(data.ArrayLayout(TOKEN_BITS, columns)),
            "token_column": Out(range(columns)),
        }
        port = {"read": Out(1), "address": Out(range(config.program_words)), "program": In(INSTRUCTION_BITS)}
        super().__init__(
            {
                "start": In(1),
                "prompt_length": In(data.ArrayLayout(TOKEN_BITS, columns) if config.batch else TOKEN_BITS),
                "total_length": In(TOKEN_BITS),
                "busy": Out(1),
                **{f"{queue}_{name}": member for queue in ("stream", "vector") for name, member in port.items()},
                "prompt_read": Out(1),
                "prompt_address": Out(range(config.prompt_words)),
                "prompt": In(TOKEN_BITS),
                "argmax": In(TOKEN_BITS if columns == 1 else data.ArrayLayout(TOKEN_BITS, columns)),
                "hold": In(1),
                "illegal_access": In(1),
                "illegal_program": Out(1),
                "stream_memory": Out(FIELDS["memory"]),
                "stream": Out(step_layout(columns)),
                "vector": Out(step_layout(columns)),
                "position": Out(TOKEN_BITS),
                **(several if columns > 1 else {"token": Out(TOKEN_BITS)}),
                "token_valid": Out(1),
                "emitted": Out(TOKEN_BITS),
                "cycles": Out(48),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, drain = self.config, self.config.drain
        m.submodules.stream_queue = stream = Queue(self.config, sources=STREAMS, advance=drain)
        m.submodules.vector_queue = vector = Queue(
            self.config, sources=[source for source in Source if source not in STREAMS], stride=drain
        )
        control = self._columns(m) if self.config.columns > 1 else None
        stops, ends, on_the_way = Signal(), Signal(), Signal(self.config.report_cycles)
        heard = Signal(FIELDS["after"])
        emits = control.emits if control else self.position + 1 >= self.prompt_length
        source = vector.instruction.source
        m.d.comb += [
            stops.eq(
                stream.illegal
                | vector.illegal
                | self.illegal_access
                | stream.waiting & vector.waiting & ~on_the_way.any()
            ),
            ends.eq(vector.begins & ((source == Source.END) | (source == Source.END_OF_PROMPT) & ~emits) & ~stops),
            vector.hold.eq(self.hold),
        ]
        self._spread_rows(m, stream)
        self._report(m, stream.finished, ends | stops, on_the_way, heard)
        for name, queue, other_done in (("stream", stream, vector.done), ("vector", vector, heard)):
            m.d.comb += [
                queue.start.eq(self.start & ~self.busy),
                queue.busy.eq(control.busy if control else self.busy),
                queue.restart.eq(ends | stops),
                queue.page.eq((self.position if config.positions == 1 else control.last_position) >> exact_log2(GROUP)),
                queue.other_done.eq(other_done),
                queue.program.eq(getattr(self, f"{name}_program")),
                getattr(self, f"{name}_read").eq(queue.read),
                getattr(self, f"{name}_address").eq(queue.address),
            ]
            self._step(m, queue, getattr(self, name))
        m.d.sync += self.illegal_program.eq(stops)
        if control is None:
            m.d.sync += self.token_valid.eq(ends & emits)
        with m.If(self.busy):
            m.d.sync += self.cycles.eq(self.cycles + 1)
        if control is None:
            self._tokens(m, ends, stops, vector.fetching)
        else:
            self._run(m, ends, stops, control)
            m.d.comb += [queue.last_column.eq(self.last_column) for queue in (stream, vector)]
        self._stream_addresses(m, stream)
        self._vector_addresses(m, vector)
        return m

    @staticmethod
    def _report(m, finished, restart, on_the_way, heard):
        """What the vector queue hears of the streaming queue, once its sums are written."""
        m.d.sync += on_the_way.eq(Cat(finished, on_the_way[:-1]))
        with m.If(on_the_way[-1]):
            m.d.sync += heard.eq(heard + 1)
        with m.If(restart):
            m.d.sync += [on_the_way.eq(0), heard.eq(0)]

    def _spread_rows(self, m, queue):
        """A row ends no sooner than the row before has left for the vector pipe."""
        drain, columns = self.config.drain, self.config.columns
        left = Signal(range(max(drain * columns, 2)))
        beats = drain - 1 if columns == 1 else drain * self.last_column + drain - 1
        if self.config.batch:
            beats = Mux(queue.instruction.source == Source.KV, drain - 1, beats)
        m.d.comb += queue.hold.eq(queue.last & (left != 0))
        with m.If(queue.issue & queue.last):
            m.d.sync += left.eq(Mux(queue.instruction.source == Source.EMBEDDING, 0, beats))
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

    def _columns(self, m):
        """The control of several columns, which takes the place of `_tokens`."""
        m.submodules.control = control = (BatchControl if self.config.batch else ColumnControl)(self.config)
        if self.config.batch:
            m.d.comb += control.starts.eq(self.start & ~self.busy)
        for name, member in control.signature.members.items():
            if hasattr(self, name) and name != "busy":
                ours, theirs = getattr(self, name), getattr(control, name)
                m.d.comb += theirs.eq(ours) if member.flow == In else ours.eq(theirs)
        return control

    def _run(self, m, ends, stops, control):
        """The run's begin and end, with several columns."""
        running = Signal()
        m.d.comb += [control.ends.eq(ends), control.busy.eq(running), self.busy.eq(running | control.emits_more)]
        with m.If(self.start & ~self.busy):
            m.d.sync += [running.eq(1), self.cycles.eq(0)]
        with m.Elif(stops | ends & control.finishes):
            m.d.sync += running.eq(0)

    def _token(self, column):
        """The token of a column."""
        return self.token if self.config.columns == 1 else Array(self.tokens)[column]

    def _step(self, m, queue, step):
        """What both kinds of steps have in common."""
        current = queue.instruction
        if self.config.columns > 1:
            m.d.sync += step.column.eq(queue.column)
        m.d.sync += [
            step.valid.eq(queue.issue & (current.source < Source.END_OF_PROMPT)),
            *(getattr(step, name).eq(getattr(queue, name)) for name in ("first", "last", "opens", "closes", "index")),
            step.a.eq(current.a + queue.index),
            step.b.eq(current.b + queue.index),
            step.instruction.eq(current),
        ]

    def _stream_addresses(self, m, queue):
        """A row's word, or the words of the token's row, beat by beat: of pairs one term, in every second group."""
        config, current, step = self.config, queue.instruction, self.stream
        beats, groups = exact_log2(config.word_beats), exact_log2(config.groups_per_word)
        inside = exact_log2(config.beats)
        embeds = current.source == Source.EMBEDDING
        of_pairs = Cat(queue.index[:inside], current.term, queue.index[inside:])
        place = Mux(embeds & current.pairs, of_pairs, queue.index)
        words = Mux(current.pairs, queue.group << max(groups - 1, 0), queue.group << groups)
        token_row = Signal(FIELDS["memory"])
        several = config.columns > 1
        ahead = self._token(queue.following if several else 0)  # a cycle before its column begins
        m.d.sync += token_row.eq((ahead >> exact_log2(config.lanes)) * current.memory_stride)
        m.d.comb += self.stream_memory.eq(
            current.memory + Mux(embeds, token_row + (place >> beats), queue.row + queue.group)
        )
        m.d.sync += [
            step.memory.eq(self.stream_memory),
            step.activations.eq(current.activations + Mux(current.source == Source.KV, queue.group, words)),
            step.constant.eq(current.constant + queue.index),
            step.d.eq(current.d + queue.index),
            step.beat.eq(place[:beats]),
        ]

    def _vector_addresses(self, m, queue):
        """Where a key or a value is kept, and constants that belong to the position."""
        config, current, step = self.config, queue.instruction, self.vector
        beats = exact_log2(config.beats)
        whole = Signal(INDEX_BITS)
        key_row, constant_row = Signal(FIELDS["memory"]), Signal(FIELDS["constant"])
        m.d.comb += whole.eq(queue.index >> beats)
        token = self._token(queue.column if config.columns > 1 else 0)
        ahead = position = self.position
        page = queue.page
        if config.positions > 1:
            ahead, position = Signal(TOKEN_BITS, name="position_ahead"), Signal(TOKEN_BITS, name="column_position")
            m.d.comb += ahead.eq(self.position + queue.following)
            m.d.sync += position.eq(ahead)
            page = position >> exact_log2(GROUP)
        m.d.sync += [
            key_row.eq(ahead >> exact_log2(config.lanes) << current.position_shift),
            constant_row.eq(ahead << current.position_shift),
        ]
        value = current.destination == Destination.VALUE
        keeps, fetches = current.source == Source.KEEP, current.constant_mode == Constant.BROADCAST
        m.d.sync += [
            step.memory.eq(current.memory + Mux(value, queue.row + page, key_row + whole)),
            step.constant.eq(
                current.constant
                + Mux(
                    keeps | fetches,
                    Mux(keeps, position, token) >> exact_log2(config.vector_lanes),
                    queue.index + Mux(current.constant_by_position, constant_row, 0),
                )
            ),
            step.d.eq(current.d + Mux(current.destination == Destination.VECTOR, queue.index, whole)),
            step.beat.eq(Mux(value, queue.index[: ceil_log2(config.drain)], queue.index[:beats])),
        ]
