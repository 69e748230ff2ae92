"""One of a program's two queues: fetches its instructions and issues their steps."""

from collections.abc import Iterable

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.tile.config import TileConfig
from rtl.tile.program import FIELDS, INSTRUCTION, INSTRUCTION_BITS, Source

INDEX_BITS = 16


class Queue(wiring.Component):
    """Plays instructions in order, once a token.

    When an instruction's first step issues stands in `rtl.tile.program`. The next instruction stands at the program
    memory's output while one plays, so that its `lag` is counted before it is loaded. On a tile with columns all rows
    of an instruction are gone through once for each column in use, unless they are rows of the banks, which serve all;
    those of the KV banks serve one sequence of a batch.

    Parameters
    ----------
    sources : what an instruction of this queue may be
    stride : rows after which `row` moves on, a power of two
    advance : vector words that a row of the banks gives; `index` grows by as many with every row

    Attributes
    ----------
    start : a run begins; the first instruction is fetched
    busy : a token is being worked on
    restart : the token ends in this cycle; the next one's first instruction is fetched in the cycle after
    hold : no step may issue in this cycle
    page : pages in use, less one
    done : instructions that have issued their last step
    other_done : the same of the other queue, as far as this one has heard
    read, address, program : port of a memory with one cycle of latency
    instruction : the one that is playing
    fetching : the cycle in which a token's first instruction is fetched
    begins : its steps may issue (but for `hold`)
    finished : its last turn
    issue : the first cycle of a step
    waiting : its instruction waits for the other queue
    illegal : for one cycle, an instruction was none that a queue can play, or it lay beyond the program memory
    group, index, row : word in the row, first vector word of the row, and the row's offset in the memory
    first, last, opens, closes : first, last word of the row; first, last row of the instruction
    last_column : columns in use, less one; with more than one column only, as are the following
    column, following : the column that the instruction is at, in this cycle and in the next
    """

    def __init__(self, config: TileConfig, *, sources: Iterable[Source], stride: int = 1, advance: int = 1):
        self.config, self.sources, self.stride, self.advance = config, tuple(sources), stride, advance
        columns = range(config.columns)
        looped = {"last_column": In(columns), "column": Out(columns), "following": Out(columns)}
        super().__init__(
            {
                **(looped if config.columns > 1 else {}),
                "start": In(1),
                "busy": In(1),
                "restart": In(1),
                "hold": In(1),
                "page": In(8),
                "other_done": In(FIELDS["after"]),
                "done": Out(FIELDS["after"]),
                "read": Out(1),
                "address": Out(range(config.program_words)),
                "program": In(INSTRUCTION_BITS),
                "instruction": Out(INSTRUCTION),
                "fetching": Out(1, init=1),
                "begins": Out(1),
                "finished": Out(1),
                "issue": Out(1),
                "waiting": Out(1),
                "illegal": Out(1),
                "group": Out(8),
                "index": Out(INDEX_BITS),
                "row": Out(FIELDS["memory"]),
                "first": Out(1),
                "last": Out(1),
                "opens": Out(1),
                "closes": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        current, advance, finished = self.instruction, Signal(name="advance"), self.finished
        waited, lagged = Signal(FIELDS["wait"], name="waited"), Signal(FIELDS["lag"])
        ready = Signal()
        m.d.comb += [
            ready.eq(self.other_done >= current.after),
            self.waiting.eq(self.busy & ~self.fetching & ~ready),
            self.begins.eq(self.busy & ~self.fetching & ready & (waited == current.wait) & (lagged >= current.lag)),
            advance.eq(Mux(self.fetching, self.busy, finished) & ~self.restart),
        ]
        with m.If(waited != current.wait):
            m.d.sync += waited.eq(waited + 1)
        self._lag(m, current, ready, advance, lagged)
        self._legality(m, advance, self._program(m, advance, finished, waited))
        column_ends = self._loop(m, advance, finished)
        if self.config.columns > 1:
            self._columns(m, advance, finished, column_ends)
        return m

    def _lag(self, m, current, ready, advance, lagged):
        """Cycles since the other queue is far enough, for the instruction that plays and for the one that is next."""
        following, coming = data.View(INSTRUCTION, self.program), Signal(FIELDS["lag"])
        early = Signal.like(coming)
        m.d.comb += early.eq(coming + ((self.other_done >= following.after) & (coming != following.lag)))
        with m.If(advance):
            m.d.sync += [lagged.eq(early), coming.eq(0)]
        with m.Else():
            m.d.sync += coming.eq(early)
            with m.If(ready & (lagged != current.lag)):
                m.d.sync += lagged.eq(lagged + 1)
        with m.If(self.restart | ~self.busy):
            m.d.sync += coming.eq(0)

    def _legality(self, m, advance, counter):
        """Finds what is no instruction of this queue, and what would never end."""
        current, past = self.instruction, Signal()
        known = Cat(current.source == source for source in self.sources).any()
        endless = (current.blocks == 0) | (current.period == 0) | (current.groups == 0) & ~current.groups_by_page
        with m.If(self.restart):
            m.d.sync += past.eq(0)
        with m.Elif(advance):
            m.d.sync += past.eq(counter == self.config.program_words - 1)
        m.d.sync += self.illegal.eq((advance & past | self.begins & (~known | endless)) & ~self.restart)

    def _program(self, m, advance, finished, waited):
        """Fetches; the address of the word at the memory's output."""
        counter = Signal.like(self.address)
        m.d.comb += [
            self.address.eq(Mux(self.restart, 0, counter + advance)),
            self.read.eq(self.start | advance | self.restart),
        ]
        m.d.sync += counter.eq(self.address)
        with m.If(finished):
            m.d.sync += self.done.eq(self.done + 1)
        with m.If(advance):
            m.d.sync += [self.instruction.eq(self.program), waited.eq(0), self.fetching.eq(0)]
        with m.If(self.restart):
            m.d.sync += [self.fetching.eq(1), self.done.eq(0)]
        return counter

    def _loop(self, m, advance, finished):
        """Rows (blocks), words of a row (groups), and cycles of a step; the last turn of all rows."""
        current, turn = self.instruction, Signal()
        phase, block = Signal(FIELDS["period"], name="phase"), Signal(FIELDS["blocks"], name="block")
        block_page = Signal(8)
        rows = Signal(range(self.stride)) if self.stride > 1 else None
        column_ends = turn & self.last & self.closes & (phase == current.period - 1)
        m.d.comb += [
            turn.eq(self.begins & ~((phase == 0) & self.hold)),
            self.issue.eq(turn & (phase == 0)),
            self.first.eq(self.group == 0),
            self.last.eq(self.group == Mux(current.groups_by_page, self.page, current.groups - 1)),
            self.opens.eq((self.index == 0) & ~current.continues),
            self.closes.eq((block == current.blocks - 1) & (~current.blocks_by_page | (block_page == self.page))),
            finished.eq(column_ends if self.config.columns == 1 else column_ends & self._last_column(current)),
        ]
        step = Mux(current.source == Source.EMBEDDING, 1, self.advance)
        with m.If(turn):
            m.d.sync += phase.eq(phase + 1)
            with m.If(phase == current.period - 1):
                m.d.sync += [phase.eq(0), self.group.eq(Mux(self.last, 0, self.group + 1))]
                with m.If(self.last):
                    m.d.sync += [self.index.eq(self.index + step), block.eq(block + 1)]
                    with m.If(block == current.blocks - 1):
                        m.d.sync += [block.eq(0), block_page.eq(block_page + 1)]
                    if rows is None:
                        m.d.sync += self.row.eq(self.row + current.memory_stride)
                    else:
                        m.d.sync += rows.eq(rows + 1)
                        with m.If(rows == self.stride - 1):
                            m.d.sync += self.row.eq(self.row + current.memory_stride)
        with m.If(advance if self.config.columns == 1 else advance | column_ends):
            m.d.sync += [self.index.eq(0), self.row.eq(0), block.eq(0), block_page.eq(0)]
            if rows is not None:
                m.d.sync += rows.eq(0)
        with m.If(self.restart):
            m.d.sync += [phase.eq(0), self.group.eq(0)]
        return column_ends

    def _last_column(self, instruction):
        """The instruction is at the last column that it is played for."""
        source, last = instruction.source, self.column == self.last_column
        if self.config.batch:
            return (source == Source.WEIGHTS) | last
        return (source == Source.WEIGHTS) | (source == Source.KV) | last

    def _columns(self, m, advance, finished, column_ends):
        """Which column the rows are gone through for."""
        m.d.comb += self.following.eq(self.column)
        with m.If(column_ends):
            m.d.comb += self.following.eq(self.column + 1)
        with m.If(finished | advance | self.restart):
            m.d.comb += self.following.eq(0)
        m.d.sync += self.column.eq(self.following)
