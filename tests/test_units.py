"""Units of the tile on their own against the golden functions: small benches that planted faults are shown to."""

import dataclasses

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from rtl.arithmetic.alu import add, clip_code, gate, rotate
from rtl.arithmetic.dot import DotProduct
from rtl.arithmetic.requantise import requantise
from rtl.arithmetic.scale import ONE
from rtl.formats import ACCURATE, CHEAP, GROUP
from rtl.tile.config import WRITE_STAGE
from rtl.tile.embedding import Embedding
from rtl.tile.program import Alu, Constant, Destination, Source
from rtl.tile.vector_unit import VECTOR_ENTRY, VectorUnit
from tests.gateware import stream
from tests.test_sequencer import CONFIG, play

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("number_format", [CHEAP, ACCURATE], ids=["two groups a word", "four"])
def test_embedding(number_format):
    """Every lane and every beat: codes times their group's scale, and its minimum."""
    f, unit = number_format, Embedding(dataclasses.replace(CONFIG, format=number_format))
    codes = RANDOM.integers(-f.code_limit - 1, f.code_limit + 1, (CONFIG.lanes, f.groups_per_word, GROUP))
    scales = RANDOM.integers(0, f.scale_limit + 1, (CONFIG.lanes, f.groups_per_word))
    minima = RANDOM.integers(-f.minimum_limit, f.minimum_limit + 1, scales.shape)
    words = [
        packed([*codes[lane].ravel()], f.weight_bits)
        | packed(scales[lane], f.scale_bits) << f.codes_per_word * f.weight_bits
        | packed(minima[lane], f.minimum_bits) << f.codes_per_word * f.weight_bits + f.groups_per_word * f.scale_bits
        for lane in range(CONFIG.lanes)
    ]
    beats = f.codes_per_word // CONFIG.vector_lanes
    inputs = [{"words": words, "lane": n // beats, "beat": n % beats, "here": 1} for n in range(CONFIG.lanes * beats)]
    seen = stream(unit, inputs, ["values"], DotProduct.LATENCY)
    exact = (codes * scales[..., None] + minima[..., None]).reshape(-1, CONFIG.vector_lanes)
    assert [list(values) for (values,) in seen] == exact.tolist()


def packed(values, bits: int) -> int:
    """Numbers behind each other, the first in the lowest bits."""
    return sum((int(value) & (1 << bits) - 1) << bits * n for n, value in enumerate(values))


OPERATIONS = {Alu.PASS: lambda y, b: y, Alu.ADD: add, Alu.ROTATE: rotate, Alu.SILU: gate}


def test_vector_steps():
    """Words from memory: constants, shifts, every operation, and what each destination stores."""
    cases = [vector_case(alu, mode, m) for alu in Alu for mode in (Constant.ONE, Constant.WORD) for m in (15, 30)]
    formats = (CONFIG.format.activation_bits, CONFIG.format.kv_bits)
    for seen, (_, _, expected) in zip(vector_steps(cases), cases, strict=True):
        assert seen == ([*expected], *(packed(clip_code(expected, bits), bits) for bits in formats))


def vector_case(alu: Alu, mode: Constant, magnitude: int):
    """(operands, fields, result) of a step."""
    lanes, first, last, largest = CONFIG.vector_lanes, 6, 3, 1 << (14 if alu is Alu.ROTATE else 30)
    a = RANDOM.integers(-(1 << magnitude), 1 << magnitude, lanes)
    b, constant = RANDOM.integers(-largest, largest, lanes), RANDOM.integers(-(1 << 15), 1 << 15, lanes)
    factor = constant if mode is Constant.WORD else np.ones(lanes, np.int64)
    y = [int(requantise(int(x), int(c), first, ONE, last)) for x, c in zip(a, factor, strict=True)]
    fields = {"alu": alu, "constant_mode": mode, "first_shift": first, "scale_shift": last}
    return {"a": a, "b": b, "constant": constant}, fields, OPERATIONS[alu](np.array(y), b)


def vector_steps(cases):
    """What stands at the write ports for each step: (vector word, activations, codes of keys and values)."""
    unit, seen = VectorUnit(CONFIG), []
    ports = {
        Destination.VECTOR: (unit.vector_write, unit.write_data),
        Destination.ACTIVATION: (unit.activation_write, unit.activation_data),
        Destination.KEY: (unit.kv_write, unit.key_data),
    }

    async def step(context, destination):
        """One step; what its destination's port is given."""
        written, codes = ports[destination]
        context.set(unit.vector.instruction.destination, destination)
        context.set(unit.vector.valid, 1)
        await context.tick()
        context.set(unit.vector.valid, 0)
        for _ in range(VECTOR_ENTRY + WRITE_STAGE - 1):
            assert not context.get(written)
            await context.tick()
        assert [bool(context.get(port)) for port, _ in ports.values()] == [one is destination for one in ports]
        return context.get(codes)

    async def bench(context):
        context.set(unit.vector.instruction.source, Source.VECTOR)
        for name in ("first", "last", "opens", "closes"):
            context.set(unit.vector[name], 1)
        for operands, fields, _ in cases:
            for name, values in operands.items():
                context.set(getattr(unit, name), [int(value) for value in values])
            for name, value in fields.items():
                context.set(unit.vector.instruction[name], int(value))
            word, *codes = [await step(context, destination) for destination in ports]
            seen.append(([int(value) for value in word], *codes))

    alone = Module()
    alone.submodules.unit = unit
    alone.d.comb += unit.received.eq(unit.sent)
    simulator = Simulator(alone)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def test_a_few_random_programs():
    for seed in range(6):
        play(seed)
