"""Cycles of a program, exactly: both queues of a tile, instruction by instruction."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rtl.formats import GROUP
from rtl.tile.config import VECTOR_ENTRY, TileConfig
from rtl.tile.program import Instruction, Source

FETCH_CYCLES = 1
"""Cycles between two tokens, in which the next one's first instructions are fetched."""

Queues = tuple[tuple[Instruction, ...], tuple[Instruction, ...]]
"""The streaming queue's instructions, then the vector queue's."""


@dataclass(frozen=True)
class Turn:
    """An instruction in time: cycles of the token in which its first step issues and its last turn ends."""

    instruction: Instruction
    start: int
    end: int


class Clock:
    """Plays both queues of one step; cycle 0 is the one in which the first instructions are fetched."""

    def __init__(self, config: TileConfig, pages: int, columns: int):
        self.config, self.pages, self.columns = config, pages, columns
        self.turns: dict[bool, list[Turn]] = {True: [], False: []}
        self.loaded = {True: [FETCH_CYCLES], False: [FETCH_CYCLES]}  # when each instruction is there
        self.head = np.zeros(1 << 12, bool)  # cycles in which a vector step may not issue: sums come first
        self.row = -1  # cycle of the last row's last word
        self.spread = 0  # cycles that it keeps the next row's last word away

    def play(self, instruction: Instruction, streams: bool):
        """Time the next instruction of a queue."""
        start = self.start(instruction, streams)
        end = self._stream(instruction, start) if streams else self._vector(instruction, start)
        self.turns[streams].append(Turn(instruction, start, end))
        self.loaded[streams].append(end + 1)

    def start(self, instruction: Instruction, streams: bool) -> int:
        """Cycle in which the first step of a queue's next instruction issues, but for sums in its way."""
        loads, others = self.loaded[streams], self.turns[not streams]
        seen = loads[-2] if len(loads) > 1 else 0
        if instruction.after:
            reports = 0 if streams else self.config.report_cycles
            seen = max(seen, others[instruction.after - 1].end + 1 + reports)
        return max(loads[-1] + instruction.wait, seen + instruction.lag)

    def _stream(self, instruction: Instruction, start: int) -> int:
        words, rows, drain = _rows(instruction, self.config, self.pages, self.columns)
        each = max(words * instruction.period, drain)
        first = max(start + (words - 1) * instruction.period, self.row + self.spread)
        lasts = first + each * np.arange(rows)
        self.row, self.spread = int(lasts[-1]), drain
        # Sums are at the head of the pipe together with a vector step that issues `ahead` after their row's last word.
        ahead = self.config.stream_entry - VECTOR_ENTRY
        if instruction.source == Source.EMBEDDING:
            ahead += self.config.collective_cycles
        busy = (lasts[:, None] + ahead + np.arange(drain)).ravel()
        self._reach(int(busy[-1]))
        self.head[busy] = True
        return self.row + instruction.period - 1

    def _vector(self, instruction: Instruction, start: int) -> int:
        if instruction.source == Source.END:
            return start
        steps = window = instruction.steps(self.pages) * self.columns
        while True:
            self._reach(start + window)
            free = np.flatnonzero(~self.head[start : start + window])
            if len(free) >= steps:
                return start + int(free[steps - 1])
            window += steps - len(free)

    def _reach(self, cycle: int):
        """Let `head` go on to a cycle."""
        if cycle >= len(self.head):
            self.head = np.concatenate([self.head, np.zeros(cycle + len(self.head), bool)])


def turns(queues: Queues, config: TileConfig, pages: int, columns: int = 1) -> dict[bool, list[Turn]]:
    """Both queues of a step that emits, with so many pages and columns in use: streaming (True), vector (False) queue.

    A queue is played on until it needs an instruction of the other; the streaming queue goes first, since its sums
    hold up vector steps and nothing holds up it.
    """
    clock, at = Clock(config, pages, columns), {True: 0, False: 0}
    program = {True: queues[0], False: queues[1]}
    while at[False] < len(program[False]):
        before = dict(at)
        for streams in (True, False):
            while at[streams] < len(program[streams]):
                instruction = program[streams][at[streams]]
                if instruction.after > at[not streams]:
                    break
                clock.play(instruction, streams)
                at[streams] += 1
                if not streams:
                    break
        assert at != before, "each queue waits for the other"
    return clock.turns


@lru_cache(maxsize=256)
def _timed(queues: Queues, config: TileConfig, pages: int, columns: int) -> dict[bool, list[Turn]]:
    return turns(queues, config, pages, columns)


def pages_of(position: int, columns: int = 1) -> int:
    """Pages in use by a step that begins at a position, with columns at positions behind each other."""
    return (position + columns - 1) // GROUP + 1


def token_cycles(queues: Queues, config: TileConfig, position: int, *, emits: bool, columns: int = 1) -> int:
    """Cycles of the step at a position with so many columns in use, from its fetch to its end; `emits`: with tokens."""
    last = Source.END if emits else Source.END_OF_PROMPT
    vector = _timed(queues, config, pages_of(position, min(columns, config.positions)), columns)[False]
    return next(turn.start for turn in vector if turn.instruction.source == last) + 1


