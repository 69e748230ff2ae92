"""What the decoders of both codes share: sums over a word's set bits, the bits to flip, and the stages."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


def moments(m: Module, word: Value, degree: int) -> dict[tuple[int, ...], Value]:
    """Parities of the bits of `word` whose position has all of some bits set.

    The key (j, k), j < k, stands for positions with bits j and k set, () for all of them; there are keys of up to
    `degree` bits. The word is folded in half once a bit, from the top: the upper half alone gives the moments of that
    bit, and the halves added give all others, so n bits take about n (degree + 1) exclusive ors.
    """
    if len(word) == 1:
        return {(): word[0]}
    bit = (len(word) - 1).bit_length() - 1
    half = 1 << bit
    upper = word[half:]
    folded = Signal(half, name="folded")
    m.d.comb += folded.eq(Cat(word[: len(upper)] ^ upper, word[len(upper) :]))
    sums = moments(m, folded, degree)
    if degree:
        sums |= {(*key, bit): value for key, value in moments(m, upper, degree - 1).items()}
    return sums


def one_hot(m: Module, value: Value, count: int, enable=1) -> Value:
    """`count` bits of which bit `value` is set where `enable` is: two small decoders and an and for each bit."""
    low = len(value) // 2
    columns, rows = Signal(1 << low), Signal(-(-count >> low))
    m.d.comb += [
        columns.eq(Cat(value[:low] == i for i in range(len(columns)))),
        rows.eq(Cat((value[low:] == i) & enable for i in range(len(rows)))),
    ]
    return Cat(Mux(row, columns, 0) for row in rows)[:count]


def corrector_ports(data_bits: int, length: int):
    """Ports of a corrector: a codeword with its sums in, the repaired word and its flags out."""
    return {
        "code": In(length),
        "sums": In(length - data_bits),
        "valid": In(1),
        "data": Out(data_bits),
        "corrected": Out(1),
        "uncorrectable": Out(1),
    }


class Decoder(wiring.Component):
    """Keeps a codeword, sums its bits, and hands both to a corrector.

    The first stage only keeps the word, so that a bank's read time is followed by a register and no logic. The others
    follow it and need no enable: while it holds, they do.

    Parameters
    ----------
    data_bits, length : of a word, without and with check bits
    sums : module and codeword to its check sums, combinational
    corrector : component with `corrector_ports`
    """

    SUM_LATENCY = 2
    """Cycles from a codeword to its sums."""

    def __init__(self, data_bits: int, length: int, sums, corrector: wiring.Component):
        self._sums, self._corrector = sums, corrector
        super().__init__(
            {
                "code": In(length),
                "valid": In(1),
                "data": Out(data_bits),
                "corrected": Out(1),
                "uncorrectable": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.corrector = corrector = self._corrector
        captured, arrived = Signal.like(self.code, reset_less=True), Signal()
        code, sums, valid = (Signal.like(port, reset_less=True) for port in (self.code, corrector.sums, self.valid))
        with m.If(self.valid):
            m.d.sync += captured.eq(self.code)
        m.d.sync += [
            arrived.eq(self.valid),
            valid.eq(arrived),
            code.eq(captured),
            sums.eq(self._sums(m, captured)),
        ]
        m.d.comb += [corrector.code.eq(code), corrector.sums.eq(sums), corrector.valid.eq(valid)]
        m.d.comb += [getattr(self, n).eq(getattr(corrector, n)) for n in ("data", "corrected", "uncorrectable")]
        return m
