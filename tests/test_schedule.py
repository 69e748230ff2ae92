"""The schedule against a clock of its own: every read, write and shared unit, address by address and cycle by cycle.

The compiler's scheduler thinks in regions and in the last cycle of each use. This checker thinks in words and in every
cycle of every step, and shares with it the hardware's latencies alone.
"""

import dataclasses
from collections import Counter

import pytest

from rtl.arithmetic.root import Root
from rtl.arithmetic.silu import Silu
from rtl.formats import GROUP
from rtl.tile.config import (
    ALU_STAGE,
    EXTREME_STAGE,
    READ_LATENCY,
    REDUCE_STAGE,
    REGISTER_STAGE,
    REQUANTISE_STAGE,
    ROOT_STAGE,
    SCALE_STAGE,
    SUM_STAGE,
    VECTOR_ENTRY,
    WRITE_STAGE,
    BankTiming,
    TileConfig,
)
from rtl.tile.program import Alu, Constant, Destination, Instruction, Reduce, Second, Source
from sim.compiler import Program, compile_model
from tests.random_model import random_model
from tests.test_program import SHAPE, TILE


class TimingChecker:
    """Runs a program's clock and counts what goes wrong in `faults`.

    An access is a resource (a memory's word or a register) and a cycle. A word written in cycle w can be read from
    cycle w + 1 on; read in cycle w itself it is the old one. The KV banks are counted as `sim.tile` builds them, with
    one port that reads or writes.

    Attributes
    ----------
    now : cycle in which the next instruction begins to wait
    faults : how often each kind of fault was seen
    """

    def __init__(self, program: Program, config: TileConfig):
        self.program, self.config = program, config
        self.now, self.position, self.faults = 0, 0, Counter()
        self.usable: dict[tuple, int] = {}  # first cycle in which the last word written can be read
        self.read: dict[tuple, int] = {}  # last cycle in which it was read
        self.taken: set[tuple] = set()  # units that carry one step a cycle, and the cycle
        self.busy_until: dict[str, int] = {}  # units that carry one step for many

    def token(self, position: int, *, emits: bool):
        """One token at a position; it ends early unless it `emits` one."""
        self.position = position
        self.now += 1  # the first instruction is fetched
        for instruction in self.program.instructions:
            self.now += instruction.wait
            if instruction.source < Source.END_OF_PROMPT:
                self._instruction(instruction)
                continue
            self.now += 1
            if instruction.source == (Source.END if emits else Source.END_OF_PROMPT):
                break
        # The end took the last cycle: the position changes behind it, so that nothing may be on its way.
        if any(cycle > self.now - 1 for cycle in self.usable.values()):
            self.faults["the token ends too early"] += 1

    def _instruction(self, instruction: Instruction):
        if _addressed_by_token(instruction) and not instruction.wait:
            self.faults["addresses are not ready"] += 1
        page = self.position // GROUP
        rows = instruction.blocks * (page + 1 if instruction.blocks_by_page else 1)
        groups = page + 1 if instruction.groups_by_page else instruction.groups
        reads, writes, head = [], [], 0
        for row in range(rows):
            for group in range(groups):
                step = self.now + (row * groups + group) * instruction.period + 1
                reads += self._stream_reads(instruction, row, group, step)
            head = step + (self.config.stream_entry if instruction.source <= Source.EMBEDDING else VECTOR_ENTRY)
            self._take("head of the pipe", head)
            reads += self._row_reads(instruction, row, step, head)
            writes += self._row_writes(instruction, row, head)
        writes += self._register_writes(instruction, head)
        self._shared_units(instruction, head)
        self._check(reads, writes)
        self.now += rows * groups * instruction.period

    def _stream_reads(self, instruction: Instruction, row: int, group: int, step: int):
        """What a step of a matrix reads, and its turn at the weight banks."""
        arrival = step + self.config.stream_latency - READ_LATENCY
        opens_word = instruction.source == Source.EMBEDDING and row % self.config.beats == 0
        if instruction.source == Source.WEIGHTS or opens_word:
            self._occupy("weight banks", step, self.config.bank.cadence_cycles)
        if instruction.source in (Source.WEIGHTS, Source.KV):
            yield ("activations", instruction.activations + group), arrival
        if instruction.source == Source.KV:
            self._take("KV banks", arrival)
            yield ("KV", instruction.memory + row * instruction.memory_stride + group), arrival

    def _row_reads(self, instruction: Instruction, row: int, step: int, head: int):
        """What a row reads on its way through the pipe."""
        if instruction.source == Source.VECTOR:
            yield ("vector", instruction.a + row), step
        if instruction.alu != Alu.PASS:
            yield ("vector", instruction.b + row), head + ALU_STAGE - Silu.LATENCY - READ_LATENCY
        if instruction.constant_mode == Constant.WORD:
            offset = self.position << instruction.position_shift if instruction.constant_by_position else 0
            yield ("constant", instruction.constant + offset + row), head + REQUANTISE_STAGE - READ_LATENCY
        if instruction.exponential:
            yield ("extreme", instruction.extreme), head
        yield ("scale", instruction.scale), head + SCALE_STAGE
        if instruction.source == Source.SCALE:
            yield ("scale", instruction.other), head + SCALE_STAGE
        if instruction.second == Second.SQUARES:
            yield ("scale", instruction.other), head
            yield ("scale", instruction.other), head + REDUCE_STAGE + 1

    def _row_writes(self, instruction: Instruction, row: int, head: int):
        """What a row writes, and when."""
        lanes, word, cycle = self.config.lanes, row // self.config.beats, head + WRITE_STAGE
        match instruction.destination:
            case Destination.VECTOR:
                yield ("vector", instruction.d + row), cycle
            case Destination.ACTIVATION:
                yield ("activations", instruction.d + word), cycle
            case Destination.KEY:
                self._take("KV banks", cycle)
                key = self.position // lanes << instruction.position_shift
                yield ("KV", instruction.memory + key + word), cycle
            case Destination.VALUE:
                self._take("KV banks", cycle)
                yield ("KV", instruction.memory + row * instruction.memory_stride + self.position // GROUP), cycle

    def _register_writes(self, instruction: Instruction, head: int):
        """What an instruction's last row leaves in registers, and a scale that is kept."""
        if instruction.source == Source.KEEP:
            yield ("constant", instruction.constant + self.position // self.config.lanes), head + SCALE_STAGE + 1
        if instruction.reduce == Reduce.ABSOLUTE or instruction.source in (Source.SCALE, Source.KEEP):
            yield ("scale", instruction.register), head + REGISTER_STAGE - 1
        if instruction.reduce == Reduce.MAXIMUM:
            yield ("extreme", instruction.extreme), head + EXTREME_STAGE - 1
        if instruction.reduce == Reduce.ARGMAX:
            yield ("arg max",), head + REDUCE_STAGE - 1
        if instruction.second == Second.SUM:
            yield ("scale", instruction.second_register), head + SUM_STAGE - 1
        if instruction.second == Second.SQUARES:
            yield ("scale", instruction.second_register), head + ROOT_STAGE - 1

    def _shared_units(self, instruction: Instruction, head: int):
        """Turns at the one normaliser, and at the one root in front of it."""
        reduced = head + REDUCE_STAGE
        if instruction.reduce == Reduce.ABSOLUTE or instruction.source in (Source.SCALE, Source.KEEP):
            self._take("normaliser", reduced)
        if instruction.second == Second.SUM:
            self._take("normaliser", reduced + 1)
        if instruction.second == Second.SQUARES:
            self._occupy("root", reduced + 2, Root.LATENCY)
            self._take("normaliser", reduced + 2 + Root.LATENCY)

    def _take(self, unit: str, cycle: int):
        """A cycle of a unit that takes one step a cycle."""
        if (unit, cycle) in self.taken:
            self.faults[f"{unit}: two steps in a cycle"] += 1
        self.taken.add((unit, cycle))

    def _occupy(self, unit: str, cycle: int, cycles: int):
        """Some cycles of a unit that takes nothing else until they are over."""
        if cycle < self.busy_until.get(unit, 0):
            self.faults[f"{unit}: too soon"] += 1
        self.busy_until[unit] = cycle + cycles

    def _check(self, reads, writes):
        """Order of an instruction's accesses against those before it, and of its writes against its own reads."""
        for resource, cycle in reads:
            if cycle < self.usable.get(resource, 0):
                self.faults[f"{resource[0]}: read before it is written"] += 1
        for resource, cycle in reads:
            self.read[resource] = max(cycle, self.read.get(resource, 0))
        for resource, cycle in writes:
            if cycle < self.read.get(resource, 0):
                self.faults[f"{resource[0]}: written before it is read"] += 1
            if cycle < self.usable.get(resource, 0):
                self.faults[f"{resource[0]}: written in the wrong order"] += 1
            self.usable[resource] = cycle + 1


def _addressed_by_token(instruction: Instruction) -> bool:
    """Its addresses pass a register after the position or the token."""
    return (
        instruction.source == Source.EMBEDDING
        or instruction.destination == Destination.KEY
        or instruction.constant_by_position
    )


def faults(program: Program, config: TileConfig) -> Counter:
    """Faults of a few tokens after each other, with one page in use, with some and with all."""
    checker = TimingChecker(program, config)
    for page in sorted({0, 1, 2, config.context // GROUP - 1}):
        if page < config.context // GROUP:
            checker.token(GROUP * page + 5, emits=False)
            checker.token(GROUP * page + 6, emits=True)
    return checker.faults


def tile(lanes: int, latency_cycles: int, cadence_cycles: int, context: int = 256) -> TileConfig:
    """A tile with so many lanes and banks of this speed."""
    bank = BankTiming(latency_cycles=latency_cycles, cadence_cycles=cadence_cycles)
    return dataclasses.replace(TILE, lanes=lanes, bank=bank, context=context)


BANKS = [(1, 1), (2, 2), (3, 4), (15, 15)]


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize(("lanes", "head_dim"), [(4, 8), (8, 16), (8, 24), (16, 32), (32, 32), (8, 64)])
def test_no_word_is_late(lanes, head_dim, bank):
    config = tile(lanes, *bank)
    shape = dataclasses.replace(SHAPE, layers=2, head_dim=head_dim, ffn=32, vocab=33)
    assert not faults(compile_model(random_model(shape), config), config)


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 32, "heads": 1, "kv_heads": 1, "head_dim": 32, "ffn": 32, "vocab": 3},
        {"heads": 8, "kv_heads": 8, "head_dim": 32},
        {"dim": 36, "ffn": 33, "head_dim": 32, "tied": False},
    ],
    ids=["smallest", "several turns of heads", "unfilled words"],
)
def test_no_word_is_late_in_the_smallest_loops(changes, bank):
    """32 lanes: most instructions are a step or two, so that all waits are for latencies."""
    config = tile(32, *bank)
    shape = dataclasses.replace(SHAPE, layers=2, **changes)
    assert not faults(compile_model(random_model(shape), config), config)


def test_no_word_is_late_in_a_long_context():
    config = tile(8, 2, 2, context=1024)
    shape = dataclasses.replace(SHAPE, heads=2, kv_heads=1)
    assert not faults(compile_model(random_model(shape), config), config)


@pytest.fixture(scope="module")
def program():
    return compile_model(random_model(dataclasses.replace(SHAPE, head_dim=32)), tile(32, 2, 2))


def with_waits(program: Program, waits: dict[int, int]) -> Program:
    """The same program with other waits for some instructions, by index."""
    instructions = list(program.instructions)
    for index, wait in waits.items():
        instructions[index] = dataclasses.replace(instructions[index], wait=wait)
    return dataclasses.replace(program, instructions=tuple(instructions))


def test_no_wait_can_be_shorter(program):
    """One cycle less is a fault somewhere.

    Matrices are left out: they wait for the last word of what they read and may need it only some steps later.
    """
    waits = {
        index: instruction.wait
        for index, instruction in enumerate(program.instructions)
        if instruction.wait and instruction.source not in (Source.WEIGHTS, Source.KV)
    }
    assert len(waits) > 20
    assert [i for i, wait in waits.items() if not faults(with_waits(program, {i: wait - 1}), tile(32, 2, 2))] == []


def test_the_checker_sees_every_kind_of_fault(program):
    """A program without waits, and one whose matrices are read faster than the banks can."""
    hasty = faults(with_waits(program, dict.fromkeys(range(len(program.instructions)), 0)), tile(32, 2, 2))
    assert set(hasty) >= {
        "addresses are not ready",
        "activations: read before it is written",
        "extreme: read before it is written",
        "scale: read before it is written",
        "vector: read before it is written",
        "vector: written in the wrong order",
        "head of the pipe: two steps in a cycle",
        "KV banks: two steps in a cycle",
        "normaliser: two steps in a cycle",
        "the token ends too early",
    }
    assert set(faults(program, tile(32, 2, 3))) == {"weight banks: too soon"}
