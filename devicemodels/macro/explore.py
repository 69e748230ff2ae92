"""Search of a bank's organisation and sizing: every combination evaluated, the illegal counted, the best kept."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devicemodels.error_correction import secded
from devicemodels.errors import UserError
from devicemodels.macro.answer import evaluate, with_value
from devicemodels.macro.figures import UNITS, figures
from devicemodels.macro.limits import legal
from devicemodels.macro.memory_macro import MemoryMacro
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.pareto import pareto_front
from devicemodels.macro.sheets import BankSheets
from devicemodels.quantities import Kelvin

RISING = {"density_mb_per_mm2", "bandwidth_gb_per_s", "bandwidth_density_tb_per_s_mm2", "yield"}
"""Figures of which more is better; of the others, less is."""

BLOCK = 8192
"""Points evaluated at once: a bound on memory, and how often progress is shown."""

AXES = ("word_bits", "banks", "words", "rows", "mux", "amplifier_scale", "read_voltage_scale", "diameter_scale")
"""Choices of a point."""

FIGURES = (*UNITS, "power_density_w_per_mm2", "yield")
"""Figures of a point: objectives, and what bounds may be set on."""

LARGEST_WASTE = 1 / 8
"""Share of the words by which subarrays may hold more than they must."""

AMPLIFIER = {
    "mram": (("sense", "input_pitches"),),
    "sram": (("cell", "amplifier_input_width"), ("cell", "amplifier_total_width")),
}
"""Fields of the sense amplifier that its scale multiplies."""

Columns = dict[str, NDArray[Any]]
"""Arrays of equal length by name: a table of points."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """What is searched: every combination of the axes.

    `capacity_bits` of data lie in a number of equal banks, each of which delivers a word of its own. `check_bits` go
    with every word; if `None`, those of a SEC-DED code of the word. The scales multiply the sheets' values: the width
    of the sense amplifier's input pair and of the whole amplifier; the read voltage; the junction's diameter. An SRAM
    has only the first of them.
    """

    capacity_bits: int
    temperature: Kelvin
    word_bits: tuple[int, ...]
    banks: tuple[int, ...]
    check_bits: int | None = None
    rows: tuple[int, ...] = (16, 32, 64, 128, 256, 512, 1024)
    mux: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
    amplifier_scales: tuple[float, ...] = (0.5, 1.0, 2.0)
    read_voltage_scales: tuple[float, ...] = (0.8, 1.0, 1.2)
    diameter_scales: tuple[float, ...] = (0.9, 1.0, 1.1)

    def checks(self, data_bits: NDArray[np.int_]) -> NDArray[np.int_]:
        """Check bits of words."""
        if self.check_bits is not None:
            return np.full(len(data_bits), self.check_bits)
        by_word = {bits: secded(bits).check_bits for bits in self.word_bits}
        return np.array([by_word[bits] for bits in data_bits.tolist()])


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A limit on a figure that the user sets: at most `value`, or at least if not `below`."""

    figure: str
    below: bool
    value: float

    def holds(self, points: Columns) -> NDArray[np.bool_]:
        """Mask of the points within it."""
        return points[self.figure] <= self.value if self.below else points[self.figure] >= self.value


@dataclass(frozen=True, kw_only=True)
class Search:
    """Legal points of a space so far: `points` holds choices and figures; `refused` counts by the limit they break."""

    points: Columns
    evaluated: int
    total: int
    refused: Mapping[str, int]
    seconds: float


def search(space: Space, sheets: BankSheets) -> Iterator[Search]:
    """Evaluate the space block by block, with all legal points so far each time.

    Raises
    ------
    UserError
        The space is empty, the temperature is out of range, or the junction has no barrier.
    """
    began, found, refused = time.perf_counter(), [], Counter()
    choices = all_choices(space, sram=sheets.mtj is None)
    total = len(choices["rows"])
    for start in range(0, total, BLOCK):
        block = {name: column[start : start + BLOCK] for name, column in choices.items()}
        points, broken = evaluate_points(block, sheets, space.temperature)
        found.append(points)
        refused.update(broken)
        yield Search(
            points={name: np.concatenate([one[name] for one in found]) for name in points},
            evaluated=min(start + BLOCK, total),
            total=total,
            refused=dict(refused),
            seconds=time.perf_counter() - began,
        )


