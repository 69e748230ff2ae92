"""The tables of docs/macro_comparison.md: ``python docs/peers/macro_table.py`` makes them anew and puts them there."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from devicemodels.errors import UserError
from devicemodels.macro.answer import Answer, answer, complete, evaluate, with_value
from devicemodels.macro.band import Band
from devicemodels.macro.query import MacroQuery
from devicemodels.macro.silicon import (
    FIGURE_CLASSES,
    FITTED,
    SiliconMacro,
    left_out_logs,
    model_error,
    silicon_macros,
)

HERE = Path(__file__).parent
PAGE = HERE.parent / "macro_comparison.md"
FIGURES = {
    "area_mm2": "area, mm²",
    "read_access_ns": "read, ns",
    "read_energy_pj_per_bit": "read, pJ/bit",
    "write_energy_pj_per_bit": "write, pJ/bit",
    "leakage_mw": "leakage, mW",
}


def peers() -> dict[str, Any]:
    """What the other tools said, with the queries that they were asked."""
    return tomllib.loads((HERE / "macro_tools.toml").read_text(encoding="utf-8"))


def number(value: float) -> str:
    """Three digits, without an exponent where people would not write one."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def banded(band: Band) -> str:
    """A figure with its band."""
    return f"**{number(band.nominal)}** ({number(band.low)} to {number(band.high)})"


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tools_table() -> str:
    """Ours with its band beside the other tools, one line for each of their answers."""
    rows, refusals = [], []
    for asked in peers()["row"]:
        try:
            ours: Answer | None = answer(MacroQuery(**asked["query"]))
        except UserError as error:
            ours = None
            refusals.append(f"- {asked['title']}: refused, since {error}.")
        cells = [banded(ours.bands[key]) if ours else "refused" for key in FIGURES]
        rows.append([f"**{asked['title']}**", "Spinstream", *cells])
        for tool, said in asked["answers"].items():
            rows.append(["", tool, *(number(said[key]) if key in said else "" for key in FIGURES)])
        if ours:
            rows.append(["", "*all*", *(spread(asked, ours, key) for key in FIGURES)])
    notes = [f"- {asked['title']}: {asked['note']}." for asked in peers()["row"] if asked["note"]]
    return markdown(["Query", "Tool", *FIGURES.values()], rows) + "\n\n" + "\n".join(notes + refusals)


def spread(asked: dict[str, Any], ours: Answer, key: str) -> str:
    """From the lowest to the highest of all answers, our band included: what a user of all tools would know."""
    said = [other[key] for other in asked["answers"].values() if key in other]
    if not said:
        return ""
    low, high = min([ours.bands[key].low, *said]), max([ours.bands[key].high, *said])
    return f"*{number(low)} to {number(high)}*"


def sensitivity_table() -> str:
    """One change at a time: read time over that of the base, ours and NVSim's."""
    query = MacroQuery(**next(row["query"] for row in peers()["row"] if "54 F²" in row["title"]))
    setup, said = complete(query), peers()["sensitivity"]
    junction, cell = setup.sheets.mtj, setup.sheets.cell
    changed = {
        "TMR 10 %": {"mtj": with_value(junction, "tmr_zero_bias", 0.1)},
        "TMR 50 %": {"mtj": with_value(junction, "tmr_zero_bias", 0.5)},
        "TMR 300 %": {"mtj": with_value(junction, "tmr_zero_bias", 3.0)},
        "R_P 10 kohm": {"mtj": with_value(junction, "resistance_area", 10 / 3 * junction.device.resistance_area)},
        "access transistor of 2 F": {"cell": with_value(cell, "access_fingers", 0.2)},
        "300 K": {},
    }
    base, _ = evaluate(setup.sheets, setup.organisation, setup.temperature)
    rows = []
    for name, parts in changed.items():
        kelvin = 300.0 if name == "300 K" else setup.temperature
        macro, limits = evaluate(replace(setup.sheets, **parts), setup.organisation, kelvin)
        change = macro.read_access / base.read_access - 1
        ours = f"{change:+.0%}" if math.isfinite(change) else "cannot be read"
        broken = [one.name for one in limits if not one.holds.all()]
        ours += f"; refused: {broken[0]}" if broken else ""
        theirs = said["read_access_ns"].get(name)
        rows.append([name, ours, f"{theirs / said['base'] - 1:+.1%}" if theirs else ""])
    return markdown(["Change", "Spinstream", "NVSim"], rows)


