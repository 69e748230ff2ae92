"""The schedule against a clock of its own: every read, write and shared unit, address by address and cycle by cycle.

The compiler's scheduler thinks in regions and in lower bounds, `sim.timing` in instructions. This checker plays both
queues cycle by cycle, as the sequencer does, and shares with them the hardware's latencies alone.
"""

import dataclasses
import itertools
from collections import Counter, deque

import pytest

from rtl.arithmetic.root import Root
from rtl.arithmetic.silu import Silu
from rtl.formats import ACCURATE, CHEAP, GROUP
from rtl.tile.config import (
    ALU_STAGE,
    EXTREME_STAGE,
    READ_LATENCY,
    REDUCE_STAGE,
    REGISTER_STAGE,
    REQUANTISE_STAGE,
    SCALE_STAGE,
    VECTOR_ENTRY,
    WRITE_STAGE,
    BankTiming,
    TileConfig,
)
from rtl.tile.program import SCALARS, Alu, Constant, Destination, Instruction, Reduce, Second, Source
from sim.compiler import Program, compile_model
from sim.timing import token_cycles
from tests.random_model import random_model
from tests.test_program import SHAPE, TILE


class Player:
    """One queue, cycle by cycle: what `rtl.tile.queue` says in words, without its registers."""

    def __init__(self, program: tuple[Instruction, ...], page: int, columns: int = 1, batch: bool = False):
        self.program, self.page, self.columns = program, page, columns
        self.shared = (Source.WEIGHTS,) if batch else (Source.WEIGHTS, Source.KV)
        self.done = self.current = self.waited = self.coming = self.other = self.phase = 0
        self.lagged = int(program[0].after == 0)  # the cycle of the fetch counts
        self._load()

    def _load(self):
        i = self.program[self.current]
        rows = i.blocks * (self.page + 1 if i.blocks_by_page else 1)
        words = self.page + 1 if i.groups_by_page else i.groups
        columns = 1 if i.source in self.shared else self.columns
        # What is left of the current instruction: row, word, last of its row, column.
        self.steps = [
            (row, word, word == words - 1, c) for c in range(columns) for row in range(rows) for word in range(words)
        ]
        self.waited = self.phase = 0

    @property
    def begins(self) -> bool:
        """The current instruction may issue; call `count` in every cycle."""
        i = self.program[self.current]
        return self.waited >= i.wait and self.lagged >= i.lag and self.other >= i.after

    def count(self, other: int):
        """Take over how far the other queue was at the start of this cycle."""
        self.other = other

    def tick(self, *, held: bool):
        """(instruction, row, word, last of the row, column) if a step issues in this cycle."""
        i, begins = self.program[self.current], self.begins
        following = self.program[min(self.current + 1, len(self.program) - 1)]
        step = None
        ends = False
        if begins and not (self.phase == 0 and held):
            if self.phase == 0:
                step = self.steps[0]
            self.phase += 1
            if self.phase == i.period:
                self.phase = 0
                self.steps.pop(0)
                ends = not self.steps
        self.waited += 1
        self.lagged += self.other >= i.after
        self.coming += self.other >= following.after
        if ends:
            self.lagged, self.coming, self.current, self.done = self.coming, 0, self.current + 1, self.done + 1
            self._load()
        return (i, *step) if step else None


class Reports:
    """What the vector queue hears of the streaming one: how far it was some cycles ago."""

    def __init__(self, config: TileConfig):
        self.known = deque([0] * (config.stream_entry + WRITE_STAGE))

    def hear(self, done: int) -> int:
        """How far it was, in a cycle in which it is at `done`."""
        self.known.append(done)
        return self.known.popleft()


