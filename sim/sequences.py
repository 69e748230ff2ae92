"""Decoding several sequences at once, on a tile with a column for each: steps, cycles and a simulated run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from devicemodels.errors import UserError
from rtl.tile.config import TileConfig
from sim.compiler import Program
from sim.decode import build_simulator, write_request
from sim.generate import verilog
from sim.timing import Queues, Step, step_cycles
from testbench.bench_batch import PUBLIC
from testbench.runner import run


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a host asks of a tile: all sequences go from position 0 to the same end.

    Attributes
    ----------
    prompts : tokens of each sequence, from position 0 on
    total : positions in all
    """

    prompts: tuple[tuple[int, ...], ...]
    total: int

    def emitting(self, position: int) -> list[int]:
        """Sequences that emit a token after a position."""
        return [column for column, prompt in enumerate(self.prompts) if position + 1 >= len(prompt)]

    def steps(self) -> list[Step]:
        """The run, step by step."""
        return [
            Step(position=position, columns=len(self.prompts), tokens=len(self.emitting(position)))
            for position in range(self.total)
        ]


@dataclass(frozen=True, kw_only=True)
class Emission:
    """A token that comes out: of which sequence, in which cycle from the start of the run."""

    column: int
    cycle: int


def batch_emissions(queues: Queues, config: TileConfig, batch: Batch) -> list[Emission]:
    """All tokens of a run: that of column c comes c cycles after its step's end."""
    cycle, found = 0, []
    for step in batch.steps():
        cycle += step_cycles(queues, config, step)
        found += [Emission(column=column, cycle=cycle + column) for column in batch.emitting(step.position)]
    return found


def simulate_batches(program: Program, batches: Sequence[Batch], folder: Path) -> list[dict]:
    """Let the simulated tile of a program play batches after each other.

    Parameters
    ----------
    folder : where the run goes; it exists

    Returns
    -------
    what `testbench.bench_batch` observed, run by run

    Raises
    ------
    UserError
        A batch has more sequences or positions than the program, or a prompt is empty or longer than the run.
    """
    for batch in batches:
        _check(program, batch)
    config = program.config
    write_request(program, folder, runs=[asdict(batch) for batch in batches], context=config.context)
    simulator = build_simulator(config, verilog(config), "verilator", public=PUBLIC)
    run(simulator, run_folder=folder, test_module="testbench.bench_batch")
    return json.loads((folder / "observed.json").read_text())["runs"]


def _check(program: Program, batch: Batch):
    """Refuse what the tile has no room for."""
    total = batch.total
    if not program.config.batch:
        raise UserError("the columns of this tile belong to one sequence, not to a batch: set tile.batch to true")
    most = program.columns
    if not 1 <= len(batch.prompts) <= most:
        raise UserError(
            f"a batch has {len(batch.prompts)} sequences and the program is for {most}: give 1 to {most} prompts, or "
            "take a design with more tile.columns"
        )
    if total > program.context:
        raise UserError(
            f"the sequences go to {total} positions and the context is {program.context}: ask for at most that many"
        )
    for column, prompt in enumerate(batch.prompts):
        if not 1 <= len(prompt) <= total:
            raise UserError(
                f"the prompt of sequence {column} has {len(prompt)} tokens and the run {total} positions: "
                f"give it 1 to {total}"
            )
