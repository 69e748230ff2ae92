"""What the decoders of both codes share: sums over a word's set bits, and the bits to flip."""

from amaranth.hdl import Cat, Module, Signal, Value


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
    return Cat(row & column for row in rows for column in columns)[:count]
