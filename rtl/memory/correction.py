"""What the decoders of both codes share: sums over a word's set bits, the bits to flip, and the stages."""

import itertools

from amaranth.hdl import Cat, ClockDomain, DomainRenamer, EnableInserter, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.macros import clock_gate


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


def _runs(positions) -> list[tuple[int, int]]:
    """Ascending positions as ranges."""
    ends = [p for p, after in itertools.zip_longest(positions, positions[1:]) if after != p + 1]
    starts = [p for before, p in itertools.pairwise((-2, *positions)) if p != before + 1]
    return [(start, end + 1) for start, end in zip(starts, ends, strict=True)]


def decoder_ports(data_bits: int, length: int):
    """Ports of a decoder: a codeword in, the word and its flags out."""
    return {
        "code": In(length),
        "valid": In(1),
        "data": Out(data_bits),
        "corrected": Out(1),
        "uncorrectable": Out(1),
    }


def locator_ports(length: int, sum_bits: int):
    """Ports of a locator: the sums of a codeword in, the bits to flip and what it has found out."""
    return {"sums": In(sum_bits), "flips": Out(length), "corrected": Out(1), "uncorrectable": Out(1)}


class Corrector(wiring.Component):
    """Repairs a word: one a cycle, latency `locator.LATENCY` + 1 cycles.

    The locator's registers take nothing but errors, and the zeros that follow one until they are through.

    Parameters
    ----------
    positions : of the data in the codeword, ascending
    locator : component with `locator_ports`, one sum a cycle, whose outputs follow its registers; those begin as zero
        sums leave them
    gated : a clock gate holds the locator's registers instead of their enable; the same, but for power

    Attributes
    ----------
    code, sums, valid : a codeword with its sums
    data, corrected, uncorrectable : the repaired word, and flags of a valid one
    """

    def __init__(self, positions: tuple[int, ...], locator: wiring.Component, *, gated: bool):
        self.LATENCY = locator.LATENCY + 1
        self._positions, self._locator, self._gated = positions, locator, gated
        ports = decoder_ports(len(positions), len(locator.flips))
        super().__init__(ports | {"sums": In(len(locator.sums))})

    def elaborate(self, platform):
        m = Module()
        locator, code, valid = self._locator, self.code, self.valid
        error = Signal()
        m.d.comb += [error.eq(self.sums.any()), locator.sums.eq(self.sums)]
        wanted = error
        for _ in range(locator.LATENCY):
            code_after, valid_after = Signal.like(code, name="code", reset_less=True), Signal(name="valid")
            error_after = Signal(name="error", reset_less=True)
            m.d.sync += [code_after.eq(code), valid_after.eq(valid), error_after.eq(error)]
            code, valid, error = code_after, valid_after, error_after
            wanted = wanted | error
        m.submodules.locator = self._clocked(m, wanted)
        repaired = Signal.like(code)
        m.d.comb += repaired.eq(code ^ locator.flips)
        m.d.sync += [
            self.data.eq(Cat(repaired[start:stop] for start, stop in _runs(self._positions))),
            self.corrected.eq(valid & locator.corrected),
            self.uncorrectable.eq(valid & locator.uncorrectable),
        ]
        return m

    def _clocked(self, m, wanted):
        """The locator, with a clock that it has only when it is wanted."""
        if not self._gated:
            return EnableInserter(wanted)(self._locator)
        m.domains.errors = errors = ClockDomain(local=True, reset_less=True)
        m.submodules.gate = clock_gate(enable=wanted, gated=errors.clk)
        return DomainRenamer("errors")(self._locator)


class Decoder(wiring.Component):
    """Keeps a codeword, sums its bits, and hands both to a corrector.

    The first stage only keeps the word, so that a bank's read time is followed by a register and no logic. The others
    follow it and need no enable: while it holds, they do.

    Parameters
    ----------
    sums : module and codeword to its check sums, combinational
    corrector : what repairs the word
    """

    REGISTERS = 2
    """Cycles beside those of the locator: the word is kept before it and repaired behind it."""

    def __init__(self, sums, corrector: Corrector):
        self._sums, self._corrector = sums, corrector
        super().__init__(decoder_ports(len(corrector.data), len(corrector.code)))

    def elaborate(self, platform):
        m = Module()
        m.submodules.corrector = corrector = self._corrector
        captured, arrived = Signal.like(self.code, reset_less=True), Signal()
        with m.If(self.valid):
            m.d.sync += captured.eq(self.code)
        m.d.sync += arrived.eq(self.valid)
        m.d.comb += [
            corrector.code.eq(captured),
            corrector.sums.eq(self._sums(m, captured)),
            corrector.valid.eq(arrived),
        ]
        m.d.comb += [getattr(self, n).eq(getattr(corrector, n)) for n in ("data", "corrected", "uncorrectable")]
        return m
