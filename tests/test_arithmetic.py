"""Golden functions against exact arithmetic, and gateware against golden functions."""

import math

import numpy as np
import pytest
from amaranth.sim import Simulator
from hypothesis import given
from hypothesis import strategies as st

from rtl.arithmetic.alu import clip_code, gate, rotate
from rtl.arithmetic.dot import accumulate_rows, weigh
from rtl.arithmetic.exponential import Exponential, exp2
from rtl.arithmetic.integers import round_shift, saturate
from rtl.arithmetic.requantise import Requantiser, requantise
from rtl.arithmetic.root import Root, root
from rtl.arithmetic.scale import ONE, Normaliser, Scale, multiply_scales, normalise
from rtl.arithmetic.silu import Silu, silu
from tests.gateware import stream

RANDOM = np.random.default_rng(1)
EDGES = [0, 1, -1, 2**31 - 1, -(2**31), 2**30, -(2**30), 12345, -54321]


@given(st.integers(-(2**61), 2**61), st.integers(0, 63))
def test_round_shift_rounds_halves_up(value, shift):
    assert int(round_shift(value, shift)) == (2 * value // 2**shift + 1) // 2


@given(st.integers(-(2**62), 2**62), st.integers(2, 40))
def test_saturate_keeps_what_fits(value, bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    assert int(saturate(value, bits)) == min(max(value, low), high)


@given(st.integers(0, 2**56 - 1), st.integers(-40, 40))
def test_normalise_is_just_below(value, exponent):
    scale = normalise(value, exponent)
    exact = max(value, 1) * 2.0**exponent
    represented = scale.mantissa * 2.0**scale.exponent
    assert 2**15 <= scale.mantissa < 2**16
    assert represented <= exact < represented * (1 + 2**-15)


def test_every_reciprocal_is_the_floor():
    for mantissa in range(2**15, 2**16):
        inverse = Scale(mantissa, 0).inverse
        assert inverse * mantissa <= 2**31 < (inverse + 1) * mantissa


@given(st.integers(0, 2**56 - 1))
def test_root_is_within_one_unit(value):
    mantissa, exponent = root(value)
    exact = math.sqrt(max(value, 1)) / 2.0**exponent
    assert 2**15 <= mantissa < 2**16
    assert mantissa <= exact * (1 + 1e-12) and exact < mantissa + 1.001


def test_exponential_is_within_one_unit_everywhere():
    t = -np.arange(16 * 256)
    exact = 2.0 ** (15 + t / 256)
    assert np.abs(exp2(t, 0) - exact).max() < 1.01
    assert exp2(-(2**31), 2**31 - 1) == 0 and exp2(5, 5) == 2**15 and exp2(5, 5, masked=True) == 0


def test_silu_is_close_everywhere():
    x = np.arange(-(1 << 19), 1 << 19)
    real = x / 2**14
    exact = real / (1 + np.exp(-real))
    error = np.abs(silu(x) / 2**14 - exact)
    assert (error <= np.abs(real) * 7e-5 + 2**-15 + 4e-6).all()
    assert silu(2**31 - 1) == 2**21 - 1 and silu(-(2**31)) == 0


@given(st.integers(2, 2000), st.floats(0, 2 * math.pi))
def test_rotation_keeps_length(length, angle):
    turns = np.rint(np.array([math.cos(angle), math.sin(angle)]) * 2**14).astype(np.int64)
    vector = np.array([length * 64, -length * 16])
    turned = rotate(vector, turns)
    assert np.hypot(*turned) == pytest.approx(np.hypot(*vector), rel=1e-4, abs=2)


def test_gate_and_clip():
    assert gate(1 << 14, 1 << 14) == round((1 << 14) / (1 + math.exp(-1)))
    assert list(clip_code(np.array([-5000, -2047, 3, 2048]), 12)) == [-2047, -2047, 3, 2047]


@given(st.integers(-(2**39), 2**39 - 1), st.integers(-(2**15), 2**15 - 1), st.integers(1, 2**40))
def test_requantise_approximates_the_product(a, constant, value):
    scale = normalise(value)
    first = max(0, abs(a * constant).bit_length() - 31)
    second = scale.exponent + 20
    exact = a * constant * scale.mantissa * 2.0 ** (scale.exponent - first - second)
    assert float(requantise(a, constant, first, scale, second)) == pytest.approx(exact, abs=0.6 + 2**-5, rel=2e-9)


def test_multiply_scales_inverts():
    a, b = normalise(3 << 20), normalise(7)
    quotient = multiply_scales(a, b, invert_b=True)
    assert quotient.mantissa * 2.0**quotient.exponent == pytest.approx((3 << 20) / 7, rel=2**-14)


def test_row_sums_do_not_depend_on_the_partition():
    codes = RANDOM.integers(-128, 128, (5, 12 * 32))
    scales = RANDOM.integers(0, 256, (5, 12))
    activations = RANDOM.integers(-2047, 2048, 12 * 32)
    weights = weigh(codes, scales)
    whole = accumulate_rows(weights, activations)
    parts = sum(accumulate_rows(weights[:, i : i + 64], activations[i : i + 64]) for i in range(0, 384, 64))
    exact = [
        sum(
            int(s)
            * sum(int(q) * int(a) for q, a in zip(row[32 * g : 32 * g + 32], activations[32 * g :], strict=False))
            for g, s in enumerate(scale)
        )
        for row, scale in zip(codes, scales, strict=True)
    ]
    assert list(whole) == list(parts) == exact


# --- gateware


def values(bits, count=200):
    """Random signed values of every magnitude, and the edges that fit."""
    magnitudes = RANDOM.integers(1, bits, count)
    random = [int(RANDOM.integers(-(1 << m), 1 << m)) for m in magnitudes - 1]
    return [v for v in EDGES if -(1 << (bits - 1)) <= v < 1 << (bits - 1)] + random


def test_normaliser_equals_golden():
    inputs = [{"value": abs(v), "exponent": int(RANDOM.integers(-20, 20))} for v in values(56, 400)]
    for given_value, (result,) in zip(
        inputs, stream(Normaliser(), inputs, ["result"], Normaliser.LATENCY), strict=True
    ):
        golden = normalise(given_value["value"], given_value["exponent"])
        assert (result.mantissa, result.exponent, result.inverse) == (golden.mantissa, golden.exponent, golden.inverse)


def test_requantiser_equals_golden():
    unit, rows = Requantiser(), []
    for a in values(40, 400):
        scale = normalise(int(RANDOM.integers(1, 2**30)))
        constant, first = int(RANDOM.integers(-(2**15), 2**15)), int(RANDOM.integers(0, 40))
        rows.append((a, constant, first, scale, int(RANDOM.integers(0, 30))))
    # factor and shift enter two cycles after a
    inputs = [{} for _ in range(len(rows) + 2)]
    for n, (a, constant, first, scale, shift) in enumerate(rows):
        inputs[n] |= {"valid": 1, "a": a, "constant": constant, "first_shift": first}
        inputs[n + 2] |= {"factor": scale.mantissa, "shift": shift}
    seen = stream(unit, inputs, ["y"], Requantiser.LATENCY)[: len(rows)]
    golden = [int(requantise(a, c, f, Scale(s.mantissa, 0), shift)) for a, c, f, s, shift in rows]
    assert [y for (y,) in seen] == golden


def test_exponential_gateware_equals_golden():
    inputs = [
        {"valid": 1, "score": s, "maximum": max(s, m), "masked": int(RANDOM.random() < 0.1)}
        for s, m in zip(values(20, 300), values(20, 300), strict=True)
    ]
    seen = [v for (v,) in stream(Exponential(), inputs, ["value"], Exponential.LATENCY)]
    assert seen == [int(exp2(i["score"], i["maximum"], bool(i["masked"]))) for i in inputs]


def test_silu_gateware_equals_golden():
    inputs = [{"valid": 1, "x": x} for x in values(32, 300) + values(18, 400)]
    assert [v for (v,) in stream(Silu(), inputs, ["y"], Silu.LATENCY)] == [int(silu(i["x"])) for i in inputs]


def test_root_gateware_equals_golden():
    unit = Root()

    async def bench(context):
        for value in [0, 1, 2, 3, 2**56 - 1, 2**55, *(abs(v) for v in values(56, 40))]:
            context.set(unit.value, value)
            context.set(unit.start, 1)
            await context.tick()
            context.set(unit.start, 0)
            for _ in range(Root.LATENCY - 1):
                assert not context.get(unit.done)
                await context.tick()
            assert context.get(unit.done)
            assert (context.get(unit.mantissa), context.get(unit.exponent)) == root(value)
            await context.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_one_is_one():
    assert int(requantise(12345, 1, 0, ONE, 0)) == 12345
