"""The sequencer against the two queues in words: random programs, cycle by cycle, and which of their space was met."""

import dataclasses
import random
from collections import Counter

import pytest
from amaranth.sim import Simulator

from rtl.formats import GROUP, NumberFormat
from rtl.tile.config import BankTiming, TileConfig
from rtl.tile.program import FIELDS, STREAMS, Constant, Destination, Instruction, Source
from rtl.tile.sequencer import Sequencer
from tests.test_schedule import Player, Reports

CONFIG = TileConfig(
    lanes=16,
    vector_lanes=4,
    banks_per_lane=2,
    format=NumberFormat(groups_per_word=2),
    bank_words=1024,
    bank=BankTiming(latency_cycles=2, cadence_cycles=2),
    kv_words=1024,
    vector_words=1024,
    constant_words=1024,
    activation_groups=256,
    program_words=64,
    context=96,
)
COLUMNS = dataclasses.replace(CONFIG, columns=4)
VECTOR_SOURCES = [s for s in Source if s not in STREAMS and s < Source.END_OF_PROMPT]
ADDRESSES = ("memory", "activations", "a", "b", "constant", "d")
FLAGS = ("first", "last", "opens", "closes", "index", "beat")


def instruction(rng: random.Random, *, streams: bool, most: int) -> Instruction:
    """Any instruction of a queue that may wait for the first `most` of the other."""
    source = rng.choice(STREAMS if streams else VECTOR_SOURCES)
    banks = source in (Source.WEIGHTS, Source.KV)
    drawn = Instruction(
        source=source,
        after=rng.choice([0, 0, rng.randint(0, most)]),
        lag=rng.choice([0, 0, 1, rng.randint(2, 12)]),
        wait=rng.choice([0, 0, 1, rng.randint(2, 12)]),
        blocks=rng.randint(1, 5),
        groups=rng.randint(1, 4) if banks else 1,
        period=rng.choice([1, 1, 2, 3]) if streams else 1,
        blocks_by_page=rng.random() < 0.3,
        groups_by_page=banks and rng.random() < 0.3,
        memory=rng.randint(0, 900),
        memory_stride=rng.randint(0, 20),
        pairs=streams and rng.random() < 0.3,
        term=rng.randint(0, 1),
        position_shift=rng.randint(0, 2),
        activations=rng.randint(0, 200),
        a=rng.randint(0, 900),
        b=rng.randint(0, 900),
        constant=rng.randint(0, 900),
        constant_mode=rng.choice([Constant.ONE, Constant.BROADCAST]),
        constant_by_position=not streams and rng.random() < 0.3,
        continues=rng.random() < 0.3,
        destination=rng.choice([Destination.NONE, Destination.VECTOR]) if streams else rng.choice(list(Destination)),
        d=rng.randint(0, 900),
    )
    if drawn.groups_by_page:
        drawn = dataclasses.replace(drawn, groups=1)
    return dataclasses.replace(drawn, wait=max(drawn.wait, 1)) if drawn.by_position else drawn


def program(rng: random.Random, *, long: bool) -> tuple[list[Instruction], list[Instruction]]:
    """Both queues; an instruction waits only for what was drawn before it, so that none waits for ever.

    A long prompt's tokens end at once, so that a second page of positions is reached.
    """
    queues = {True: [], False: [Instruction(source=Source.END_OF_PROMPT)] if long else []}
    for _ in range(rng.randint(6, 24)):
        streams = rng.random() < 0.5
        queues[streams].append(instruction(rng, streams=streams, most=len(queues[not streams])))
        if rng.random() < 0.1:
            queues[False].append(Instruction(source=Source.END_OF_PROMPT, after=len(queues[True])))
    queues[False].append(Instruction(source=Source.END, after=len(queues[True]), lag=rng.randint(0, 5)))
    queues[True].append(Instruction(source=Source.END, after=(1 << FIELDS["after"]) - 1))
    return queues[True], queues[False]


def stream_step(i: Instruction, row: int, word: int, token: int) -> dict[str, int]:
    """Addresses and places of a step of the streaming queue, from the words of the docstrings."""
    beats, embeds = CONFIG.beats * CONFIG.groups_per_word, i.source == Source.EMBEDDING
    index = row if embeds else row * CONFIG.drain
    group = row // CONFIG.beats
    # Of pairs an embedding reads one term, in every second group.
    place = (2 * group + i.term) * CONFIG.beats + row % CONFIG.beats if embeds and i.pairs else index
    offset = token // CONFIG.lanes * i.memory_stride + place // beats if embeds else row * i.memory_stride + word
    groups = 1 if i.source == Source.KV else CONFIG.groups_per_word // (2 if i.pairs else 1)
    return {
        "memory": i.memory + offset,
        "activations": i.activations + word * groups,
        "constant": i.constant + index,
        "d": i.d + index,
        "index": index,
        "beat": place % beats,
    }


