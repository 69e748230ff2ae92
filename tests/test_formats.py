"""Number formats: their widths, lanes of every kind against exact sums, and decodes in them."""

import dataclasses
import random

import numpy as np
import pytest

from devicemodels.errors import UserError
from rtl.arithmetic.dot import ActivationSums, DotProduct, accumulate_rows, weigh
from rtl.formats import ACCURATE, CHEAP, GROUP, ROW_GROUPS, NumberFormat
from rtl.memory.secded import SecdedDecoder, encode
from rtl.tile.lane import Lane
from tests.gateware import stream
from tests.hardware import SMALL, check_hardware
from tests.random_model import random_model
from tests.test_program import SHAPE, TILE, check_every_step

FORMATS = {
    "default": NumberFormat(),
    "accurate": ACCURATE,
    "cheap": CHEAP,
    "two words of eight bits": NumberFormat(kv_bits=12, scale_bits=9, groups_per_word=2),
    "bytes with minima": NumberFormat(activation_bits=16, scale_bits=10, minima=True),
    "four bits, signed scales": NumberFormat(weight_bits=4, activation_bits=8, groups_per_word=2),
    "four bits, keys of twelve": NumberFormat(weight_bits=4, kv_bits=12, scale_bits=11, groups_per_word=4),
    "narrowest scales": NumberFormat(activation_bits=8, scale_bits=4),
    "widest sums": NumberFormat(activation_bits=16, scale_bits=11),
}
every_format = pytest.mark.parametrize("number_format", FORMATS.values(), ids=FORMATS)


# Widths


def test_the_default_is_the_byte_word():
    f = NumberFormat()
    assert (f.word_bits, f.codes_per_word, f.kv_word_bits, f.accumulator_bits) == (32 * 8 + 8, 32, 256, 40)
    assert not f.needs_sums and not f.signed_scales


def test_words_of_the_named_formats():
    assert ACCURATE.word_bits == 4 * (32 * 4 + 10 + 14)
    assert CHEAP.word_bits == 2 * (32 * 4 + 8 + 12)


def every_legal_format():
    for weight in (4, 8):
        for activation in (8, 12, 16):
            for kv in (8, 12):
                for scale in range(4, 15):
                    for minima in (False, True):
                        for groups in (1, 2, 4):
                            try:
                                yield NumberFormat(
                                    weight_bits=weight,
                                    activation_bits=activation,
                                    kv_bits=kv,
                                    scale_bits=scale,
                                    minima=minima,
                                    groups_per_word=groups,
                                )
                            except UserError:
                                pass


def test_no_legal_row_overflows_its_accumulator():
    """The largest sum of the longest row, of weights and of keys, by multiplication; and no bit is wasted."""
    formats = list(every_legal_format())
    assert len(formats) > 300
    for f in formats:
        code, scale = 1 << (f.weight_bits - 1), (1 << (f.scale_bits - f.signed_scales)) - 1
        minimum = (1 << (f.scale_bits + 3)) - 1 if f.minima else 0
        largest = ROW_GROUPS * 32 * max(code * scale + minimum, 1 << (f.kv_bits - 1)) * f.activation_limit
        assert 1 << (f.accumulator_bits - 2) <= largest < 1 << (f.accumulator_bits - 1)
        assert largest < 2**53, "float64 carries the sum"
        assert largest << 15 < 2**62, "an int64 carries the sum times a row scale"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"weight_bits": 5}, "format.weight_bits is 5, but it must be one of 4, 8"),
        ({"scale_bits": 15}, "format.scale_bits is 15, but it must be one of 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14"),
        (
            {"kv_bits": 12},
            "format.kv_bits is 12, and 1 groups of 8-bit multipliers take 8 bits: set format.groups_per_word to 2",
        ),
        (
            {"weight_bits": 4, "kv_bits": 12, "groups_per_word": 2},
            "format.kv_bits is 12, and 2 groups of 4-bit multipliers take 8 bits: set format.groups_per_word to 4",
        ),
        (
            {"kv_bits": 12, "groups_per_word": 2},
            "format.scale_bits is 8, and the top slice of a 12-bit key counts 256: set format.scale_bits to 9",
        ),
        (
            {"activation_bits": 16, "scale_bits": 14},
            "format.scale_bits is 14, and the sums of 256 groups then take 50 bits of 47: lower it to 11",
        ),
    ],
)
def test_illegal_formats_are_refused_with_numbers(choice, message):
    with pytest.raises(UserError) as caught:
        NumberFormat(**choice)
    assert str(caught.value) == message


def test_what_a_refusal_advises_is_legal():
    NumberFormat(kv_bits=12, groups_per_word=2, scale_bits=9)
    NumberFormat(weight_bits=4, kv_bits=12, groups_per_word=4, scale_bits=10)
    NumberFormat(activation_bits=16, scale_bits=11)


