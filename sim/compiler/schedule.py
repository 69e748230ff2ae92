"""Third pass: instructions in two queues, each with what it waits for.

The tile has no interlocks but one: an instruction can wait for instructions of the other queue. Every instruction says
here what it reads and writes and how many cycles after its steps; the scheduler finds the smallest waits with which
no word is read before it is written, or written before it is read, whatever the number of pages and columns in use and
however long one queue has to wait for the other. All it relies on are lower bounds: instructions of a queue follow each
other, and take at least the cycles that they take with one page and one column.
"""

import dataclasses
from bisect import bisect_left
from dataclasses import dataclass, field

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
    VECTOR_ENTRY,
    WRITE_STAGE,
    TileConfig,
)
from rtl.tile.program import FIELDS, SCALARS, SETUP_CYCLES, Constant, Destination, Instruction, Reduce, Second, Source
from sim.timing import Clock

NEVER = (1 << FIELDS["after"]) - 1
"""More instructions than a queue has: who waits for so many waits until the token ends."""

STOP = Instruction(source=Source.END, after=NEVER)
"""The streaming queue's last instruction."""


@dataclass(frozen=True)
class Use:
    """An access of a resource: first cycle after the first step's issue, last cycle after the last turn's."""

    first: int
    last: int


@dataclass(frozen=True)
class Need:
    """Start no sooner than `cycles` after the last turn of instruction `index` of a queue."""

    streams: bool
    index: int
    cycles: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Planned:
    """An instruction without its waits: which resources it reads and writes, and when."""

    instruction: Instruction
    reads: dict[str, Use]
    writes: dict[str, Use]

    def last(self, name: str) -> int:
        """Last cycle in which it uses a resource."""
        return max(uses[name].last for uses in (self.reads, self.writes) if name in uses)


@dataclass
class Queue:
    """Instructions of one queue; `clock[i]` is a lower bound of the cycles up to the last turn of instruction i."""

    instructions: list[Instruction] = field(default_factory=list)
    clock: list[int] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)  # instructions of the other queue that others have waited for
    reached_by: list[int] = field(default_factory=list)  # the instruction that first waited for so many

    def between(self, first: int, last: int) -> int:
        """At least so many cycles lie between the last turns of two instructions."""
        return self.clock[last] - self.clock[first]

    def append(self, instruction: Instruction):
        """Add an instruction that is ready."""
        before = self.clock[-1] if self.clock else 0
        self.clock.append(before + instruction.wait + instruction.span(1))
        self.instructions.append(instruction)
        if instruction.after > (self.reached[-1] if self.reached else 0):
            self.reached.append(instruction.after)
            self.reached_by.append(len(self.instructions) - 1)