def vector_step(i: Instruction, row: int, position: int, token: int) -> dict[str, int]:
    """The same of a step of the vector queue."""
    value = i.destination == Destination.VALUE
    key = (position // CONFIG.lanes << i.position_shift) + row // CONFIG.beats
    by_position = position << i.position_shift if i.constant_by_position else 0
    column = row // CONFIG.drain * i.memory_stride + position // GROUP
    kept = {"memory": i.memory + (column if value else key)} if value or i.destination == Destination.KEY else {}
    element = {Source.KEEP: position}.get(i.source, token if i.constant_mode == Constant.BROADCAST else None)
    return kept | {
        "constant": i.constant + (by_position + row if element is None else element // CONFIG.vector_lanes),
        "d": i.d + (row if i.destination == Destination.VECTOR else row // CONFIG.beats),
        "index": row,
        "beat": row % CONFIG.drain if value else row % CONFIG.beats,
    }


class Model:
    """Both queues in words, a cycle at a time.

    A step works on as many positions of the prompt as there are columns, or on one behind the prompt.
    """

    def __init__(self, queues, prompt: list[int], total: int, *, columns: int, first: int, first_emitted: int):
        self.queues, self.prompt, self.total = queues, prompt, total
        self.most, self.first_emitted, self.emissions = columns, first_emitted, []
        self.position, self.tokens, self.row_left, self.coverage = first, [], 0, Counter()
        self._begin()

    def _begin(self):
        self.columns = max(1, min(self.most, len(self.prompt) - self.position))
        self.page = (self.position + self.columns - 1) // GROUP
        self.players = {s: Player(q, self.page, self.columns) for s, q in zip((True, False), self.queues, strict=True)}
        self.fetching, self.reports = True, Reports(CONFIG)

    def cycle(self, hold: bool, argmax: list[int]):
        """(streaming step, vector step, token that is emitted and its column) of this cycle, None where there is none.

        argmax : what the vector unit has found in each column
        """
        emission = self.emissions.pop(0) if self.emissions else None
        if self.position >= self.total:
            return None, None, emission
        if self.fetching:
            self.fetching, self.row_left = False, max(0, self.row_left - 1)
            given = self.prompt[self.position : self.position + self.columns]
            self.tokens = given or [self.found]
            return None, None, emission
        stream, vector = self.players[True], self.players[False]
        stream.count(vector.done)
        vector.count(self.reports.hear(stream.done))
        emits = self.position + self.columns > self.first_emitted
        source = vector.program[vector.current].source
        if vector.begins and (source == Source.END or (source == Source.END_OF_PROMPT and not emits)):
            self.coverage[source.name, "ends"] += 1
            found = self._fields(self._stream(stream))  # it may issue in the cycle in which the step ends
            self.found = argmax[self.columns - 1]
            if emits:
                first = max(0, self.first_emitted - self.position)
                self.emissions = [(argmax[column], column) for column in range(first, self.columns)]
                emission = self.emissions.pop(0)
            self.position += self.columns
            if self.position < self.total:
                self._begin()
            return found, None, emission
        found = self._stream(stream)
        other = vector.tick(held=hold)
        other = other if other and other[0].source < Source.END_OF_PROMPT else None
        for step, held in ((found, False), (other, hold)):
            self._cover(step, held)
        return self._fields(found), self._fields(other), emission

    def _stream(self, player: Player):
        """The streaming queue's cycle: a row ends no sooner than the row before has left for the pipe."""
        found = player.tick(held=bool(player.steps) and player.steps[0][2] and self.row_left > 0)
        self.row_left = max(0, self.row_left - 1)
        if found and found[3]:
            self.row_left = 0 if found[0].source == Source.EMBEDDING else CONFIG.drain * self.columns - 1
        return found

    def _cover(self, step, held):
        if step:
            i = step[0]
            kinds = {"by page": i.blocks_by_page, "row by page": i.groups_by_page, "slow": i.period > 1}
            kinds |= {"waits": i.wait > 0, "lags": i.lag > 0, "after": i.after > 0, "continues": i.continues}
            kinds |= {"pairs": i.pairs} if i.streams else {}
            for kind, there in kinds.items():
                self.coverage[i.source.name, kind, there] += 1
            self.coverage[i.source.name, i.destination.name] += 1

    def _fields(self, step):
        if not step:
            return None
        i, row, word, last, column = step
        rows = i.blocks * (self.page + 1 if i.blocks_by_page else 1)
        fields = {"a": i.a, "b": i.b, "first": word == 0, "last": last, "closes": row == rows - 1}
        fields |= {"opens": row == 0 and not i.continues}
        token, position = self.tokens[column], self.position + column
        fields |= stream_step(i, row, word, token) if i.streams else vector_step(i, row, position, token)
        fields |= {"column": column} if self.most > 1 else {}
        fields["a"] += fields["index"]
        fields["b"] += fields["index"]
        return {
            name: int(value) % (1 << FIELDS[name]) if name in FIELDS else int(value) for name, value in fields.items()
        }


def play(seed: int, *, long: bool = False, config: TileConfig = CONFIG) -> Counter:
    """A random program on the hardware and in words, with a vector unit that holds up steps at random."""
    rng, several = random.Random(seed), config.columns > 1
    queues, total = program(rng, long=long), 34 if long else rng.choice([2, 3])
    prompt = [rng.randint(0, 999) for _ in range(33 if long else rng.randint(1, total))]
    run = {"columns": 1, "first": 0, "first_emitted": len(prompt) - 1}
    if several:
        total += 8
        prompt += [rng.randint(0, 999) for _ in range(rng.randint(0, 8))]
        first = rng.randint(0, len(prompt) - 1)
        emitted = rng.randint(first, len(prompt) - 1)
        run = {"columns": rng.randint(2, config.columns), "first": first, "first_emitted": emitted}
    model, dut = Model(queues, prompt, total, **run), Sequencer(config)
    words = [[i.encode() for i in queue] for queue in queues]

    async def bench(ctx):
        ctx.set(dut.prompt_length, len(prompt))
        ctx.set(dut.total_length, total)
        if several:
            ctx.set(dut.columns, run["columns"])
            ctx.set(dut.first_position, run["first"])
            ctx.set(dut.first_emitted, run["first_emitted"])
            await ctx.tick()
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        expected = (None, None, None)
        for cycle in range(4000):
            for name, step in (("stream", expected[0]), ("vector", expected[1])):
                compare(ctx, getattr(dut, name), step, f"seed {seed}, cycle {cycle}, {name}")
            assert ctx.get(dut.token_valid) == (expected[2] is not None)
            if expected[2] is not None:
                assert ctx.get(dut.emitted) == expected[2][0]
                assert not several or ctx.get(dut.token_column) == expected[2][1]
            if not ctx.get(dut.busy):
                assert model.position == total and ctx.get(dut.cycles) == cycle
                return
            hold, argmax = rng.random() < 0.2, [rng.randint(0, 999) for _ in range(config.columns)]
            ctx.set(dut.hold, hold)
            ctx.set(dut.argmax, argmax if several else argmax[0])
            expected = model.cycle(hold, argmax)
            await ctx.tick()
        raise AssertionError(f"seed {seed}: the run does not end")

    async def memories(ctx):
        while True:
            reads = {
                name: (ctx.get(getattr(dut, f"{name}_read")), ctx.get(getattr(dut, f"{name}_address")))
                for name in ("stream", "vector")
            }
            prompt_read = ctx.get(dut.prompt_read) if several else reads["vector"][0]
            prompt_address = ctx.get(dut.prompt_address)
            await ctx.tick()
            for name, contents in zip(("stream", "vector"), words, strict=True):
                if reads[name][0] and reads[name][1] < len(contents):
                    ctx.set(getattr(dut, f"{name}_program"), contents[reads[name][1]])
            if prompt_read:
                ctx.set(dut.prompt, prompt[prompt_address] if prompt_address < len(prompt) else 0)

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(bench)
    simulator.add_testbench(memories, background=True)
    simulator.run()
    return model.coverage


def compare(ctx, step, expected, where: str):
    """A step that the hardware issues, or that it issues none."""
    assert ctx.get(step.valid) == (expected is not None), where
    if expected is not None:
        found = {name: int(ctx.get(step[name])) for name in expected}
        assert found == expected, where


@pytest.fixture(scope="module")
def coverage():
    return sum((play(seed) for seed in range(60)), Counter()) + sum((play(s, long=True) for s in range(6)), Counter())


@pytest.mark.parametrize("seed", range(12))
def test_several_columns(seed):
    """Steps of every size, from any position on, whose last tokens are emitted."""
    assert play(seed, long=seed % 6 == 0, config=COLUMNS)["END", "ends"]


def test_every_kind_of_instruction_was_played(coverage):
    """The program space in bins: source against each option, on and off, and source against destination."""
    sources = {True: STREAMS, False: VECTOR_SOURCES}
    bins = set()
    for streams, some in sources.items():
        for source in some:
            options = ["by page", "waits", "lags", "after", "continues"]
            bins |= {(source.name, option, there) for option in options for there in (True, False)}
            if streams:
                bins |= {(source.name, option, there) for option in ("slow", "pairs") for there in (True, False)}
                bins |= {(source.name, d.name) for d in (Destination.NONE, Destination.VECTOR)}
            else:
                bins |= {(source.name, d.name) for d in Destination}
    bins |= {(s.name, "row by page", True) for s in (Source.WEIGHTS, Source.KV)}
    bins |= {("END", "ends"), ("END_OF_PROMPT", "ends")}
    bins -= {("EMBEDDING", "waits", False)}  # it must wait for its addresses
    assert bins - set(coverage) == set()