def _rows(instruction: Instruction, config: TileConfig, pages: int, columns: int) -> tuple[int, int, int]:
    """Words of a row of a streaming instruction, its rows, and the cycles that sums of one take to leave the lanes."""
    words = instruction.groups * (pages if instruction.groups_by_page else 1)
    plays = instruction.plays(columns, batch=config.batch)
    drain = 1 if instruction.source == Source.EMBEDDING else config.drain * columns // plays
    return words, instruction.steps(pages) // words * plays, drain


def _reads(turn: Turn, config: TileConfig, pages: int, columns: int) -> np.ndarray:
    """Cycles in which a streaming instruction reads its words: the last one of a row waits until sums find room."""
    instruction, period = turn.instruction, turn.instruction.period
    words, rows, drain = _rows(instruction, config, pages, columns)
    lasts = turn.end + 1 - period - max(words * period, drain) * np.arange(rows)[::-1]
    begins = np.append(turn.start, lasts[:-1] + period)
    steps = np.column_stack([begins[:, None] + period * np.arange(words - 1), lasts]).ravel()
    return steps[:: config.word_beats >> instruction.pairs] if instruction.source == Source.EMBEDDING else steps


def lane_cycles(queues: Queues, config: TileConfig, position: int, *, emits: bool, columns: int = 1) -> int:
    """Cycles of a step in which the lanes' clock runs: from a word at the lanes to its row's sum."""
    return _lane_cycles(queues, config, pages_of(position, min(columns, config.positions)), columns, emits)


@lru_cache(maxsize=256)
def _lane_cycles(queues: Queues, config: TileConfig, pages: int, columns: int, emits: bool) -> int:
    both, played = _timed(queues, config, pages, columns), len(queues[0]) - 1
    if not emits:
        played = next(i for i in queues[1] if i.source == Source.END_OF_PROMPT).after
    reads = np.concatenate([_reads(turn, config, pages, columns) for turn in both[True][:played]])
    return int(np.minimum(np.diff(reads), config.lane_latency).sum()) + config.lane_latency


def phase_cycles(queues: Queues, config: TileConfig, position: int, columns: int = 1) -> Counter[str]:
    """Cycles of a step that emits, by phase of the model and by what the lanes do in them.

    "<phase>" alone: the weight banks deliver at their cadence; "<phase>, keys and values": the lanes work on those;
    "<phase> waits for <phase>": nothing streams until vector work of that phase is done.
    """
    both = _timed(queues, config, pages_of(position, min(columns, config.positions)), columns)
    phases, now = Counter(), 0
    for turn in both[True]:
        instruction = turn.instruction
        kv = instruction.source == Source.KV
        phases[instruction.phase + (", keys and values" if kv else "")] += turn.end + 1 - turn.start
        cause = both[False][instruction.after - 1].instruction.phase if instruction.after else "latency"
        phases[f"{instruction.phase} waits for {cause}"] += turn.start - now
        now = turn.end + 1
    phases["head waits for its last sums"] += token_cycles(queues, config, position, emits=True, columns=columns) - now
    return +phases


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a host asks of a tile.

    Attributes
    ----------
    given : positions whose token is given; those before `first` are of earlier runs
    total : positions in all
    columns : given tokens that a step works on at most
    first : position at which the run begins
    emitted : position from which on tokens are emitted; by default the last one whose token is given
    """

    given: int
    total: int
    columns: int = 1
    first: int = 0
    emitted: int | None = None

    @property
    def first_emitted(self) -> int:
        """Position from which on tokens are emitted."""
        return self.given - 1 if self.emitted is None else self.emitted

    def steps(self) -> list["Step"]:
        """The run, step by step."""
        found, position = [], self.first
        while position < self.total:
            columns = max(1, min(self.columns, self.given - position))
            tokens = max(0, position + columns - max(position, self.first_emitted))
            found.append(Step(position=position, columns=columns, tokens=tokens))
            position += columns
        return found


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a run: its first position, the columns in use, and how many of them, the last ones, emit a token."""

    position: int
    columns: int
    tokens: int

    @property
    def emits(self) -> bool:
        """Tokens come out."""
        return self.tokens > 0


def step_cycles(queues: Queues, config: TileConfig, step: Step) -> int:
    """Cycles of a step."""
    return token_cycles(queues, config, step.position, emits=step.emits, columns=step.columns)


def run_emissions(queues: Queues, config: TileConfig, run: Run) -> list[int]:
    """Cycle of each emitted token, counted from the start of the run: those of a step come one a cycle."""
    cycle, emissions = 0, []
    for step in run.steps():
        cycle += step_cycles(queues, config, step)
        emissions += range(cycle, cycle + step.tokens)
    return emissions


def emission_cycles(queues: Queues, config: TileConfig, prompt_length: int, total_length: int) -> list[int]:
    """Cycle of each token that follows a prompt, of which the tile takes as many at once as it has columns."""
    return run_emissions(queues, config, Run(given=prompt_length, total=total_length, columns=config.columns))
