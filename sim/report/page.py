"""The page itself: a template filled with tables and pictures."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from string import Template
from typing import Any

from devicemodels.row import Row
from sim.measurement import Measurement
from sim.report.charts import breakdown, density_chart
from sim.report.headline import Figure, headline
from sim.report.machines import MACHINES
from sim.report.svg import inline_svg
from sim.report.units import number, three_digits, with_unit

REPORT_NAME = "report.html"
MANIFEST_NAME = "manifest.json"
_TEMPLATE = Path(__file__).with_name("page.html")


def write_report(measurement: Measurement, rows: Sequence[Row], folder: Path) -> Path:
    """Write ``report.html`` into ``folder`` and return its path.

    The file needs nothing beside it and names no address. What ``manifest.json`` in ``folder`` says, if it is there,
    stands at the end. The page appears under its name only when it is complete.
    """
    path = folder / REPORT_NAME
    unfinished = path.with_suffix(".part")
    unfinished.write_text(render(measurement, rows, _read_manifest(folder)), encoding="utf-8")
    os.replace(unfinished, path)
    return path


def render(m: Measurement, rows: Sequence[Row], manifest: Mapping[str, Any]) -> str:
    """The page as text."""
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{m.design} decoding {m.model}"),
        heading=escape(f"{m.design} decoding {m.model}"),
        under=escape(f"{len(m.tokens)} tokens, simulated with {m.simulator}"),
        alarm=_alarm(m),
        cards="".join(_card(figure.name, figure.value, figure.note) for figure in headline(m)[:3]),
        text=f'<span class="given">{escape(m.prompt)}</span>{escape(m.text)}',
        figures="".join(_figure_row(figure) for figure in headline(m)),
        machines="".join(_machine_rows()),
        rows="".join(_chain_rows(rows)),
        manifest=_table_rows(_flatten(manifest or {"run folder": m.run_folder})),
        **_pictures(m),
    )


def _pictures(m: Measurement) -> dict[str, str]:
    return {
        "density_chart": inline_svg(density_chart(m), "density", "Bandwidth density beside published machines"),
        "phase_chart": inline_svg(breakdown(m.phase_cycles, _cycles), "phases", "Cycles of a token by phase"),
        "area_chart": inline_svg(breakdown(m.area_mm2, _mm2), "area", "Area of the tile by part"),
        "energy_chart": inline_svg(breakdown(m.energy_j, _joule), "energy", "Energy of a token by part"),
        "step_cycles": f"{number(sum(m.phase_cycles.values()))} cycles",
        "tile_area": _mm2(m.tile_area_mm2),
        "token_energy": _joule(m.energy_per_token_j),
    }


def _cycles(value: float) -> str:
    return number(round(value))


def _mm2(value: float) -> str:
    return f"{number(value)} mm²"


def _joule(value: float) -> str:
    return with_unit(value, "J")


def _alarm(m: Measurement) -> str:
    wrong = []
    if not m.golden_equal:
        wrong.append("the tokens differ from the golden model's")
    if not m.cycles_equal:
        wrong.append(f"{m.simulated_cycles:,} cycles were simulated and {m.predicted_cycles:,} predicted")
    return f'<p class="alarm">This run is not valid: {" and ".join(wrong)}.</p>' if wrong else ""


def _card(name: str, value: str, note: str) -> str:
    return f'<div class="card"><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(note)}</span></div>'


def _figure_row(figure: Figure) -> str:
    return (
        f'<tr><td>{escape(figure.name)}</td><td class="value">{escape(figure.value)}'
        f'<span class="note">{escape(figure.note)}</span></td><td>{escape(figure.definition)}</td></tr>'
    )


def _machine_rows() -> Iterator[str]:
    for machine in MACHINES:
        sum_text = f"{number(machine.bandwidth_tb_per_s)} ÷ {number(machine.die_mm2)}"
        cells = (machine.memory, sum_text, machine.source)
        yield (
            f'<tr><td>{escape(machine.name)}</td><td class="value">{three_digits(machine.density_tb_per_s_mm2)}</td>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            + "</tr>"
        )


def _chain_rows(rows: Sequence[Row]) -> Iterator[str]:
    for group, members in groupby(rows, key=attrgetter("group")):
        yield f'<tr><th colspan="4" class="group">{escape(group.capitalize())}</th></tr>'
        yield from (_chain_row(row) for row in members)


def _chain_row(row: Row) -> str:
    name, value = row.name.replace("_", " "), with_unit(row.value, row.unit)
    return (
        f'<tr><td>{escape(name)}</td><td class="value">{escape(value)}</td>'
        f'<td><span class="kind {escape(row.kind)}">{escape(row.kind)}</span></td><td>{escape(row.source)}</td></tr>'
    )


def _table_rows(pairs: Iterable[tuple[str, str]]) -> str:
    cells = ((escape(key), escape(value)) for key, value in pairs)
    return "".join(f'<tr><td class="key">{key}</td><td class="plain">{value}</td></tr>' for key, value in cells)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name}: ")
        else:
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST_NAME
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
