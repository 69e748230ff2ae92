"""Measured rows of the project's selection, and the model's prediction beside each."""

import csv
from dataclasses import dataclass
from pathlib import Path

from sim.system.evaluate import Answer, evaluate
from sim.system.limits import roofline, speed_of_light
from sim.system.plan import build_system
from sim.system.rate import System
from sim.system.serve import Request

FOLDER = Path(__file__).parent / "measured"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A published measurement.

    Attributes
    ----------
    machine, engine, model, chips, bits : what was measured
    input, output, users, columns : what was asked
    latency : seconds until all is answered, or 0
    rate : tokens per second of one user while decoding, or 0
    use : "fit" if constants were fitted to it, else "predict"
    genz : seconds by genz-llm, or 0
    source, where : key of docs/references.bib, and the place in it
    """

    machine: str
    engine: str
    model: str
    chips: int
    bits: float
    input: int
    output: int
    users: int
    latency: float
    rate: float
    use: str
    genz: float
    source: str
    where: str

    @property
    def platform(self) -> tuple[str, str]:
        """Machine and engine."""
        return self.machine, self.engine

    @property
    def request(self) -> Request:
        """What was asked."""
        return Request(input=self.input, output=self.output, users=self.users)

    def system(self) -> System:
        """The system that was measured."""
        return build_system(self.machine, self.model, chips=self.chips, engine=self.engine, bits=self.bits)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A row and what the model says; `value` is in seconds, or in tokens per second where the row is.

    `flagged`: the row implies more than the machine can do, so it holds fewer or cheaper steps than tokens.
    """

    row: Row
    predicted: float
    measured: float
    limit: float
    roofline: float
    flagged: bool

    @property
    def error(self) -> float:
        """Predicted over measured, less one."""
        return self.predicted / self.measured - 1


def load_rows(name: str) -> list[Row]:
    """Rows of `measured/<name>.csv`."""
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as lines:
        return [_row(fields) for fields in csv.DictReader(line for line in lines if not line.startswith("#"))]


WHOLE = ("chips", "input", "output", "users")
NUMBERS = ("bits", "latency", "rate", "genz")


def _row(fields: dict[str, str]) -> Row:
    values: dict = dict(fields)
    values |= {key: int(fields[key]) for key in WHOLE} | {key: float(fields[key] or 0) for key in NUMBERS}
    return Row(**values)


def compare(row: Row, system: System | None = None) -> Compared:
    """A row beside the model, on the system given (for other constants) or the shipped one."""
    system = system or row.system()
    result, light, roof = (
        evaluate(system, row.request),
        speed_of_light(system, row.request),
        roofline(system, row.request),
    )
    if row.rate:
        return _rates(row, result, row.output / light, row.output / roof)
    return Compared(
        row=row, predicted=result.service.latency, measured=row.latency, limit=light, roofline=roof,
        flagged=row.latency < light,
    )  # fmt: skip


def _rates(row: Row, result: Answer, light: float, roof: float) -> Compared:
    return Compared(
        row=row, predicted=1 / result.token, measured=row.rate, limit=light, roofline=roof, flagged=row.rate > light
    )


def mean_error(compared: list[Compared]) -> float:
    """Mean absolute error of rows that are neither flagged nor fitted."""
    errors = [abs(one.error) for one in compared if not one.flagged and one.row.use == "predict"]
    return sum(errors) / len(errors)
