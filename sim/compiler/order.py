"""Third pass: the order of the instructions in their queues, by list scheduling.

A queue plays its instructions in order, so that one that has to wait holds up all behind it. Within a window, such as a
layer, the order here is greedy: of the instructions that nothing before them in the window holds back, the one that can
issue first comes next, and of several the one with the longest way to the end of the window. Which order is taken
changes cycles and nothing else: `sim.compiler.schedule` gives any order its waits.
"""

from dataclasses import dataclass, field

from rtl.tile.config import TileConfig
from rtl.tile.program import Source
from sim.compiler.schedule import Planned, Scheduler, Use


@dataclass(eq=False)
class Task:
    """An instruction that gets a place.

    after : task that comes before it -> cycles from that one's last turn to this one's first step, at the least
    continues : the task whose reduction it goes on with, and just behind which it has to stream
    path : cycles from its first step to the end of the window, at the least
    end : cycle of its last turn, once it has its place
    """

    planned: Planned
    after: dict["Task", int] = field(default_factory=dict)
    continues: "Task | None" = None
    path: int = 0
    end: int | None = None

    @property
    def streams(self) -> bool:
        """It belongs to the queue that streams."""
        return self.planned.instruction.streams


class Orderer:
    """Orders windows one after the other, by the cycles of a step with all pages in use: its vectors are longest.

    Attributes
    ----------
    streamed : the last task that streams
    written, read : resource -> task that wrote it last, and those that have read it since
    """

    def __init__(self, config: TileConfig):
        self.config = config
        self.scheduler = Scheduler(config)
        self.clock = self.scheduler.clocks[-1]
        self.streamed: Task | None = None
        self.written: dict[str, Task] = {}
        self.read: dict[str, list[Task]] = {}

    def add(self, window: list[Planned]):
        """Append instructions that could be played in the order given."""
        tasks = [Task(planned) for planned in window]
        self._link(tasks)
        for task in reversed(tasks):
            task.path += self._span(task)
            for before, cycles in task.after.items():
                before.path = max(before.path, task.path + cycles - 1)
        waiting = list(tasks)
        while waiting:
            task = self._next(waiting)
            self.scheduler.add(task.planned)
            task.end = self.clock.turns[task.streams][-1].end
            if task.streams:
                self.streamed = task
            waiting.remove(task)

    def end(self, source: Source, *, lag: int, phase: str):
        """Append an end, see `Scheduler.end`."""
        self.scheduler.end(source, lag=lag, phase=phase)

    def _link(self, tasks: list[Task]):
        """What comes before each task: in the order given, every one has what it needs."""
        for task in tasks:
            for name, use in task.planned.reads.items():
                self._follow(task, self.written.get(name), name, use)
                self.read.setdefault(name, []).append(task)
            for name, use in task.planned.writes.items():
                for before in (self.written.get(name), *self.read.pop(name, ())):
                    self._follow(task, before, name, use)
                self.written[name] = task
        self._continue([task for task in tasks if task.streams])

    def _follow(self, task: Task, before: Task | None, name: str, use: Use):
        if before is None or before is task:
            return
        cycles = before.planned.last(name) + 1 - use.first
        if before.streams and not task.streams:
            cycles = max(cycles, 1 + self.config.report_cycles)
        task.after[before] = max(cycles, task.after.get(before, cycles))

    @staticmethod
    def _continue(streams: list[Task]):
        """A reduction over several tasks begins when nothing that was before it has to stream any more."""
        for at, task in enumerate(streams):
            if task.planned.instruction.continues:
                task.continues = streams[at - 1]
                if not task.continues.continues:
                    task.continues.after = dict.fromkeys(streams[: at - 1], 1) | task.continues.after

    def _next(self, waiting: list[Task]) -> Task:
        """What can issue first; a reduction that has begun goes on."""
        goes_on = next((task for task in waiting if task.continues and task.continues is self.streamed), None)
        can = [
            task
            for task in waiting
            if (not task.streams or goes_on in (None, task)) and all(b.end is not None for b in task.after)
        ]
        return min(can, key=lambda task: (self._start(task), -task.path))

    def _start(self, task: Task) -> int:
        """The cycle in which it could issue."""
        turns = self.clock.turns[task.streams]
        return max([turns[-1].end + 1 if turns else 0, *(before.end + cycles for before, cycles in task.after.items())])

    def _span(self, task: Task) -> int:
        instruction, columns = task.planned.instruction, self.config.columns
        return instruction.span(1) * (instruction.plays(columns, batch=self.config.batch) if task.streams else columns)