class Scheduler:
    """Collects both queues, in an order in which everything could be done one after the other.

    Attributes
    ----------
    clocks : the program so far in time, with one page in use and with all of them
    """

    def __init__(self, config: TileConfig):
        self.config = config
        self.queues = {True: Queue(), False: Queue()}
        self.clocks = [Clock(config, pages, config.columns) for pages in sorted({1, config.context // GROUP})]
        self.written: dict[tuple[bool, str], tuple[int, int]] = {}  # instruction, cycles until readable
        self.read: dict[tuple[bool, str], tuple[int, int]] = {}  # instruction, cycles until it may be written

    def add(self, planned: Planned) -> Instruction:
        """Append an instruction with the smallest safe waits."""
        instruction, reads, writes = planned.instruction, planned.reads, planned.writes
        needs = [need for name, use in reads.items() for need in self._needs(self.written, name, use)]
        needs += [
            need for name, use in writes.items() for table in (self.written, self.read)
            for need in self._needs(table, name, use)
        ]  # fmt: skip
        instruction = self._wait(instruction, needs)
        self._append(instruction)
        for table, uses in ((self.read, reads), (self.written, writes)):
            for name, use in uses.items():
                self._note(table, (instruction.streams, name), use)
        return instruction

    def end(self, source: Source, *, lag: int, phase: str) -> Instruction:
        """Append an end to the vector queue, `lag` cycles after all that streams; what reads "end" comes after it."""
        streams, queue = self.queues[True].instructions, self.queues[False]
        instruction = Instruction(source=source, phase=phase, after=len(streams), lag=lag)
        self._append(instruction)
        self.written[False, "end"] = (len(queue.instructions) - 1, 1)
        return instruction

    def _append(self, instruction: Instruction):
        """Add an instruction to its queue, and to the time taken."""
        self.queues[instruction.streams].append(instruction)
        for clock in self.clocks:
            clock.play(instruction, instruction.streams)

    def _needs(self, table, name: str, use: Use):
        for streams in (True, False):
            if (streams, name) in table:
                index, cycles = table[streams, name]
                yield Need(streams, index, cycles - use.first)

    def _note(self, table, key, use: Use):
        """Remember the last use; an earlier one whose pipeline is longer may still be the later."""
        queue = self.queues[key[0]]
        index, cycles = len(queue.instructions) - 1, use.last + 1
        if key in table:
            before, longer = table[key]
            cycles = max(cycles, longer - queue.between(before, index))
        table[key] = (index, cycles)

    def _wait(self, instruction: Instruction, needs: list[Need]) -> Instruction:
        own, other = self.queues[instruction.streams], self.queues[not instruction.streams]
        wait = SETUP_CYCLES if instruction.by_position else 0
        last = len(own.instructions) - 1
        for need in needs:
            if need.streams == instruction.streams:
                wait = max(wait, need.cycles - 1 - own.between(need.index, last))
        wait = max(wait, self._bank_wait(instruction))
        open_needs = [n for n in needs if n.streams != instruction.streams and not self._met(own, other, n, wait)]
        if not open_needs:
            return dataclasses.replace(instruction, wait=wait)
        return self._soonest(dataclasses.replace(instruction, wait=wait), other, open_needs)

    def _soonest(self, instruction: Instruction, other: Queue, needs: list[Need]) -> Instruction:
        """Wait for the instruction of the other queue behind which this one starts soonest.

        A lag begins to count when the instruction before is loaded, so that a later one than the needed ones, with a
        shorter lag, may cost less. So may an earlier one, if those up to the needed ones follow in a time that is
        known: of a vector that is written in two parts, the first.
        """
        newest, found = max(need.index for need in needs), []
        for index in range(self._earliest(instruction, newest), len(other.instructions)):
            lag = max(need.cycles - 1 - self._apart(other, need.index, index) for need in needs)
            lag -= self._reports(instruction.streams)
            if index >= newest or self._undisturbed(instruction, index, newest, lag):
                found.append(dataclasses.replace(instruction, after=index + 1, lag=max(lag, 0)))
            if index >= newest and lag <= 0:
                break
        return min(found, key=lambda one: sum(clock.start(one, one.streams) for clock in self.clocks))

    def _apart(self, queue: Queue, first: int, last: int) -> int:
        """At least so many cycles lie between two last turns; if `last` comes before `first`, at most so many less."""
        return queue.between(first, last) if first <= last else -self._known(queue, last, first)

    def _known(self, queue: Queue, first: int, last: int) -> int:
        """Cycles between the last turns of two vector instructions, all columns in use, when nothing holds them up."""
        return sum(i.wait + i.span(1) * self.config.columns for i in queue.instructions[first + 1 : last + 1])

    def _earliest(self, instruction: Instruction, newest: int) -> int:
        """The first vector instruction behind which those up to `newest` wait for nothing and take no longer later."""
        vector = self.queues[False].instructions
        while instruction.streams and newest and not (vector[newest].after or vector[newest].blocks_by_page):
            newest -= 1
        return newest

    def _undisturbed(self, instruction: Instruction, first: int, last: int, lag: int) -> bool:
        """No sums are in the way of the vector instructions behind `first` up to `last`.

        Those of all rows before have left the lanes, since an instruction up to `first` has waited for them; those of
        this instruction's first row come later.
        """
        stream, vector = self.queues[True].instructions, self.queues[False]
        at = bisect_left(vector.reached, len(stream))
        if not 0 <= lag < 1 << FIELDS["lag"] or at == len(vector.reached) or vector.reached_by[at] > first:
            return False
        waiter, ahead = vector.reached_by[at], self.config.stream_entry - VECTOR_ENTRY
        since = 1 + self.config.report_cycles + vector.instructions[waiter].lag + vector.between(waiter, first)
        left = ahead + self.config.collective_cycles + self.config.drain * self.config.columns
        row = (instruction.groups - 1) * instruction.period
        return since >= left and 1 + lag + row + ahead > self._known(vector, first, last)

    def _reports(self, streams: bool) -> int:
        """Cycles after which a queue hears that an instruction of the other one is done."""
        return 0 if streams else self.config.report_cycles

    def _met(self, own: Queue, other: Queue, need: Need, wait: int) -> bool:
        """An earlier instruction has waited for the same one, and enough cycles lie between."""
        at = bisect_left(own.reached, need.index + 1)
        if at == len(own.reached):
            return False
        waiter = own.instructions[own.reached_by[at]]
        since = other.between(need.index, waiter.after - 1) + waiter.lag + waiter.span(1)
        since += self._reports(not need.streams)
        return since + own.between(own.reached_by[at], len(own.instructions) - 1) + 1 + wait >= need.cycles

    def _bank_wait(self, instruction: Instruction) -> int:
        """Cycles until a bank that the streaming queue's last words came from can be read again.

        Words of a row lie in the banks of a lane in turn; who goes on where the last one stopped need not wait.
        """
        queue, cadence = self.queues[True], self.config.bank.cadence_cycles
        last = len(queue.instructions) - 1
        reader = next((i for i in range(last, -1, -1) if queue.instructions[i].source != Source.KV), None)
        if instruction.source not in (Source.WEIGHTS, Source.EMBEDDING) or reader is None:
            return 0
        before = queue.instructions[reader]
        end = before.memory + before.blocks * before.memory_stride
        contiguous = before.memory_stride == before.groups and instruction.memory == end
        if before.source == instruction.source == Source.WEIGHTS and contiguous:
            return 0
        return cadence - before.period - queue.between(reader, last)


def planned(config: TileConfig, **fields) -> Planned:
    """An instruction; what it reads and writes follows from its fields and from `reads_*`, `writes`.

    Resource names: `reads_a`, `reads_b`, `reads_constant`, `reads_memory` (KV) and `reads_activations` name regions;
    `writes` names the region of the destination. Registers are tracked by number.
    """
    regions = {key: fields.pop(key) for key in list(fields) if key.startswith(("reads_", "writes"))}
    instruction = Instruction(**fields)
    uses = _Uses(instruction, config)
    return Planned(instruction=instruction, reads=uses.reads(regions), writes=uses.writes(regions))


class _Uses:
    """When an instruction's steps read and write, as hardware latencies give it."""

    def __init__(self, instruction: Instruction, config: TileConfig):
        self.instruction, self.config = instruction, config
        streams, self.links = instruction.streams, config.collective_cycles
        self.entry = config.stream_entry if streams else VECTOR_ENTRY
        if instruction.source == Source.EMBEDDING:
            self.entry += self.links
        # Steps to the end of the first row, and beats that the last row takes in the pipe when all columns are in use.
        self.row = (instruction.groups - 1) * instruction.period if streams else 0
        embeds = instruction.source == Source.EMBEDDING
        columns = config.columns if instruction.serves_all(batch=config.batch) else 1
        self.drain = 0 if embeds or not streams else config.drain * columns - 1
        self.turn = instruction.period - 1

    def _issue(self, offset: int, *, ahead: int = 0) -> Use:
        """A use so many cycles after the issue of each step."""
        return Use(offset + ahead, offset - self.turn)

    def _pipe(self, stage: int) -> Use:
        """A use at a stage of the vector pipe, by each word of each row."""
        offset = self.entry + stage
        return Use(self.row + offset, offset + self.drain - self.turn)

    def reads(self, regions: dict[str, str]) -> dict[str, Use]:
        """Resource -> use."""
        i, config = self.instruction, self.config
        arrival = config.stream_latency - READ_LATENCY
        uses = {
            "reads_a": self._issue(0),
            "reads_b": self._pipe(ALU_STAGE - Silu.LATENCY - READ_LATENCY),
            "reads_constant": self._pipe(REQUANTISE_STAGE - READ_LATENCY),
            "reads_memory": self._issue(arrival),
            "reads_activations": self._issue(arrival, ahead=self._ahead() if i.source == Source.WEIGHTS else 0),
        }
        found = {regions[key]: use for key, use in uses.items() if key in regions}
        found |= {name: Use(0, 0) for name in [regions.get("reads_end")] if name}
        found[f"scale {i.scale}"] = self._pipe(SCALE_STAGE)
        if i.source == Source.SCALE:
            found[f"scale {i.other}"] = self._pipe(SCALE_STAGE)
        if i.exponential:
            found[f"extreme {i.extreme}"] = self._pipe(0)
        if i.second == Second.SQUARES:
            found[f"scale {i.other}"] = Use(self.entry, self.entry + REDUCE_STAGE + 1 + self.links)
        if i.source == Source.ROOT:
            found["root"] = self._pipe(REDUCE_STAGE + self.links)
        if i.source == Source.SUM:
            found["sum"] = self._pipe(REDUCE_STAGE)
        if i.streams and i.constant_mode == Constant.BROADCAST:
            found["token constant"] = self._pipe(REQUANTISE_STAGE)
        return found

    def _ahead(self) -> int:
        """Cycles from a row's first word to where its activations must be: written in the order in which they are read.

        A group takes `beats` cycles to write, a word as many groups as it is multiplied with, but for the last word of
        a row, which may take only one. First and last word and the last but one set the pace.
        """
        i, beats = self.instruction, self.config.beats
        groups, before = self.config.groups_per_word >> i.pairs, i.groups - 1
        if not before:
            return 0
        return min(((before - 1) * groups + 1) * beats, (before - 1) * i.period + beats, before * i.period)

    def writes(self, regions: dict[str, str]) -> dict[str, Use]:
        """Resource -> use; a word written in a cycle can be read from the next one on."""
        i, found, links = self.instruction, {}, self.links
        if i.destination != Destination.NONE:
            found[regions["writes"]] = self._pipe(WRITE_STAGE + (links if i.destination != Destination.VECTOR else 0))
        if i.source == Source.KEEP:
            found[regions["writes"]] = self._pipe(SCALE_STAGE + 1)
        if i.reduce == Reduce.ABSOLUTE or i.source in SCALARS:
            found[f"scale {i.register}"] = self._pipe(REGISTER_STAGE - 1 + links)
        if i.reduce == Reduce.MAXIMUM:
            found[f"extreme {i.extreme}"] = self._pipe(EXTREME_STAGE - 1 + links)
        if i.second == Second.SQUARES:
            found["root"] = self._pipe(ROOT_STAGE - 1 + links)
        if i.second != Second.NONE:
            found["sum"] = self._pipe(REDUCE_STAGE)
        if not i.streams and i.constant_mode == Constant.BROADCAST:
            found["token constant"] = self._pipe(REQUANTISE_STAGE + links)
        return found


def argmax_lag(config: TileConfig) -> int:
    """Cycles from the report that a matrix is done to its arg max at the sequencer."""
    reduced = REDUCE_STAGE - WRITE_STAGE + config.collective_cycles
    return max(0, config.drain * config.columns + reduced - config.period)
