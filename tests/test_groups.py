"""Groups of weights in a format: own codes kept, others the nearest, and integers close to both."""

import dataclasses

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rtl.arithmetic.dot import Share, share_groups
from rtl.formats import ACCURATE, CHEAP, DEFAULT, GROUP, NumberFormat
from sim.checkpoint import GroupedMatrix, quantise
from sim.compiler import quantise_model
from sim.compiler.groups import regroup
from sim.compiler.quantise import integer_matrix
from sim.golden import Golden
from sim.reference import logits
from tests.random_model import mixed_model, random_model
from tests.test_program import SHAPE

RANDOM = np.random.default_rng(6)
SYMMETRIC = dataclasses.replace(CHEAP, minima=False)
BYTES_WITH_MINIMA = dataclasses.replace(DEFAULT, minima=True)
FORMATS = {"CHEAP": CHEAP, "ACCURATE": ACCURATE, "SYMMETRIC": SYMMETRIC, "BYTES": DEFAULT, "MINIMA": BYTES_WITH_MINIMA}
every_format = pytest.mark.parametrize("number_format", FORMATS.values(), ids=FORMATS)


def matrix(low: int, high: int, *, minima: bool = False, negative: bool = False) -> GroupedMatrix:
    """Random codes low...high, half precision scales, some negative if asked for."""
    scales = RANDOM.uniform(0.1, 1, (6, 3)).astype(np.float16).astype(np.float32)
    signs = RANDOM.choice([-1, 1], scales.shape) if negative else np.ones(scales.shape)
    lowest = RANDOM.uniform(-9, -6, scales.shape) * scales
    codes = RANDOM.integers(low, high + 1, (6, 96)).astype(np.int8)
    return GroupedMatrix(
        codes=codes,
        scales=(scales * signs).astype(np.float32),
        minima=lowest.astype(np.float16).astype(np.float32) if minima else None,
    )


def q8_0():
    return matrix(-127, 127)


def q4_0():
    return matrix(-8, 7, negative=True)


def q4_1():
    return matrix(0, 15, minima=True)


def values(groups):
    """Weights of `Groups`, float64 [rows, columns]."""
    return groups.codes * groups.scales.repeat(GROUP, axis=1) + groups.minima.repeat(GROUP, axis=1)


def integer_values(integers):
    """Weights of an `IntegerMatrix`, float64 [rows, columns]."""
    return integers.weights * integers.row_scales[:, None] * 2.0**-integers.exponent


@pytest.mark.parametrize(
    ("source", "kept_by"),
    [
        (q8_0, ["BYTES", "MINIMA"]),
        (q4_0, ["CHEAP", "ACCURATE", "SYMMETRIC", "BYTES", "MINIMA"]),
        (q4_1, ["CHEAP", "ACCURATE", "MINIMA"]),
    ],
)
def test_own_codes_are_kept(source, kept_by):
    """The same weights to the last bit of float64, though codes may turn with their sign or move by 8."""
    given_matrix = source()
    for name in kept_by:
        groups = regroup(given_matrix, FORMATS[name])
        exact = given_matrix.codes * given_matrix.scales.repeat(GROUP, axis=1).astype(np.float64)
        if given_matrix.minima is not None:
            exact += given_matrix.minima.repeat(GROUP, axis=1)
        assert np.abs(values(groups) - exact).max() < 1e-14


@every_format
@pytest.mark.parametrize("source", [q8_0, q4_0, q4_1])
def test_groups_are_legal(number_format, source):
    f, groups = number_format, regroup(source(), number_format)
    assert -f.code_limit - 1 <= groups.codes.min() and groups.codes.max() <= f.code_limit
    assert f.signed_scales or groups.scales.min() >= 0
    assert f.minima or not groups.minima.any()


def test_codes_of_minus_eight_survive_a_negative_scale():
    """In signed scales, and with a minimum: -d * -8 = d * 7 + d."""
    codes = np.full((1, 32), -8, np.int8)
    source = GroupedMatrix(codes=codes, scales=np.full((1, 1), -0.5, np.float32))
    signed, shifted = regroup(source, SYMMETRIC), regroup(source, CHEAP)
    assert (signed.codes[0, 0], signed.scales[0, 0]) == (-8, -0.5)
    assert (shifted.codes[0, 0], shifted.scales[0, 0], shifted.minima[0, 0]) == (7, 0.5, 0.5)


WEIGHTS = hnp.arrays(np.float32, (2, 64), elements=st.floats(-100, 100, width=32))


def square_error(found, wanted):
    """Sum of squared errors of each group."""
    return ((found.reshape(wanted.shape) - wanted) ** 2).reshape(len(wanted), -1, GROUP).sum(axis=2)


