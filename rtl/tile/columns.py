"""The positions of a step on a tile with several columns, their tokens, and the tokens that come out."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.tile.config import TileConfig

TOKEN_BITS = 16


def control_ports(config: TileConfig) -> dict[str, wiring.Member]:
    """What the controls of columns have in common, whether these are of one sequence or of a batch."""
    tokens = data.ArrayLayout(TOKEN_BITS, config.columns)
    return {
        "busy": In(1),
        "ends": In(1),
        "columns": In(range(config.columns + 1)),
        "prompt_read": Out(1),
        "prompt_address": Out(range(config.prompt_words)),
        "prompt": In(TOKEN_BITS),
        "argmax": In(tokens),
        "position": Out(TOKEN_BITS),
        "last_column": Out(range(config.columns)),
        "emits": Out(1),
        "finishes": Out(1),
        "tokens": Out(tokens),
        "token_valid": Out(1),
        "emitted": Out(TOKEN_BITS),
        "token_column": Out(range(config.columns)),
        "emits_more": Out(1),
    }


class ColumnControl(wiring.Component):
    """Says which positions a step works on: as many of the given tokens as there are columns, else one.

    A step begins with a cycle in which `busy` is high and `ends` was, or a run begins; the token of its column c is
    there c + 1 cycles later, `last_column` and `last_position` 1 cycle later. The tokens that a step emits come from
    the cycle after `ends` on, one a cycle; the next step has to take longer than they do.

    Attributes
    ----------
    start : a run begins in the next cycle, unless steps are played
    busy, ends : steps are played; the step ends in this cycle
    first_position, prompt_length, total_length, first_emitted, columns : as in `rtl.tile.sequencer.Sequencer`
    prompt_read, prompt_address, prompt : port of the prompt memory, with one cycle of latency
    argmax : the token that was found in each column, in the cycle of `ends`
    position, last_position, last_column : of the first column and of the last one in use
    emits : tokens of this step are to be emitted
    finishes : this step is the run's last
    tokens : one a column; of those in use
    token_valid, emitted, token_column : one cycle for each token emitted
    emits_more : a token is emitted, and not the last one of its step
    """

    def __init__(self, config: TileConfig):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                **{name: In(TOKEN_BITS) for name in ("first_position", "prompt_length", "total_length")},
                "first_emitted": In(TOKEN_BITS),
                **control_ports(config),
                "last_position": Out(TOKEN_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        following = Signal(TOKEN_BITS)
        m.d.comb += [
            following.eq(Mux(self.busy, self.last_position + 1, self.first_position)),
            self.emits.eq(self.last_position >= self.first_emitted),
            self.finishes.eq(self.last_position + 1 >= self.total_length),
        ]
        with m.If(self.ends | ~self.busy):
            m.d.sync += self.position.eq(following)
        given = self.prompt_length - self.position
        with m.If(self.position >= self.prompt_length):
            m.d.sync += [self.last_column.eq(0), self.last_position.eq(self.position)]
        with m.Elif(given > self.columns):
            m.d.sync += self.last_column.eq(self.columns - 1)
            m.d.sync += self.last_position.eq(self.position + self.columns - 1)
        with m.Else():
            m.d.sync += [self.last_column.eq(given - 1), self.last_position.eq(self.prompt_length - 1)]
        self._fetch(m, following)
        self._emit(m)
        return m

    def _fetch(self, m, following):
        """The tokens of a step from the prompt memory, in turn, or the last one found."""
        arrives, column, found = Signal(), Signal(range(self.config.columns)), Signal(TOKEN_BITS)
        begins, ahead = self.ends | ~self.busy, Signal(range(self.config.columns + 1))
        onward, another = Signal(TOKEN_BITS + 1), Signal()
        m.d.comb += [
            ahead.eq(column + 1),
            onward.eq(self.position + ahead),
            another.eq(arrives & (ahead < self.columns) & (onward < self.prompt_length)),
            self.prompt_read.eq(self.ends | self.start & ~self.busy | another),
            self.prompt_address.eq(Mux(begins, following, onward)),
        ]
        m.d.sync += [arrives.eq(self.prompt_read), column.eq(Mux(begins, 0, ahead))]
        with m.If(self.ends):
            m.d.sync += found.eq(Array(self.argmax)[self.last_column])
        with m.If(arrives & self.busy):
            m.d.sync += Array(self.tokens)[column].eq(Mux(self.position < self.prompt_length, self.prompt, found))

    def _emit(self, m):
        """The tokens of the step that has ended, one a cycle."""
        last, found = Signal(range(self.config.columns)), Signal.like(self.argmax)
        m.d.comb += [
            self.emitted.eq(Array(found)[self.token_column]),
            self.emits_more.eq(self.token_valid & (self.token_column != last)),
        ]
        with m.If(self.ends & self.emits):
            before = Mux(self.first_emitted > self.position, self.first_emitted - self.position, 0)
            m.d.sync += [self.token_valid.eq(1), self.token_column.eq(before), last.eq(self.last_column)]
            m.d.sync += found.eq(self.argmax)
        with m.Elif(self.token_column == last):
            m.d.sync += self.token_valid.eq(0)
        with m.Else():
            m.d.sync += self.token_column.eq(self.token_column + 1)
