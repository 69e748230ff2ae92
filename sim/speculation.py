"""What drafts gave a decode, beside the same design with one column."""

from dataclasses import dataclass, replace
from typing import Any

from sim.compiler import IntegerModel, Program
from sim.compiler.emit import Emitter
from sim.compiler.place import place_model
from sim.measurement import Speculation
from sim.tile import Tile
from sim.timing import Run, run_emissions, token_cycles
from testbench.drafts import Pass, right_drafts


@dataclass(frozen=True, kw_only=True)
class OneColumn:
    """What a design with one column would do, by its schedule.

    Attributes
    ----------
    cycles : of a token, the mean of a decode
    clock_hz : that the design asks for
    """

    cycles: float
    clock_hz: float

    @property
    def tokens_per_s(self) -> float:
        """The design's decode rate."""
        return self.clock_hz / self.cycles


def one_column(integers: IntegerModel, tile: Tile, first: int, tokens: int) -> OneColumn:
    """The steps at so many positions from the first one on, in a tile that is the same but for its columns."""
    config = replace(tile.config, columns=1)
    queues = Emitter(integers, place_model(integers, config), config).token()
    cycles = sum(token_cycles(queues, config, position, emits=True) for position in range(first, first + tokens))
    return OneColumn(cycles=cycles / tokens, clock_hz=tile.clock_hz)


def run_of(asked: Pass, columns: int) -> Run:
    """A pass as the schedule counts it."""
    return Run(given=asked.total, total=asked.total, columns=columns, first=asked.first, emitted=asked.emitted)


def passes_of(observed: dict[str, Any]) -> list[Pass]:
    """The passes that `testbench.bench_drafts` has played; none of another bench."""
    played = observed.get("passes", [])
    return [Pass(first=one["first"], tokens=tuple(one["given"]), drafted=one["drafted"]) for one in played]


def pass_cycles(program: Program, runs: list[Run]) -> list[int]:
    """Cycles of each run, to the last token that it emits."""
    return [run_emissions(program.queues, program.config, run)[-1] for run in runs]


def speculation(
    observed: dict[str, Any], predicted: list[int], alone: OneColumn, columns: int, tokens_per_s: float
) -> Speculation:
    """The record of what drafts gave, from what the bench observed and the cycles predicted of each pass."""
    asked, played = passes_of(observed), observed["passes"]
    drafted = sum(one.drafted for one in asked)
    right = [right_drafts(one.drafts, found["tokens"]) for one, found in zip(asked, played, strict=True)]
    accepted = sum(min(one, found["kept"]) for one, found in zip(right, played, strict=True))
    return Speculation(
        columns=columns,
        passes=len(asked),
        tokens_per_pass=len(observed["tokens"]) / len(asked),
        drafted=drafted,
        accepted=accepted,
        acceptance=accepted / drafted if drafted else 0.0,
        one_column_cycles_per_token=alone.cycles,
        one_column_clock_hz=alone.clock_hz,
        one_column_tokens_per_s=alone.tokens_per_s,
        gain=tokens_per_s / alone.tokens_per_s,
        pass_cycles=tuple(one["cycles"] for one in played),
        predicted_pass_cycles=tuple(predicted),
    )
