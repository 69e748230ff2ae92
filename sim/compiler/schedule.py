"""Third pass: instructions in order, each with the wait that makes every hazard impossible.

The tile has no interlocks. Every instruction says here what it reads and writes and how many cycles after its
issue; the scheduler finds, for every number of 32-token pages at once, the first cycle at which all is there, and
the largest wait that any page count needs becomes the instruction's own.
"""

from dataclasses import dataclass, field, replace

import numpy as np

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
    TileConfig,
)
from rtl.tile.program import SETUP_CYCLES, Destination, Instruction, Reduce, Second, Source

NORMALISER_STAGE = REDUCE_STAGE
STREAMS = (Source.WEIGHTS, Source.KV, Source.EMBEDDING)


@dataclass
class Scheduler:
    """Collects instructions; `now` is the cycle, for each page count, in which the next one could issue."""

    config: TileConfig
    instructions: list[Instruction] = field(default_factory=list)

    def __post_init__(self):
        self.pages = np.arange(1, self.config.context // GROUP + 1)
        self.now = np.zeros_like(self.pages)
        self.head = np.full_like(self.pages, -1)  # last cycle at which a step reached the pipe's head
        self.usable: dict[str, np.ndarray] = {}  # first cycle in which a resource may be read
        self.written: dict[str, np.ndarray] = {}  # last cycle in which it was written
        self.read: dict[str, np.ndarray] = {}  # last cycle in which it was read
        self.normalised: list[np.ndarray] = []  # cycles at which the normaliser is taken

    def add(
        self,
        instruction: Instruction,
        *,
        reads: dict[str, int] | None = None,
        writes: dict[str, tuple[int, int]] | None = None,
    ):
        """Append an instruction with the smallest safe wait.

        reads : resource -> cycles after a step's issue in which it is read
        writes : resource -> (cycles after a step's issue of the write, and until it can be read)
        """
        entry = self.entry(instruction)
        wanted = [self.now]
        if entry is not None:
            wanted.append(self.head + 1 - entry)
        for resource, offset in (reads or {}).items():
            if resource in self.usable:
                wanted.append(self.usable[resource] - offset)
        for resource, (offset, _) in (writes or {}).items():
            for times in (self.read, self.written):
                if resource in times:
                    wanted.append(times[resource] + 1 - offset)
        wait = int(max((times - self.now).max() for times in wanted))
        wait = max(wait, SETUP_CYCLES if instruction.by_position else 0)
        span = np.array([replace(instruction, wait=0).cycles(int(p)) for p in self.pages])
        while self._collides(instruction, self.now + wait + span - instruction.period, entry):
            wait += 1
        self._commit(replace(instruction, wait=wait), self.now + wait, span, entry, reads or {}, writes or {})

    def drain(self, instruction: Instruction):
        """Append an instruction (an end) that waits until all is written."""
        times = [self.now, self.head + 1, *(t + 1 for t in self.usable.values())]
        wait = int(max((t - self.now).max() for t in times))
        self._commit(replace(instruction, wait=wait), self.now + wait, np.ones_like(self.pages), None, {}, {})

    def entry(self, instruction) -> int | None:
        """Cycles from a step's issue to the head of the pipe."""
        if instruction.source in STREAMS:
            return self.config.stream_entry
        return VECTOR_ENTRY if instruction.source < Source.END_OF_PROMPT else None

    def _normaliser_times(self, instruction, last, entry):
        """Cycles at which an instruction whose last step issues at `last` takes the normaliser."""
        times = []
        if instruction.reduce == Reduce.ABSOLUTE or instruction.source in (Source.SCALE, Source.KEEP):
            times.append(last + entry + NORMALISER_STAGE)
        if instruction.second == Second.SUM:
            times.append(last + entry + NORMALISER_STAGE + 1)
        if instruction.second == Second.SQUARES:
            times.append(last + entry + NORMALISER_STAGE + 2 + Root.LATENCY)
        return times

    def _collides(self, instruction, last, entry):
        return any(
            (mine == taken).any()
            for mine in self._normaliser_times(instruction, last, entry)
            for taken in self.normalised
        )

    def _commit(self, instruction, start, span, entry, reads, writes):
        self.instructions.append(instruction)
        last = start + span - instruction.period
        if entry is not None:
            self.head = last + entry
        for resource, offset in reads.items():
            self.read[resource] = np.maximum(self.read.get(resource, last + offset), last + offset)
        for resource, (offset, ready) in writes.items():
            self.written[resource], self.usable[resource] = last + offset, last + ready
        self.normalised = (self.normalised + self._normaliser_times(instruction, last, entry))[-64:]
        self.now = start + span


def scheduled(scheduler: Scheduler, **fields):
    """Append an instruction; what it reads and writes follows from its fields and from `reads_*`, `writes_*`.

    Resource names: `reads_a`, `reads_b`, `reads_constant`, `reads_memory` (KV) and `reads_activations` name regions;
    `writes` names the region of the destination. Registers are tracked by number.
    """
    regions = {key: fields.pop(key) for key in list(fields) if key.startswith(("reads_", "writes"))}
    instruction = Instruction(**fields)
    entry, arrival = scheduler.entry(instruction), scheduler.config.stream_latency
    offsets = {
        "reads_a": 0,
        "reads_b": entry + ALU_STAGE - Silu.LATENCY - READ_LATENCY,
        "reads_constant": entry + REQUANTISE_STAGE - READ_LATENCY,
        "reads_memory": arrival - READ_LATENCY,
        "reads_activations": arrival - READ_LATENCY,
    }
    reads = {regions[key]: offset for key, offset in offsets.items() if key in regions}
    reads[f"scale {instruction.scale}"] = entry + SCALE_STAGE
    if instruction.source == Source.SCALE:
        reads[f"scale {instruction.other}"] = entry + SCALE_STAGE
    writes = {}
    if instruction.destination != Destination.NONE:
        writes[regions["writes"]] = (entry + WRITE_STAGE, entry + WRITE_STAGE + 1)
    if instruction.source == Source.KEEP:
        writes[regions["writes"]] = (entry + SCALE_STAGE + 1, entry + SCALE_STAGE + 2)
    if instruction.reduce == Reduce.ABSOLUTE or instruction.source in (Source.SCALE, Source.KEEP):
        writes[f"scale {instruction.register}"] = (entry + REGISTER_STAGE - 1, entry + REGISTER_STAGE)
    if instruction.exponential:
        reads[f"extreme {instruction.extreme}"] = entry
    if instruction.reduce == Reduce.MAXIMUM:
        writes[f"extreme {instruction.extreme}"] = (entry + EXTREME_STAGE - 1, entry + EXTREME_STAGE)
    if instruction.reduce == Reduce.ARGMAX:
        writes["argmax"] = (entry + REDUCE_STAGE - 1, entry + REDUCE_STAGE)
    if instruction.second == Second.SUM:
        writes[f"scale {instruction.second_register}"] = (entry + SUM_STAGE - 1, entry + SUM_STAGE)
    if instruction.second == Second.SQUARES:
        reads[f"scale {instruction.other}"] = entry
        writes[f"scale {instruction.second_register}"] = (entry + ROOT_STAGE - 1, entry + ROOT_STAGE)
    scheduler.add(instruction, reads=reads, writes=writes)
