"""Where the constants of the engines' sheets come from: three rows of each platform, all platforms together.

``python -m sim.system.calibrate`` prints the constants and, row by row, what a fit without that row says of it.
Fifteen rows and fourteen constants: each platform has its own time per layer and (where it was measured) per
synchronised layer; the rest belongs to the engine. A weak prior keeps constants that few rows tell of where they are
plausible; its weight is such that a prior spread costs as much as 3 % of a row's latency.
"""

import math
from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares

from devicemodels.errors import UserError
from sim.system.machine import Engine
from sim.system.measured_rows import Compared, Row, compare, load_rows
from sim.system.plan import check_room
from sim.system.rate import System

PRIOR_WEIGHT = 0.03

PRIORS = {
    "layer_time": (50e-6, 30e-6),
    "sync_time": (30e-6, 15e-6),
    "step_time": (1e-3, 0.5e-3),
    "attention_cycles": (17.0, 8.0),
    "sequence_time": {"tensorrt-llm": (10e-6, 10e-6), "vllm": (50e-6, 25e-6)},
    "reserved": {"tensorrt-llm": (5e9, 1.5e9), "vllm": (2e9, 1e9)},
}
"""Expected value and spread: kernels of a layer last 5 to 10 us and there are eight; an all-reduce 10 to 20 us, two a
layer; a Python scheduler's step a millisecond; a dot product of 128 a dozen cycles."""

NO_ROOM = 3.0
"""Error, as a logarithm, of constants under which a measured row would have no room."""

OWN = ("layer_time", "sync_time")
SHARED = {
    "tensorrt-llm": ("attention_cycles", "sequence_time", "reserved"),
    "vllm": ("attention_cycles", "sequence_time", "reserved", "step_time"),
}
BORROWED = {("gh200", "sync_time"): "h100"}
"""A GH200 was measured alone: what it would take to synchronise is the H100's."""

Key = tuple[str, str, str]
"""Machine (or "" for all), engine, constant."""


def keys(rows: list[Row]) -> list[Key]:
    """Constants that the rows are to determine."""
    platforms = sorted({row.platform for row in rows})
    own = [(m, e, name) for m, e in platforms for name in OWN if (m, name) not in BORROWED]
    return own + [("", engine, name) for engine in sorted({e for _, e in platforms}) for name in SHARED[engine]]


def prior(key: Key) -> tuple[float, float]:
    """Expected value and spread of a constant."""
    value = PRIORS[key[2]]
    return value[key[1]] if isinstance(value, dict) else value


def with_constants(system: System, row: Row, constants: dict[Key, float]) -> System:
    """The row's system with other constants."""
    changes = {}
    for name in (*OWN, *SHARED[row.engine]):
        machine = BORROWED.get((row.machine, name), row.machine)
        changes[name] = constants[(machine if name in OWN else "", row.engine, name)]
    engine: Engine = replace(system.engine, **changes)
    return replace(system, engine=engine)


def fit(rows: list[Row], among: list[Row] | None = None) -> dict[Key, float]:
    """Constants that minimise the squared relative errors of the rows; `among`: rows that say which constants exist.

    The memory that an engine reserves acts in whole sequences, so it is searched on a grid around the rest.
    """
    names = keys(among or rows)
    smooth = [key for key in names if key[2] != "reserved"]
    systems = [row.system() for row in rows]
    constants = {key: prior(key)[0] for key in names}
    for _ in range(2):
        constants |= _fit_smooth(rows, systems, smooth, constants)
        for key in names:
            if key[2] == "reserved":
                constants[key] = _search(rows, systems, constants, key)
    return constants


def _cost(rows, systems, constants) -> np.ndarray:
    """Relative errors of the rows, as logarithms, array [rows]."""
    pairs = zip(rows, systems, strict=True)
    return np.array([_log_error(row, with_constants(system, row, constants)) for row, system in pairs])


def _log_error(row: Row, system: System) -> float:
    try:
        check_room(system, row.request.largest)
    except UserError:
        return NO_ROOM
    one = compare(row, system)
    return math.log(one.predicted / one.measured)


def _fit_smooth(rows, systems, smooth, constants) -> dict[Key, float]:
    centre, spread = np.array([prior(key) for key in smooth]).T

    def residuals(scaled):
        values = constants | dict(zip(smooth, centre + scaled * spread, strict=True))
        return np.concatenate([_cost(rows, systems, values), PRIOR_WEIGHT * scaled])

    found = least_squares(residuals, np.zeros(len(smooth)), bounds=(-centre / spread, np.inf))
    return dict(zip(smooth, (centre + found.x * spread).tolist(), strict=True))


def _search(rows, systems, constants, key: Key) -> float:
    """Middle of the best stretch of a grid of reserved memory, prior included."""
    centre, spread = prior(key)
    grid = np.arange(0.5e9, 8.01e9, 0.25e9)
    costs = [
        (_cost(rows, systems, constants | {key: float(x)}) ** 2).sum() + (PRIOR_WEIGHT * (x - centre) / spread) ** 2
        for x in grid
    ]
    return float(grid[int(np.argmin(costs))])


def leave_one_out(rows: list[Row]) -> list[Compared]:
    """Each row as a fit without it predicts it."""
    result = []
    for left in rows:
        constants = fit([row for row in rows if row is not left], among=rows)
        result.append(compare(left, with_constants(left.system(), left, constants)))
    return result


def main() -> None:
    """Print the constants and the fitted rows' errors when left out."""
    rows = [row for row in load_rows("gpus") if row.use == "fit"]
    for key, value in fit(rows).items():
        print(f"{key[0] or 'all':6} {key[1]:13} {key[2]:17} {value:.3g}")
    for one in leave_one_out(rows):
        row = one.row
        print(
            f"{row.machine:6} {row.engine:13} {row.model:12} {row.chips} x {row.input:5} {row.users:3} {one.error:+.1%}"
        )


if __name__ == "__main__":
    main()