class TimingChecker:
    """Runs a program's clock and counts what goes wrong in `faults`.

    An access is a resource (a memory's word or a register) and a cycle. A word written in cycle w can be read from
    cycle w + 1 on; read in cycle w itself it is the old one. The KV banks are counted as `sim.tile` builds them, with
    one port that reads or writes.

    Attributes
    ----------
    now : cycle in which the token begins
    faults : how often each kind of fault was seen
    """

    def __init__(self, program: Program, config: TileConfig):
        self.program, self.config, self.links = program, config, config.collective_cycles
        self.now, self.position, self.faults = 0, 0, Counter()
        self.order = _order(program)
        self.accesses: dict[tuple, list[tuple]] = {}  # resource -> (place in the untimed order, is a write, cycle)
        self.taken: set[tuple] = set()  # units that carry one step a cycle, and the cycle
        self.banks: dict[int, int] = {}  # until when a weight bank of every lane is busy
        self.head: set[int] = set()  # cycles in which sums enter the pipe

    def token(self, position: int, *, emits: bool, columns: int = 1) -> int:
        """One step from a position on, which ends early unless it `emits`: its cycles."""
        self.position, self.columns, began = position, columns, self.now
        config = self.config
        self.page = (position if config.batch else position + columns - 1) // GROUP
        queues = {
            s: Player(q, self.page, columns, config.batch)
            for s, q in zip((True, False), self.program.queues, strict=True)
        }
        self.now += 1  # the first instructions are fetched
        row_end, spread, reports = -(10**9), 0, Reports(config)
        stream, vector = queues[True], queues[False]
        while True:
            stream.count(vector.done)
            vector.count(reports.hear(stream.done))
            source = vector.program[vector.current].source
            if vector.begins and (source == Source.END or (source == Source.END_OF_PROMPT and not emits)):
                break
            held = self.now + 1 + VECTOR_ENTRY in self.head
            last = bool(stream.steps) and stream.steps[0][2]
            step = stream.tick(held=last and self.now < row_end + spread)
            if step:
                self._stream(*step)
                if step[3]:
                    row_end, spread = self.now, self._row_words(step[0])
            step = vector.tick(held=held)
            if step and source != Source.END_OF_PROMPT:
                self._vector(step[0], step[1], self.now + 1 + VECTOR_ENTRY, step[4])
            self.now += 1
        self.now += 1
        found = [cycle for c in range(columns) for *_, cycle in self.accesses.get(("arg max", c), [])]
        if emits and any(cycle >= self.now - 1 for cycle in found):
            self.faults["the token ends too early"] += 1
        self._check()
        return self.now - began

    def _row_words(self, i: Instruction) -> int:
        """Vector words of a row of the banks."""
        alone = self.config.batch and i.source == Source.KV
        return 1 if i.source == Source.EMBEDDING else self.config.drain * (1 if alone else self.columns)

    def _stream(self, i: Instruction, row: int, word: int, last: bool, column: int):
        """A word of the banks, and the row's sums when it is the last."""
        config, step = self.config, self.now + 1
        self.place = (self.order[id(i)], row * (config.drain if i.source != Source.EMBEDDING else 1))
        arrival = step + config.stream_latency - READ_LATENCY
        beats, groups = config.word_beats >> i.pairs, config.groups_per_word >> i.pairs
        if i.source == Source.WEIGHTS:
            self._bank(i.memory + row * i.memory_stride + word)
        elif i.source == Source.EMBEDDING and row % beats == 0:
            if row == 0 and column > 0:  # another token's row, in whatever bank
                self.faults["weight banks: too soon"] += any(self.now < busy for busy in self.banks.values())
            self._bank(i.memory + row // beats)  # whatever the token's row, its words lie behind each other
        alone = i.source == Source.EMBEDDING or (config.batch and i.source == Source.KV)
        served = [column] if alone else range(self.columns)
        if i.source in (Source.WEIGHTS, Source.KV):
            size = groups if i.source == Source.WEIGHTS else 1
            for group in range(word * size, (word + 1) * size):
                for own in served:
                    self._read(("activations", own, i.activations + group), arrival)
        if i.source == Source.KV:
            self._take("KV banks", arrival)
            self._read(("KV", self._sequence(column), i.memory + row * i.memory_stride + word), arrival)
        if last:
            embeds = i.source == Source.EMBEDDING
            drain = 1 if embeds else config.drain
            for beat, (own, place) in enumerate(itertools.product(served, range(drain))):
                head = step + config.stream_entry + beat + (self.links if embeds else 0)
                self.head.add(head)
                self._vector(i, row * drain + place, head, own)

    def _vector(self, i: Instruction, word: int, head: int, column: int):
        """A vector word from the head of the pipe on."""
        self.column, self.at = column, self.position + (0 if self.config.batch else column)
        self.place = (self.order[id(i)], word)
        self._take("head of the pipe", head)
        rows = i.blocks * (self.page + 1 if i.blocks_by_page else 1)
        rows *= self.config.drain if i.source in (Source.WEIGHTS, Source.KV) else 1
        self._word_reads(i, word, head)
        self._word_writes(i, word, head)
        if word == rows - 1:
            self._closes(i, head)
        if i.by_position and word == 0 and column == 0 and not i.wait:
            self.faults["addresses are not ready"] += 1

    def _sequence(self, column: int) -> int:
        """The sequence whose keys and values a column has."""
        return column if self.config.batch else 0

    def _constant(self, address: int, own: bool) -> int:
        """A word of the constant memory; of a column's own ones each has one in turn."""
        return address * self.config.columns + self.column if own else address

    def _word_reads(self, i: Instruction, word: int, head: int):
        if i.source == Source.VECTOR:
            self._read(("vector", self.column, i.a + word), head - VECTOR_ENTRY)
        if i.alu != Alu.PASS:
            self._read(("vector", self.column, i.b + word), head + ALU_STAGE - Silu.LATENCY - READ_LATENCY)
        if i.constant_mode in (Constant.WORD, Constant.OWN):
            offset = self.at << i.position_shift if i.constant_by_position else 0
            address = self._constant(i.constant + offset + word, i.constant_mode == Constant.OWN)
            self._read(("constant", address), head + REQUANTISE_STAGE - READ_LATENCY)
        if i.constant_mode == Constant.BROADCAST and i.streams:
            self._read(("token constant", self.column), head + REQUANTISE_STAGE)
        if i.exponential:
            self._read(("extreme", self.column, i.extreme), head)
        self._read(("scale", self.column, i.scale), head + SCALE_STAGE)
        if i.source == Source.SCALE:
            self._read(("scale", self.column, i.other), head + SCALE_STAGE)
        if i.second == Second.SQUARES:
            self._read(("scale", self.column, i.other), head)
        if i.source in (Source.SUM, Source.ROOT):
            self._read((i.source.name, self.column), head + REDUCE_STAGE + self.links)

    def _word_writes(self, i: Instruction, word: int, head: int):
        config, cycle = self.config, head + WRITE_STAGE + self.links
        if i.constant_mode == Constant.BROADCAST and not i.streams:
            self._write(("token constant", self.column), head + REQUANTISE_STAGE + self.links)
        match i.destination:
            case Destination.VECTOR:
                self._write(("vector", self.column, i.d + word), head + WRITE_STAGE)
            case Destination.ACTIVATION:
                self._write(("activations", self.column, i.d + word // config.beats), cycle)
            case Destination.KEY:
                self._take("KV banks", cycle)
                key = self.at // config.lanes << i.position_shift
                self._write(("KV", self._sequence(self.column), i.memory + key + word // config.beats), cycle)
            case Destination.VALUE:
                self._take("KV banks", cycle)
                row = word // config.drain * i.memory_stride
                self._write(("KV", self._sequence(self.column), i.memory + row + self.at // GROUP), cycle)

    def _closes(self, i: Instruction, head: int):
        """What an instruction's last word leaves in registers."""
        if i.source == Source.KEEP:
            kept = i.constant + self.at // self.config.vector_lanes
            self._write(("constant", self._constant(kept, self.config.batch)), head + SCALE_STAGE + 1)
        late = head + self.links
        if i.reduce == Reduce.ABSOLUTE or i.source in SCALARS:
            self._take("normaliser", late + REDUCE_STAGE)
            self._write(("scale", self.column, i.register), late + REGISTER_STAGE - 1)
        if i.reduce == Reduce.MAXIMUM:
            self._write(("extreme", self.column, i.extreme), late + EXTREME_STAGE - 1)
        if i.reduce == Reduce.ARGMAX:
            self._write(("arg max", self.column), late + REDUCE_STAGE - 1)
        if i.second == Second.SUM:
            self._write(("SUM", self.column), late + REDUCE_STAGE)
        if i.second == Second.SQUARES:
            self._read(("scale", self.column, i.other), late + REDUCE_STAGE + 1)
            self._write(("ROOT", self.column), late + REDUCE_STAGE + 1 + Root.LATENCY)

    def _bank(self, word: int):
        """A read of one bank of every lane."""
        bank = word % self.config.banks_per_lane
        if self.now < self.banks.get(bank, 0):
            self.faults["weight banks: too soon"] += 1
        self.banks[bank] = self.now + self.config.bank.cadence_cycles

    def _take(self, unit: str, cycle: int):
        """A cycle of a unit that takes one step a cycle."""
        if (unit, cycle) in self.taken:
            self.faults[f"{unit}: two steps in a cycle"] += 1
        self.taken.add((unit, cycle))

    def _read(self, resource: tuple, cycle: int):
        self.accesses.setdefault(resource, []).append((*self.place, 0, cycle))

    def _write(self, resource: tuple, cycle: int):
        self.accesses.setdefault(resource, []).append((*self.place, 1, cycle))

    def _check(self):
        """The accesses of a token in the order in which a tile without time has them."""
        for resource, accesses in self.accesses.items():
            read = written = -1
            for *_, writes, cycle in sorted(accesses):
                if not writes:
                    self.faults[f"{resource[0]}: read before it is written"] += cycle <= written
                    read = max(read, cycle)
                else:
                    self.faults[f"{resource[0]}: written before it is read"] += cycle < read
                    self.faults[f"{resource[0]}: written in the wrong order"] += (
                        cycle <= written and resource[0] != "KV"
                    )
                    written = cycle
        self.faults = +self.faults
        self.accesses = {}


def _order(program: Program) -> dict[int, int]:
    """A place for every instruction (by its identity) in one order that both queues allow."""
    queues, at, order = {True: program.stream[:-1], False: program.vector}, {True: 0, False: 0}, {}
    while at[False] < len(queues[False]):
        for streams in (True, False):
            while at[streams] < len(queues[streams]) and queues[streams][at[streams]].after <= at[not streams]:
                order[id(queues[streams][at[streams]])] = len(order)
                at[streams] += 1
    return order


def faults(program: Program, config: TileConfig) -> Counter:
    """Faults of a few steps after each other, with one page in use, with some and with all; and wrong cycles.

    With one column in use, with all that the program may use, and over the end of a page.
    """
    checker, most = TimingChecker(program, config), program.columns
    for page in sorted({0, 1, 2, config.context // GROUP - 1}):
        if page < config.context // GROUP:
            steps = (
                [(5, False, most), (6, True, 1), (GROUP - 1, True, most)] if most > 1 else [(5, False, 1), (6, True, 1)]
            )
            for place, emits, columns in steps:
                position = min(GROUP * page + place, config.context - (1 if config.batch else columns))
                cycles = checker.token(position, emits=emits, columns=columns)
                predicted = token_cycles(program.queues, config, position, emits=emits, columns=columns)
                checker.faults["cycles differ from the prediction"] += cycles != predicted
    return +checker.faults


def tile(lanes: int, latency_cycles: int, cadence_cycles: int, context: int = 256, width: int = 0, banks: int = 1):
    """A tile with so many lanes and banks of this speed."""
    bank = BankTiming(latency_cycles=latency_cycles, cadence_cycles=cadence_cycles)
    return dataclasses.replace(
        TILE, lanes=lanes, vector_lanes=width or lanes, banks_per_lane=banks, bank_words=60000 // banks, bank=bank,
        context=context,
    )  # fmt: skip


BANKS = [(1, 1, 1), (2, 2, 1), (2, 2, 2), (3, 4, 1), (3, 4, 4), (15, 15, 2)]
SIZES = [
    (4, 4, 8),
    (8, 8, 16),
    (8, 4, 24),
    (16, 16, 32),
    (16, 4, 32),
    (32, 32, 32),
    (32, 8, 32),
    (8, 8, 64),
    (32, 4, 64),
]


@pytest.mark.parametrize(("latency", "cadence", "banks"), BANKS)
@pytest.mark.parametrize(("lanes", "width", "head_dim"), SIZES)
def test_no_word_is_late(lanes, width, head_dim, latency, cadence, banks):
    config = tile(lanes, latency, cadence, width=width, banks=banks)
    shape = dataclasses.replace(SHAPE, layers=2, head_dim=head_dim, ffn=32, vocab=33)
    assert not faults(compile_model(random_model(shape), config), config)


@pytest.mark.parametrize(("latency", "cadence", "banks"), BANKS)
@pytest.mark.parametrize("width", [4, 32])
@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 32, "heads": 1, "kv_heads": 1, "head_dim": 32, "ffn": 32, "vocab": 3},
        {"heads": 8, "kv_heads": 8, "head_dim": 32},
        {"dim": 36, "ffn": 33, "head_dim": 32, "tied": False},
        {"heads": 18, "kv_heads": 18, "head_dim": 32},
        {"heads": 25, "kv_heads": 25, "head_dim": 32},
    ],
    ids=["smallest", "eight heads", "unfilled words", "several turns of heads", "two heads at once"],
)
def test_no_word_is_late_in_the_smallest_loops(changes, latency, cadence, banks, width):
    """32 lanes: most instructions are a step or two, so that all waits are for latencies."""
    config = tile(32, latency, cadence, context=128, width=width, banks=banks)
    shape = dataclasses.replace(SHAPE, layers=2, **changes)
    assert not faults(compile_model(random_model(shape), config), config)


@pytest.mark.parametrize("number_format", [CHEAP, ACCURATE], ids=["two groups a word", "four groups a word"])
def test_no_word_is_late_in_words_of_several_groups(number_format):
    config = dataclasses.replace(tile(16, 2, 2, width=8, banks=2), format=number_format)
    shape = dataclasses.replace(SHAPE, layers=2, dim=96, head_dim=32)
    assert not faults(compile_model(random_model(shape, four_bits=True), config), config)


def begin_early(program: Program) -> int:
    """Matrices that wait for the first part of their activations alone."""
    first, second = program.vector, program.vector[1:]
    return sum(
        before.d < after.d and before.destination == after.destination == Destination.ACTIVATION
        for i in program.stream[:-1]
        if i.source == Source.WEIGHTS and i.after and i.activations == first[i.after - 1].d
        for before, after in [(first[i.after - 1], second[i.after - 1])]
    )


@pytest.mark.parametrize("changes", [{}, {"columns": 2}, {"tiles": 2}], ids=["alone", "columns", "tiles"])
@pytest.mark.parametrize(("lanes", "width", "banks"), [(32, 32, 2), (32, 8, 1), (16, 8, 2), (32, 4, 1)])
def test_no_word_is_late_for_a_matrix_that_begins_while_its_activations_are_written(lanes, width, banks, changes):
    config = dataclasses.replace(tile(lanes, 2, 2, context=64, width=width, banks=banks), link_cycles=2, **changes)
    program = compile_model(random_model(dataclasses.replace(SHAPE, dim=128, head_dim=32, ffn=256)), config)
    assert begin_early(program)
    assert not faults(program, config)


@pytest.mark.parametrize(("tiles", "chips", "links"), [(2, 1, 1), (4, 1, 6), (8, 2, 40)])
@pytest.mark.parametrize("head_dim", [16, 64])
def test_no_word_is_late_on_many_tiles(tiles, chips, links, head_dim):
    config = dataclasses.replace(
        tile(16, 2, 2, width=16, banks=2), tiles=tiles, chips=chips, link_cycles=links, chip_link_cycles=2 * links
    )
    shape = dataclasses.replace(SHAPE, layers=2, head_dim=head_dim)
    assert not faults(compile_model(random_model(shape), config), config)


@pytest.mark.parametrize(
    ("columns", "used", "bank", "size"),
    [
        (2, 2, (1, 1, 1), (8, 8, 16)),
        (4, 1, (3, 4, 4), (16, 4, 32)),
        (4, 4, (15, 15, 2), (8, 4, 24)),
        (8, 8, (3, 4, 4), (16, 16, 32)),
        (16, 16, (2, 2, 2), (8, 8, 16)),
        (16, 2, (15, 15, 2), (32, 4, 32)),
    ],
)
def test_no_word_is_late_with_several_columns(columns, used, bank, size):
    """A step may use as many columns as the program is for (`used`), or fewer."""
    (latency, cadence, banks), (lanes, width, head_dim) = bank, size
    config = dataclasses.replace(tile(lanes, latency, cadence, 64, width, banks), columns=columns)
    shape = dataclasses.replace(SHAPE, head_dim=head_dim, ffn=32, vocab=33)
    assert not faults(compile_model(random_model(shape), config, columns=used), config)


def test_no_word_is_late_in_a_long_context():
    config = tile(8, 2, 2, context=1024)
    shape = dataclasses.replace(SHAPE, heads=2, kv_heads=1)
    assert not faults(compile_model(random_model(shape), config), config)


@pytest.fixture(scope="module")
def program():
    return compile_model(random_model(dataclasses.replace(SHAPE, head_dim=32)), tile(32, 2, 2))


def changed(program: Program, streams: bool, changes: dict[int, dict]) -> Program:
    """The same program with other fields of some instructions of a queue, by index."""
    name = "stream" if streams else "vector"
    queue = list(getattr(program, name))
    for index, fields in changes.items():
        queue[index] = dataclasses.replace(queue[index], **fields)
    return dataclasses.replace(program, **{name: tuple(queue)})


def loose(program: Program) -> list[tuple]:
    """Waits and lags of which one cycle less makes no fault in this model: (streams, index, field)."""
    found = []
    for streams, queue in ((True, program.stream), (False, program.vector)):
        for index, instruction in enumerate(queue):
            for field in ("wait", "lag"):
                value = getattr(instruction, field)
                if value and not faults(changed(program, streams, {index: {field: value - 1}}), tile(32, 2, 2)):
                    found.append((streams, index, field))
    return found


def test_waits_are_not_longer_than_they_must_be(program):
    """For most of them one cycle less is a fault.

    For the others something else decides when the instruction plays: its queue's instruction before it, sums that go
    first, or the other of its two waits. The bounds that the compiler goes by do not know how long those take.
    """
    waits = sum(bool(i.wait) + bool(i.lag) for queue in program.queues for i in queue)
    assert waits > 40
    assert len(loose(program)) < waits / 2


def test_the_checker_sees_every_kind_of_fault(program):
    """A program that waits for instructions of the other queue and for no latency, and banks that are too slow."""
    config = tile(32, 2, 2)
    hasty = program
    for streams, queue in ((True, program.stream), (False, program.vector)):
        hasty = changed(hasty, streams, {index: {"wait": 0, "lag": 0} for index in range(len(queue))})
    assert set(faults(hasty, config)) >= {
        "addresses are not ready",
        "activations: read before it is written",
        "extreme: read before it is written",
        "scale: read before it is written",
        "vector: read before it is written",
        "ROOT: read before it is written",
        "the token ends too early",
    }
    assert set(faults(program, tile(32, 2, 3))) == {"weight banks: too soon"}


def test_the_checker_sees_steps_that_meet_sums(program):
    """The schedule relies on vector steps that are held up; without that they meet sums at the head of the pipe."""

    class Blind(set):
        """Sums that nobody sees coming."""

        def __contains__(self, cycle):
            return False

    checker = TimingChecker(program, tile(32, 2, 2))
    checker.head = Blind()
    checker.token(6, emits=True)
    assert checker.faults["head of the pipe: two steps in a cycle"]