def query_of(macro: SiliconMacro) -> MacroQuery:
    """A published macro as a query: what its source gives, and nothing else."""
    same = ("kind", "node", "capacity_bits", "check_bits", "cell_area_um2", "supply_v", "temperature_k", "tmr", "cell")
    return MacroQuery(word_bits=macro.data_bits, name=macro.name, **{key: getattr(macro, key) for key in same})


def published(macro: SiliconMacro) -> dict[str, float]:
    """The figures that a source gives, by the names of an answer."""
    given = {
        "read_access_ns": macro.read_access_ns,
        "read_cycle_ns": macro.read_cycle_ns,
        "read_energy_pj_per_bit": macro.read_energy_pj_per_bit,
        "area_mm2": macro.area_um2 and macro.area_um2 / 1e6,
    }
    return {key: value for key, value in given.items() if value is not None}


def is_fitted(macro: SiliconMacro, key: str) -> bool:
    """Whether a constant was fitted to this figure of this macro."""
    figure = key.rpartition("_ns")[0] or key.rpartition("_pj_per_bit")[0] or key.rpartition("_mm2")[0]
    constants = [name for name, (_, kind, of, _) in FITTED.items() if kind == macro.kind and of == figure]
    return any(name not in macro.not_fitted for name in constants)


def compared() -> Iterator[tuple[SiliconMacro, str, float, Band | None]]:
    """Macro, figure, silicon and our band (None if ours refuses to build it), for every published figure."""
    for macro in silicon_macros():
        try:
            bands: Mapping[str, Band] = answer(query_of(macro)).bands
        except UserError:
            bands = {}
        for key, value in published(macro).items():
            yield macro, key, value, bands.get(key)


def silicon_table() -> str:
    """Every published figure beside our answer, whether a constant was fitted to it, and whether the band covers it."""
    rows, inside = [], {True: [], False: []}
    for macro, key, value, band in compared():
        fitted, covered = is_fitted(macro, key), band is not None and band.low <= value <= band.high
        inside[fitted].append(covered)
        name, label = f"{macro.name} {{cite:p}}`{macro.source}`", FIGURES.get(key, "cycle, ns")
        ours = [banded(band), f"{band.nominal / value - 1:+.0%}"] if band else ["refused", ""]
        rows.append([name, label, number(value), *ours, "yes" if fitted else "no", "yes" if covered else "**no**"])
    columns = ["Macro", "Figure", "Silicon", "Spinstream", "Deviation", "Fitted", "In the band"]
    said = (f"{sum(inside[fitted])} of {len(inside[fitted])}" for fitted in (True, False))
    covers = "The band covers {} figures to which a constant was fitted, and {} others; {} if it knows nothing of them."
    return f"{markdown(columns, rows)}\n\n{covers.format(*said, left_out_coverage())}"


def left_out_coverage() -> str:
    """How many figures lie in the band of a model whose constants and errors are those of all the other macros."""
    covered = []
    for macro in silicon_macros():
        errors = {of: model_error(macro.kind, of, without=macro.name) for of in FIGURE_CLASSES}
        found = answer(query_of(macro), model_errors=errors).bands
        for figure, log in left_out_logs(macro).items():
            one = next(band for key, band in found.items() if key.startswith(figure))
            covered.append(one.low <= one.nominal * math.exp(-log) <= one.high)
    return f"{sum(covered)} of {len(covered)}"


def filled(page: str) -> str:
    """The page with each table, which stands between two comments that name it, made anew."""
    makers = {"tools": tools_table, "sensitivity": sensitivity_table, "silicon": silicon_table}
    for name, make in makers.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{make()}\n{end}{rest.partition(end)[2]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