@given(WEIGHTS)
@settings(deadline=None)
def test_four_bit_codes_beat_plain_rounding(weights):
    """Against the textbook's steps: the largest magnitude over 7, or, with a minimum, the range over 15."""
    wanted = quantise(weights).values().astype(np.float64)
    groups = wanted.reshape(2, 2, GROUP)
    low = groups.min(axis=2, keepdims=True)
    plain = square_error(_rounded(groups, np.abs(groups).max(axis=2, keepdims=True) / 7), wanted)
    ranged = square_error(_rounded(groups - low, np.ptp(groups, axis=2, keepdims=True) / 15) + low, wanted)
    ended = groups[:, :, -1] == 0  # as padding does: these have no minimum
    for number_format, limit in ((SYMMETRIC, plain), (CHEAP, np.where(ended, plain, ranged))):
        ours = square_error(values(regroup(quantise(weights), number_format)), wanted)
        assert (ours <= limit * (1 + 1e-9) + 1e-9).all()


def _rounded(groups, steps):
    return np.rint(groups / np.where(steps > 0, steps, 1)) * steps


@every_format
def test_padding_stays_zero(number_format):
    source = q8_0()
    source.codes[:, -5:] = 0
    assert not integer_matrix(source, number_format).weights[:, -5:].any()


@every_format
@pytest.mark.parametrize("source", [q8_0, q4_0, q4_1])
def test_integers_are_within_half_a_unit_of_scale_and_minimum(number_format, source):
    given_matrix = source()
    integers, groups = integer_matrix(given_matrix, number_format), regroup(given_matrix, number_format)
    unit = integers.row_scales[:, None] * 2.0**-integers.exponent
    codes = np.abs(groups.codes.astype(float))
    bound = unit * (0.5 * codes + (0.5 + 0.5 * codes.max() if number_format.minima else 0))
    assert (np.abs(integer_values(integers) - values(groups)) <= bound * (1 + 1e-9)).all()
    assert np.abs(integers.group_scales).max() <= number_format.scale_limit
    assert np.abs(integers.minima).max() <= number_format.minimum_limit


@pytest.mark.parametrize("number_format", [CHEAP, ACCURATE, SYMMETRIC])
def test_two_terms_hold_eight_bits(number_format):
    """An error of half a step of the second term, a fifteenth of the first's, and of the rounding of its minimum."""
    source = q8_0()
    integers = integer_matrix(source, number_format, terms=2)
    once = integer_matrix(source, number_format)
    unit = integers.row_scales[:, None] * 2.0**-integers.exponent
    steps = integers.group_scales[:, 1::2].repeat(GROUP, axis=1)
    assert (np.abs(integer_values(integers) - source.values()) <= unit * (steps / 2 + 0.5) + 1e-6).all()
    errors = [np.abs(integer_values(m) - source.values()).mean() for m in (once, integers)]
    assert errors[1] < errors[0] / 7
    assert integers.groups == 2 * once.groups and integers.weights.shape == once.weights.shape


def test_bytes_beside_nibbles_keep_their_precision():
    model = mixed_model(dataclasses.replace(SHAPE, dim=96))
    integers = quantise_model(model, 32, ACCURATE)
    assert (integers.head.terms, integers.layers[0].gate.terms) == (2, 1)
    assert quantise_model(model, 32, BYTES_WITH_MINIMA).head.terms == 1
    assert quantise_model(random_model(SHAPE), 32, ACCURATE).head.terms == 1
    golden, tokens = Golden(integers), list(range(0, 60, 4))
    for token, exact in zip(tokens, logits(model, tokens), strict=True):
        assert np.corrcoef(golden.step(token), exact)[0, 1] > 0.9999


class Shared(wiring.Component):
    """`share_groups` as a component."""

    def __init__(self, number_format):
        self.format = number_format
        width = number_format.codes_per_word * number_format.activation_bits
        super().__init__({"activations": In(width), "share": In(Share), "base": In(2), "shared": Out(width)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.shared.eq(share_groups(self.activations, self.share, self.base, self.format))
        return m


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_shared_groups(groups):
    """Every share and base: its own group, a neighbour's, or the one group for all."""
    f = NumberFormat(groups_per_word=groups)
    width, unit = GROUP * f.activation_bits, Shared(f)
    words = [g + 1 for g in range(groups)]
    cases = [(Share.NONE, 0, words)]
    if groups > 1:
        cases += [(Share.ALL, base, [words[base]] * groups) for base in range(groups)]
        half = groups // 2
        cases += [(Share.PAIRS, base, sorted(words[base : base + half] * 2)) for base in range(0, groups, half)]

    async def bench(context):
        context.set(unit.activations, sum(word << width * g for g, word in enumerate(words)))
        for share, base, expected in cases:
            context.set(unit.share, share)
            context.set(unit.base, base)
            seen = context.get(unit.shared)
            assert [seen >> width * g & 0xFF for g in range(groups)] == expected

    simulator = Simulator(unit)
    simulator.add_testbench(bench)
    simulator.run()
