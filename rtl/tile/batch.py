"""The position of a step on a tile whose columns are the sequences of a batch, its tokens, and those found."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from rtl.tile.columns import TOKEN_BITS, control_ports
from rtl.tile.config import TileConfig


class BatchControl(wiring.Component):
    """Steps all sequences together, from position 0 on: each with its prompt's token, or the one it found last.

    A step begins with a cycle in which `starts` or `ends` is high; the token of its column c is there c + 1 cycles
    later, `emits` 2 cycles later. The tokens that a step emits come from the cycle after `ends` on, that of column c
    c cycles later; the next step has to take longer than they do.

    Attributes
    ----------
    busy, starts, ends : steps are played; a run begins; the step ends in this cycle
    prompt_length, total_length, columns : as in `rtl.tile.sequencer.Sequencer`
    prompt_read, prompt_address, prompt : port of the prompt memory, with one cycle of latency; the prompt of column c
        begins at c times the context
    argmax : the token that was found in each column, in the cycle of `ends`
    position, last_column : of all columns, and the last one in use
    emits : a sequence has its prompt behind it after this step
    finishes : this step is the run's last
    tokens : one a column; of those in use
    token_valid, emitted, token_column : one cycle for each token emitted
    emits_more : columns behind this one may have a token to emit
    """

    def __init__(self, config: TileConfig):
        self.config = config
        lengths = data.ArrayLayout(TOKEN_BITS, config.columns)
        super().__init__(
            {"starts": In(1), "prompt_length": In(lengths), "total_length": In(TOKEN_BITS), **control_ports(config)}
        )

    def elaborate(self, platform):
        m = Module()
        columns, following = self.config.columns, Signal(TOKEN_BITS)
        found, emitting = Signal.like(self.argmax), Signal(columns)
        m.d.comb += [
            following.eq(Mux(self.busy, self.position + self.ends, 0)),
            self.emits.eq(emitting.any()),
            self.finishes.eq(self.position + 1 >= self.total_length),
        ]
        m.d.sync += [
            self.position.eq(following),
            self.last_column.eq(self.columns - 1),
            emitting.eq(
                Cat(
                    (self.position + 1 >= length) & (self.last_column >= column if column else 1)
                    for column, length in enumerate(self.prompt_length)
                )
            ),
        ]
        with m.If(self.ends):
            m.d.sync += found.eq(self.argmax)
        self._fetch(m, following, found)
        self._emit(m, found, emitting)
        return m

    def _fetch(self, m, following, found):
        """The sequences' tokens in turn: from the prompt memory, or the last one found."""
        begins, arrives, column = self.starts | self.ends, Signal(), Signal(range(self.config.columns))
        place, given = Signal.like(self.prompt_address), Signal()
        m.d.comb += [
            self.prompt_read.eq(begins | arrives & self.busy & (column != self.last_column)),
            self.prompt_address.eq(Mux(begins, following, place + self.config.context)),
            given.eq(self.position < Array(self.prompt_length)[column]),
        ]
        m.d.sync += [
            arrives.eq(self.prompt_read),
            column.eq(Mux(begins, 0, column + 1)),
            place.eq(self.prompt_address),
        ]
        with m.If(arrives & self.busy):
            m.d.sync += Array(self.tokens)[column].eq(Mux(given, self.prompt, Array(found)[column]))

    def _emit(self, m, found, emitting):
        """The tokens of the step that has ended, a column a cycle, of those whose prompts are over."""
        goes_on, those = Signal(), Signal.like(emitting)
        m.d.comb += [
            self.emitted.eq(Array(found)[self.token_column]),
            self.token_valid.eq(goes_on & those.bit_select(self.token_column, 1)),
            self.emits_more.eq(goes_on & (self.token_column != self.last_column)),
        ]
        with m.If(self.ends & self.emits):
            m.d.sync += [goes_on.eq(1), self.token_column.eq(0), those.eq(emitting)]
        with m.Elif(goes_on):
            m.d.sync += [goes_on.eq(self.token_column != self.last_column), self.token_column.eq(self.token_column + 1)]
