"""Published macros beside the model, and what the fitted constants owe to each of them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.macro.limits import Limit
from devicemodels.macro.memory_macro import MemoryMacro
from devicemodels.macro.mram import evaluate_mram
from devicemodels.macro.mram_cell import load_mram_cell
from devicemodels.macro.organisation import usual_organisation
from devicemodels.macro.sheets import bank_sheets
from devicemodels.macro.sram import evaluate_sram
from devicemodels.technology import load_technology

MACROS = Path(__file__).with_suffix(".toml")

FITTED = {
    "timing_guard": ("periphery", "mram", "read_access", (0.8, 4.0)),
    "phase_gates": ("sense", "mram", "read_energy", (0.0, 300.0)),
    "array_overhead": ("cell", "mram", "area", (0.0, 3.0)),
}
"""Each fitted constant: the part of a bank that has it, the kind of macro and the figure to which it is fitted, and the
range in which it is sought.
"""


@dataclass(frozen=True, kw_only=True)
class SiliconMacro:
    """One published macro: what it is, and the figures that its source gives, in the units of `silicon.toml`.

    `assumed` names the inputs that the source does not give, `not_fitted` the constants that this row is no measure of.
    """

    name: str
    source: str
    where: str
    kind: str
    node: str
    capacity_bits: int
    data_bits: int
    assumed: tuple[str, ...]
    not_fitted: tuple[str, ...] = ()
    check_bits: int = 0
    cell: str | None = None
    cell_area_um2: float | None = None
    supply_v: float | None = None
    temperature_k: float
    tmr: float | None = None
    read_access_ns: float | None = None
    read_cycle_ns: float | None = None
    read_energy_pj_per_bit: float | None = None
    area_um2: float | None = None

    @property
    def measured(self) -> dict[str, float]:
        """Figures in SI units by their names in `MemoryMacro`; energies are per word."""
        bits = self.data_bits + self.check_bits
        given = {
            "read_access": (self.read_access_ns, 1e-9),
            "read_cycle": (self.read_cycle_ns, 1e-9),
            "read_energy": (self.read_energy_pj_per_bit, 1e-12 * bits),
            "area": (self.area_um2, 1e-12),
        }
        return {name: value * unit for name, (value, unit) in given.items() if value is not None}


def silicon_macros() -> tuple[SiliconMacro, ...]:
    """All published macros."""
    rows = tomllib.loads(MACROS.read_text(encoding="utf-8"))["macro"]
    listed = ("assumed", "not_fitted")
    return tuple(SiliconMacro(**{**row, **{key: tuple(row.get(key, ())) for key in listed}}) for row in rows)


def evaluated(
    macro: SiliconMacro, *, part: str = "", field: str = "", value: ArrayLike = 0.0
) -> tuple[MemoryMacro, tuple[Limit, ...]]:
    """What the model says of a macro, from the query's numbers alone, and the limits of building it.

    `field` of `part` may be set to a `value`, or to an array of them.
    """
    sheets = bank_sheets(macro.kind, "22nm" if macro.cell else macro.node)
    parts = {"technology": load_technology(macro.node).device, "cell": sheets.cell.device}
    parts["periphery"] = sheets.periphery.device
    if macro.kind == "mram":
        parts |= {"mtj": sheets.mtj.device, "sense": sheets.sense.device}
    if macro.cell:
        parts["cell"] = load_mram_cell(macro.cell).device
    given = {
        ("cell", "area"): macro.cell_area_um2 and macro.cell_area_um2 * 1e-12,
        ("technology", "supply"): macro.supply_v,
        ("mtj", "tmr_zero_bias"): macro.tmr,
        (part, field): value if field else None,
    }
    for (name, key), number in given.items():
        if number is not None:
            parts[name] = replace(parts[name], **{key: number})
    size = {"capacity_bits": macro.capacity_bits, "data_bits": macro.data_bits, "check_bits": macro.check_bits}
    build = evaluate_mram if macro.kind == "mram" else evaluate_sram
    layout = usual_organisation(**size, kind=macro.kind)
    return build(**parts, organisation=layout, temperature=macro.temperature_k)


def deviations(macro: SiliconMacro) -> dict[str, float]:
    """Model over silicon less one, by figure."""
    model, _ = evaluated(macro)
    return {name: getattr(model, name) / value - 1 for name, value in macro.measured.items()}


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A constant at which the median of ln(model / silicon) over the macros is zero.

    `deviation` is model over silicon less one at that value, by macro; `left_out` the same with the constant fitted to
    all the other macros: what the fit owes to that one. Empty for a single macro.
    """

    value: float
    deviation: Mapping[str, float]
    left_out: Mapping[str, float]


@cache
def fit(constant: str) -> Fit:
    """Fit a constant of `FITTED` to all macros whose source gives its figure."""
    part, kind, figure, span = FITTED[constant]
    rows = [m for m in silicon_macros() if m.kind == kind and figure in m.measured and constant not in m.not_fitted]
    values = np.linspace(*span, 201)
    models = [evaluated(m, part=part, field=constant, value=values)[0] for m in rows]
    logs = np.array([np.log(getattr(p, figure) / m.measured[figure]) for p, m in zip(models, rows, strict=True)])

    def best(chosen: NDArray) -> float:
        return float(np.interp(0.0, np.median(chosen, axis=0), values))

    def at(row: int, value: float) -> float:
        return float(np.expm1(np.interp(value, values, logs[row])))

    value = best(logs)
    others = {m.name: at(k, best(np.delete(logs, k, axis=0))) for k, m in enumerate(rows)} if len(rows) > 1 else {}
    return Fit(value=value, deviation={m.name: at(k, value) for k, m in enumerate(rows)}, left_out=others)


FIGURE_CLASSES = {"time": ("read_access", "read_cycle"), "energy": ("read_energy",), "area": ("area",)}
"""Figures by what the model's error is taken to be one of."""


def left_out_logs(macro: SiliconMacro) -> dict[str, float]:
    """ln(model / silicon) by figure, the constant of a figure fitted to all the other macros.

    A figure whose constant rests on this macro alone says nothing of the model, and is left out.
    """
    logs = {name: float(np.log1p(off)) for name, off in deviations(macro).items()}
    for constant, (_, kind, figure, _) in FITTED.items():
        if kind == macro.kind and figure in logs and constant not in macro.not_fitted:
            others = fit(constant).left_out
            logs = {name: log for name, log in logs.items() if name != figure or others}
            logs |= {figure: float(np.log1p(others[macro.name]))} if others else {}
    return logs


def model_error(kind: str, figure_class: str, *, without: str = "") -> float:
    """Root mean square of `left_out_logs` over the macros, but for the one named `without`.

    Areas are those of the kind: their cells and overheads are other constants. Time and energy are of both kinds.
    """
    rows = [m for m in silicon_macros() if m.name != without and (figure_class != "area" or m.kind == kind)]
    figures = FIGURE_CLASSES[figure_class]
    logs = [log for m in rows for name, log in left_out_logs(m).items() if name in figures]
    return float(np.sqrt(np.mean(np.square(logs))))