def all_choices(space: Space, *, sram: bool) -> Columns:
    """Every combination of the axes whose subarrays are full or nearly so.

    Raises
    ------
    UserError
        There is none: the capacity has no whole word for a bank, or no subarray is small enough for it.
    """
    one = (1.0,)
    axes = {
        "word_bits": space.word_bits,
        "banks": space.banks,
        "rows": space.rows,
        "mux": space.mux,
        "amplifier_scale": space.amplifier_scales,
        "read_voltage_scale": one if sram else space.read_voltage_scales,
        "diameter_scale": one if sram else space.diameter_scales,
    }
    grid = [np.ravel(values) for values in np.meshgrid(*map(np.array, axes.values()), indexing="ij")]
    columns = dict(zip(axes, grid, strict=True))
    columns["check_bits"] = space.checks(columns["word_bits"])
    words = columns["words"] = -(-space.capacity_bits // (columns["word_bits"] * columns["banks"]))
    subarray = columns["rows"] * columns["mux"]
    full = -(-words // subarray) * subarray <= words * (1 + LARGEST_WASTE)
    if not full.any():
        raise UserError(
            f"{space.capacity_bits} bits in {min(space.banks)} banks of {min(space.word_bits)} bits a word are at most "
            f"{words.max()} words, fewer than the {subarray.min()} of the smallest subarray; take fewer banks, a "
            "narrower word or a larger capacity"
        )
    return {name: column[full] for name, column in columns.items()}


def evaluate_points(choices: Columns, sheets: BankSheets, temperature: Kelvin) -> tuple[Columns, dict[str, int]]:
    """Choices and figures of the points that can be built, and how many break each limit."""
    layout = Organisation(
        words=choices["words"],
        data_bits=choices["word_bits"],
        check_bits=choices["check_bits"],
        rows=choices["rows"],
        mux=choices["mux"],
    )
    macro, limits = evaluate(_sized(sheets, choices), layout, temperature)
    mask = legal(limits)
    with np.errstate(divide="ignore", invalid="ignore"):  # of points that are left out
        columns = choices | all_figures(macro, choices["banks"])
    points = {name: column[mask] for name, column in columns.items()}
    return points, {one.name: int((~one.holds).sum()) for one in limits if not one.holds.all()}


def _sized(sheets: BankSheets, choices: Columns) -> BankSheets:
    """The sheets with the scaled sizes put in, as arrays."""
    scaled = AMPLIFIER["sram" if sheets.mtj is None else "mram"]
    changes = [(part, field, "amplifier_scale") for part, field in scaled]
    if sheets.mtj is not None:
        changes += [("cell", "read_voltage", "read_voltage_scale"), ("mtj", "diameter", "diameter_scale")]
    for part, field, scale in changes:
        sheet = getattr(sheets, part)
        sheets = replace(sheets, **{part: with_value(sheet, field, getattr(sheet.device, field) * choices[scale])})
    return sheets


def all_figures(macro: MemoryMacro, banks: NDArray[np.int_]) -> Columns:
    """Figures of all banks together: those of `figures`, power density and yield."""
    one = figures(macro)
    energy_rate = macro.read_energy / macro.read_cycle
    return {
        **one,
        **{name: one[name] * banks for name in ("area_mm2", "bandwidth_gb_per_s", "leakage_mw")},
        "power_density_w_per_mm2": (energy_rate + macro.leakage) / (macro.area * 1e6),
        "yield": macro.array_yield**banks,
    }


def front(points: Columns, *, objectives: Sequence[str], bounds: Sequence[Bound]) -> NDArray[np.int_]:
    """Indices of the Pareto front among the points within all bounds, the best in the first objective first."""
    within = np.flatnonzero(
        np.logical_and.reduce([np.full(len(points["rows"]), True), *(b.holds(points) for b in bounds)])
    )
    costs = np.column_stack([points[name][within] * (-1 if name in RISING else 1) for name in objectives])
    mask = pareto_front(costs)
    return within[mask][np.lexsort(costs[mask].T[::-1])]
