"""Decoding several sequences at once, on a tile whose columns are those of a batch: steps, cycles and a simulated run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devicemodels.errors import UserError
from rtl.export.verilog import top
from sim.cache import cache_root
from sim.compiler import Program
from sim.generate import verilog
from sim.timing import Queues, Step, TileConfig, step_cycles
from testbench.bench_batch import PUBLIC
from testbench.runner import build, run


@dataclass(frozen=True, kw_only=True)
class BatchRun:
    """What a host asks of a tile: all sequences go from position 0 to the same end.

    Attributes
    ----------
    given : positions whose token is given, for each sequence
    total : positions in all
    """

    given: tuple[int, ...]
    total: int

    def emitting(self, position: int) -> list[int]:
        """Sequences that emit a token after a position."""
        return [column for column, given in enumerate(self.given) if position + 1 >= given]

    def steps(self) -> list[Step]:
        """The run, step by step."""
        return [
            Step(position=position, columns=len(self.given), tokens=len(self.emitting(position)))
            for position in range(self.total)
        ]


@dataclass(frozen=True, kw_only=True)
class Emission:
    """A token that comes out: of which sequence, in which cycle from the start of the run."""

    column: int
    cycle: int


def batch_emissions(queues: Queues, config: TileConfig, asked: BatchRun) -> list[Emission]:
    """All tokens of a run: that of column c comes c cycles after its step's end."""
    cycle, found = 0, []
    for step in asked.steps():
        cycle += step_cycles(queues, config, step)
        found += [Emission(column=column, cycle=cycle + column) for column in asked.emitting(step.position)]
    return found


def simulate_batches(program: Program, batches: Sequence[Sequence[Sequence[int]]], total: int, folder: Path) -> list:
    """Let the simulated tile of a program go on from the prompts of each batch to so many positions.

    Parameters
    ----------
    batches : prompts of the sequences of each run; no more than the program has columns
    folder : where the run goes; it exists

    Returns
    -------
    what `testbench.bench_batch` observed, run by run

    Raises
    ------
    UserError
        A batch has more sequences than the program, or a prompt is empty or longer than the run.
    """
    for prompts in batches:
        _check(program, prompts, total)
    config = program.config
    for name, text in (sources := verilog(config)).items():
        (folder / name).write_text(text)
    program.write_images(folder)
    host = {"vocabulary": program.vocabulary, "epsilon": program.epsilon, "context": config.context}
    runs = [{"prompts": [list(map(int, prompt)) for prompt in prompts], "total": total} for prompts in batches]
    (folder / "request.json").write_text(json.dumps({"runs": runs, **host}))
    simulator = build(
        sources=[folder / name for name in sources], toplevel=top(config), simulator="verilator",
        cache_root=cache_root(), public=PUBLIC, no_inline=("lane", "tile"),
    )  # fmt: skip
    run(simulator, run_folder=folder, test_module="testbench.bench_batch")
    return json.loads((folder / "observed.json").read_text())["runs"]


def _check(program: Program, prompts: Sequence[Sequence[int]], total: int):
    """Refuse what the tile has no room for."""
    most = program.columns if program.config.batch else 1
    if not 1 <= len(prompts) <= most:
        raise UserError(
            f"a batch has {len(prompts)} sequences and the program is for {most}: give 1 to {most} prompts, or take a "
            "design with tile.batch and more tile.columns"
        )
    if total > program.context:
        raise UserError(
            f"the sequences go to {total} positions and the context is {program.context}: ask for at most that many"
        )
    for column, prompt in enumerate(prompts):
        if not 1 <= len(prompt) <= total:
            raise UserError(
                f"the prompt of sequence {column} has {len(prompt)} tokens and the run {total} positions: "
                f"give it 1 to {total}"
            )
