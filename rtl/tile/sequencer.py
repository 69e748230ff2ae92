"""The sequencer: plays a static program, once a token."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from rtl.formats import GROUP
from rtl.tile.config import TileConfig
from rtl.tile.program import INSTRUCTION, INSTRUCTION_BITS, Destination, Mask, Source

TOKEN_BITS = 16


def step_layout(config: TileConfig) -> data.StructLayout:
    """What the sequencer issues for one step: the instruction, and what depends on the step."""
    return data.StructLayout(
        {
            "valid": 1,
            "stream": 1,
            "first": 1,
            "last": 1,  # first, last word of a row
            "opens": 1,
            "closes": 1,  # first, last row of the instruction
            "memory": 16,
            "activations": 8,
            "a": 10,
            "b": 10,
            "constant": 13,
            "d": 10,
            "beat": 3,
            "mask": config.lanes,
            "instruction": INSTRUCTION,
        }
    )


class Sequencer(wiring.Component):
    """Issues the steps of the program for every position of a run.

    A token takes the sum of `Instruction.cycles` and one cycle more, in which the next token's first
    instruction is fetched. Steps appear in `step` one cycle after their issue.

    Attributes
    ----------
    start : begins a run at position 0; ignored while `busy`
    prompt_length, total_length : positions whose token is given, and positions in all; at least 1
    vocabulary : rows of the output matrix that count
    program_read, program_address, program : port of a memory with one cycle of latency
    prompt_address, prompt : likewise
    argmax : the token that the vector unit found
    step : see `step_layout`
    position, token : of the current token
    token_valid, emitted : one cycle for each token emitted
    cycles : since the start, counted while busy
    """

    def __init__(self, config: TileConfig):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "prompt_length": In(TOKEN_BITS),
                "total_length": In(TOKEN_BITS),
                "vocabulary": In(TOKEN_BITS),
                "busy": Out(1),
                "program_read": Out(1),
                "program_address": Out(range(config.program_words)),
                "program": In(INSTRUCTION_BITS),
                "prompt_address": Out(range(config.context)),
                "prompt": In(TOKEN_BITS),
                "argmax": In(TOKEN_BITS),
                "step": Out(step_layout(config)),
                "position": Out(TOKEN_BITS),
                "token": Out(TOKEN_BITS),
                "token_valid": Out(1),
                "emitted": Out(TOKEN_BITS),
                "cycles": Out(48),
            }
        )

    def elaborate(self, platform):
        m = Module()
        current = Signal(INSTRUCTION)
        advance, ends, issue, finished = Signal(), Signal(), Signal(), Signal()
        fetch, waited = Signal(init=1), Signal(9)
        emits = self.position + 1 >= self.prompt_length
        m.d.comb += [
            issue.eq(self.busy & ~fetch & (waited == current.wait)),
            ends.eq(issue & ((current.source == Source.END) | (current.source == Source.END_OF_PROMPT) & ~emits)),
            advance.eq(Mux(fetch, self.busy, finished) & ~ends),
        ]
        m.d.sync += self.token_valid.eq(ends & emits)
        with m.If(self.busy):
            m.d.sync += self.cycles.eq(self.cycles + 1)
        with m.If(self.busy & ~fetch & ~issue):
            m.d.sync += waited.eq(waited + 1)
        self._program(m, current, advance, ends, fetch, waited)
        self._tokens(m, ends, fetch)
        self._steps(m, current, issue, finished, advance)
        return m

    def _program(self, m, current, advance, ends, fetch, waited):
        counter = Signal(range(self.config.program_words))
        m.d.comb += [
            self.program_address.eq(Mux(ends, 0, counter + advance)),
            self.program_read.eq(~self.busy | advance | ends),
        ]
        m.d.sync += counter.eq(self.program_address)
        with m.If(advance):
            m.d.sync += [current.eq(self.program), waited.eq(0), fetch.eq(0)]
        with m.If(ends):
            m.d.sync += fetch.eq(1)

    def _tokens(self, m, ends, fetch):
        following = Signal.like(self.position)
        m.d.comb += following.eq(Mux(self.busy, self.position + ends, 0))
        m.d.comb += self.prompt_address.eq(following)
        m.d.sync += self.position.eq(following)
        with m.If(fetch & self.busy):
            m.d.sync += self.token.eq(Mux(self.position < self.prompt_length, self.prompt, self.emitted))
        with m.If(ends):
            m.d.sync += self.emitted.eq(self.argmax)
        with m.If(self.start & ~self.busy):
            m.d.sync += [self.busy.eq(1), self.cycles.eq(0)]
        with m.Elif(ends & (self.position + 1 == self.total_length)):
            m.d.sync += self.busy.eq(0)

    def _steps(self, m, current, issue, finished, advance):
        """The loop over rows (blocks) and words of a row (groups), and the addresses in it."""
        lanes, beats = self.config.lanes, self.config.beats
        page = self.position[exact_log2(GROUP) :]
        phase, group, block, block_page, index = Signal(4), Signal(8), Signal(12), Signal(8), Signal(12)
        last, closes = Signal(), Signal()
        m.d.comb += [
            last.eq(group == Mux(current.groups_by_page, page, current.groups - 1)),
            closes.eq((block == current.blocks - 1) & (~current.blocks_by_page | (block_page == page))),
            finished.eq(issue & last & closes & (phase == current.period - 1)),
        ]
        row = Signal(16)
        beat = index[: exact_log2(beats)]
        whole = Signal(12)
        m.d.comb += whole.eq(index >> exact_log2(beats))
        with m.If(issue):
            m.d.sync += phase.eq(phase + 1)
            with m.If(phase == current.period - 1):
                m.d.sync += [phase.eq(0), group.eq(Mux(last, 0, group + 1))]
                with m.If(last):
                    m.d.sync += [index.eq(index + 1), row.eq(row + current.memory_stride), block.eq(block + 1)]
                    with m.If(block == current.blocks - 1):
                        m.d.sync += [block.eq(0), block_page.eq(block_page + 1)]
        with m.If(advance):
            m.d.sync += [index.eq(0), row.eq(0), block.eq(0), block_page.eq(0)]

        token_row, key_row, constant_row = Signal(16), Signal(16), Signal(13)
        m.d.sync += [
            token_row.eq((self.token >> exact_log2(lanes)) * current.memory_stride),
            key_row.eq(self.position >> exact_log2(lanes) << current.position_shift),
            constant_row.eq(Mux(current.constant_by_position, self.position << current.position_shift, 0)),
        ]
        offset = Signal(16)
        with m.Switch(current.source):
            with m.Case(Source.WEIGHTS, Source.KV):
                m.d.comb += offset.eq(row + group)
            with m.Case(Source.EMBEDDING):
                m.d.comb += offset.eq(token_row + whole)
            with m.Default():  # where a key or a value is written
                m.d.comb += offset.eq(Mux(current.destination == Destination.VALUE, row + page, key_row + whole))
        constant = Signal(13)
        with m.If(current.source == Source.EMBEDDING):
            m.d.comb += constant.eq(self.token >> exact_log2(lanes))
        with m.Elif(current.source == Source.KEEP):
            m.d.comb += constant.eq(self.position >> exact_log2(lanes))
        with m.Else():
            m.d.comb += constant.eq(constant_row + index)
        step, stream = self.step, Signal()
        m.d.comb += stream.eq(current.source <= Source.EMBEDDING)
        m.d.sync += step.valid.eq(issue & (phase == 0) & (current.source < Source.END_OF_PROMPT))
        m.d.sync += [
            step.stream.eq(stream),
            step.first.eq(group == 0),
            step.last.eq(last),
            step.opens.eq((index == 0) & ~current.continues),
            step.closes.eq(closes),
            step.memory.eq(current.memory + offset),
            step.activations.eq(current.activations + group),
            step.a.eq(current.a + index),
            step.b.eq(current.b + index),
            step.constant.eq(current.constant + constant),
            step.beat.eq(beat),
            step.instruction.eq(current),
        ]
        m.d.sync += step.d.eq(current.d + Mux(current.destination == Destination.VECTOR, index, whole))
        m.d.sync += step.mask.eq(self._mask(m, current, index))
        return m

    def _mask(self, m, current, index):
        """One bit a lane: its element does not count."""
        limit, base = Signal(TOKEN_BITS), Signal(TOKEN_BITS)
        masked = Signal()
        m.d.comb += [
            masked.eq(current.mask != Mask.NONE),
            limit.eq(Mux(current.mask == Mask.POSITION, self.position + 1, self.vocabulary)),
            base.eq(index * self.config.lanes),
        ]
        return Cat(masked & (base + i >= limit) for i in range(self.config.lanes))