# Lanes


def packed(values, bits: int) -> int:
    """Integers as one number, the first in the lowest bits."""
    return sum((int(v) & ((1 << bits) - 1)) << (bits * i) for i, v in enumerate(values))


def pick(source: random.Random, low: int, high: int, count: int, extreme: bool) -> list[int]:
    """Random integers of a range, or its ends."""
    return [source.choice((low, high)) if extreme else source.randint(low, high) for _ in range(count)]


def weight_word(f: NumberFormat, source: random.Random, extreme: bool):
    """Codes, scales and minima of a word."""
    code, scale = f.code_limit, f.scale_limit
    return (
        pick(source, -code - 1, code, f.codes_per_word, extreme),
        pick(source, -scale if f.signed_scales else 0, scale, f.groups_per_word, extreme),
        pick(source, -f.minimum_limit, f.minimum_limit, f.groups_per_word, extreme),
    )


def row_sum(f: NumberFormat, words, activations) -> int:
    """The sum of a row of weight words, in Python's integers."""
    return sum(
        (scales[i // 32] * codes[i] + minima[i // 32]) * a[i]
        for (codes, scales, minima), a in zip(words, activations, strict=True)
        for i in range(f.codes_per_word)
    )


def rows(f: NumberFormat, source: random.Random, count: int):
    """Random rows of one to four words, every third of extremes, and one of the largest sum: (words, activations)."""
    limit = f.activation_limit
    for row in range(count):
        extreme = row % 3 == 0
        words = [weight_word(f, source, extreme) for _ in range(1 + row % 4)]
        yield words, [pick(source, -limit, limit, f.codes_per_word, extreme) for _ in words]
    largest = [-f.code_limit - 1] * f.codes_per_word, [f.scale_limit] * f.groups_per_word
    yield [(*largest, [-f.minimum_limit] * f.groups_per_word)] * 2, [[-limit] * f.codes_per_word] * 2


def lane_cycles(f: NumberFormat, words, activations, *, first: bool = True):
    """Inputs of the dot product for a row, a cycle each, without the sums of the activations."""
    for n, ((codes, scales, minima), values) in enumerate(zip(words, activations, strict=True)):
        cycle = {
            "codes": packed(codes, f.weight_bits),
            "scales": packed(scales, f.scale_bits),
            "activations": packed(values, f.activation_bits),
            "valid": 1,
            "first": int(first and n == 0),
        }
        yield cycle | ({"minima": packed(minima, f.minimum_bits)} if f.minima else {})


def with_sums(f: NumberFormat, cycles, late: int):
    """The cycles with the sums of each group's activations, `late` cycles after them."""
    cycles = [*cycles, *({"valid": 0, "first": 0} for _ in range(late))]
    if f.needs_sums:
        for n, cycle in enumerate(cycles[:-late]):
            values = [cycle.get("activations", 0) >> (f.activation_bits * i) for i in range(f.codes_per_word)]
            mask, sign = (1 << f.activation_bits) - 1, 1 << (f.activation_bits - 1)
            values = [((v & mask) ^ sign) - sign for v in values]
            cycles[n + late]["activation_sums"] = [sum(values[g : g + 32]) for g in range(0, f.codes_per_word, 32)]
    return cycles


@every_format
def test_dot_product_equals_exact_sums(number_format):
    f, source = number_format, random.Random(1)
    tests = list(rows(f, source, 24))
    cycles = [cycle for words, activations in tests for cycle in lane_cycles(f, words, activations)]
    seen = stream(DotProduct(f), with_sums(f, cycles, DotProduct.SUMS_STAGE), ["sum"], DotProduct.LATENCY)
    ends = np.cumsum([len(words) for words, _ in tests]) - 1
    assert [seen[end][0] for end in ends] == [row_sum(f, *test) for test in tests]


@every_format
def test_dot_product_equals_golden(number_format):
    """The golden functions, on the same words: partition into words does not matter."""
    f = number_format
    for words, activations in rows(f, random.Random(2), 12):
        codes, scales, minima = (np.concatenate([word[i] for word in words])[None] for i in range(3))
        golden = accumulate_rows(weigh(codes, scales, minima), np.concatenate(activations))
        assert golden.tolist() == [row_sum(f, words, activations)]


def test_gaps_between_words_do_not_matter():
    f, source = CHEAP, random.Random(3)
    words, activations = next(rows(f, source, 1))
    cycles = list(lane_cycles(f, words, activations))
    gap = {**cycles[0], "valid": 0}
    more = list(lane_cycles(f, *next(rows(f, source, 1)), first=False))
    inputs = with_sums(f, [gap, cycles[0], gap, gap, more[0], gap], 2)
    seen = stream(DotProduct(f), inputs, ["sum"], DotProduct.LATENCY)
    assert seen[1] == seen[2] == seen[3] and seen[4] == seen[5] != seen[3]


def lane_inputs(f: NumberFormat, operands, late: int):
    """Cycles of a lane: the codewords of weights `late` cycles before the other ports say what to do with them."""
    cycles = [{"code_valid": 0} for _ in range(len(operands) + late)]
    for n, operand in enumerate(operands):
        if "code" in operand:
            cycles[n] |= {"code": operand.pop("code"), "code_valid": 1}
        cycles[n + late] |= operand
    return cycles


def codeword(f: NumberFormat, word) -> int:
    """The codeword of codes, scales and minima."""
    codes, scales, minima = word
    data = packed(codes, f.weight_bits) | packed(scales, f.scale_bits) << f.codes_per_word * f.weight_bits
    data |= packed(minima, f.minimum_bits) << f.codes_per_word * f.weight_bits + f.groups_per_word * f.scale_bits
    bits = np.array([data >> i & 1 for i in range(f.word_bits)], np.uint8)
    return int("".join(map(str, encode(bits[None])[0][::-1])), 2)


@every_format
def test_lanes_multiply_every_key_code(number_format):
    """All codes that K and V can have, and weight words between them."""
    f, source = number_format, random.Random(4)
    every = list(range(-(1 << (f.kv_bits - 1)), 1 << (f.kv_bits - 1)))
    operands, expected, limit = [], [], f.activation_limit
    for start in range(0, len(every), GROUP):
        codes, shared = every[start : start + GROUP], pick(source, -limit, limit, GROUP, start % 3 == 0)
        values = shared * f.kv_slices + pick(source, -limit, limit, (f.groups_per_word - f.kv_slices) * GROUP, False)
        key = {"kv": packed(codes, f.kv_bits), "from_kv": 1, "valid": 1, "first": 1}
        operands.append(key | {"activations": packed(values, f.activation_bits)})
        expected.append(sum(q * a for q, a in zip(codes, shared, strict=True)))
        word, values = weight_word(f, source, False), pick(source, -limit, limit, f.codes_per_word, False)
        weights = {"code": codeword(f, word), "from_kv": 0, "valid": 1, "first": 1, "kv": source.getrandbits(256)}
        operands.append(weights | {"activations": packed(values, f.activation_bits)})
        expected.append(row_sum(f, [word], [values]))
    late = SecdedDecoder.LATENCY
    inputs = with_sums(f, lane_inputs(f, operands, late), DotProduct.SUMS_STAGE)
    seen = stream(Lane(f), inputs, ["sum"], DotProduct.LATENCY)
    assert [total for (total,) in seen[late : late + len(expected)]] == expected


@every_format
def test_activation_sums(number_format):
    f, source, limit = number_format, random.Random(5), number_format.activation_limit
    words = [pick(source, -limit, limit, f.codes_per_word, n % 3 == 0) for n in range(20)] + [
        [limit] * f.codes_per_word
    ]
    inputs = [{"activations": packed(word, f.activation_bits), "valid": 1} for word in words]
    seen = stream(ActivationSums(f), inputs, ["sums"], DotProduct.SUMS_STAGE)
    assert [list(sums) for (sums,) in seen] == [
        [sum(word[g : g + 32]) for g in range(0, f.codes_per_word, 32)] for word in words
    ]


# Decodes

ONE_GROUP = {
    "eight bits": NumberFormat(activation_bits=8),
    "sixteen bits": NumberFormat(activation_bits=16, scale_bits=11),
    "minima": NumberFormat(scale_bits=10, minima=True),
    "eight bits, minima, narrow scales": NumberFormat(activation_bits=8, scale_bits=4, minima=True),
}


@pytest.mark.parametrize("number_format", ONE_GROUP.values(), ids=ONE_GROUP)
@pytest.mark.parametrize("four_bits", [False, True], ids=["Q8_0", "Q4_1"])
def test_programs_equal_the_golden(number_format, four_bits):
    tile = dataclasses.replace(TILE, format=number_format)
    check_every_step(dataclasses.replace(SHAPE, dim=96), tile, four_bits=four_bits)


@pytest.mark.slow
@pytest.mark.parametrize(
    "number_format", [ONE_GROUP["sixteen bits"], ACCURATE], ids=["sixteen bits", "four groups a word"]
)
def test_hardware_equals_the_golden(number_format, tmp_path):
    """Tokens and cycles of a small model of 4-bit codes on a tile with two banks a lane."""
    config = dataclasses.replace(TILE, format=number_format, vector_lanes=4, **SMALL)
    check_hardware(random_model(SHAPE, four_bits=True), config, tmp_path, tokens=33)
