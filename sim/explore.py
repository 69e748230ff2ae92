"""``spinstream explore``: a design's bank searched over organisation and sizing; the best shown, drawn, written."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from devicemodels.errors import UserError
from devicemodels.macro.explore import AXES, FIGURES, Bound, Columns, Search, Space, front, search
from devicemodels.macro.query import node_name
from devicemodels.macro.sheets import BankSheets, bank_sheets
from rtl.memory.secded import check_bits
from sim.chain import load_sheets, weight_bank
from sim.console import Progress, output, table
from sim.design import ALONE, OPTIONAL, Design, MemoryChoice, Sheets, load_design

OBJECTIVES = ("bandwidth_density_tb_per_s_mm2", "density_mb_per_mm2", "read_energy_pj_per_bit")
COLUMNS = {
    "word_bits": "word", "banks": "banks", "words": "words", "rows": "rows", "mux": "mux",
    "amplifier_scale": "amp.", "read_voltage_scale": "V read", "diameter_scale": "diam.",
    "bandwidth_density_tb_per_s_mm2": "TB/s/mm²", "density_mb_per_mm2": "Mb/mm²", "power_density_w_per_mm2": "W/mm²",
    "read_energy_pj_per_bit": "pJ/bit", "read_access_ns": "access ns", "read_cycle_ns": "cycle ns",
    "area_mm2": "mm²", "read_error_rate": "read errors", "yield": "yield",
}  # fmt: skip
LONGEST_TABLE = 20
MOST_BANKS = 4096

_BOUND = re.compile(r"\s*(\w+)\s*(<=?|>=?)\s*(\S+)\s*")
_CAPACITY = re.compile(r"\s*([\d.]+)\s*([kMG]?)(b|B)\s*")
_PREFIXES = {"": 1, "k": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """A finished search: all legal points, the indices of the front (best first), and the chosen one, if any."""

    title: str
    space: Space
    found: Search
    front: np.ndarray
    objectives: tuple[str, ...]

    @property
    def chosen(self) -> int | None:
        """Index of the best point in the first objective; `None` if the bounds leave no point."""
        return int(self.front[0]) if len(self.front) else None


def explore(
    design: Design,
    *,
    kind: str | None = None,
    node: str | None = None,
    capacity: str | None = None,
    words: Sequence[int] = (),
    banks: Sequence[int] = (),
    checks: int | None = None,
    temperature: float | None = None,
    limits: Sequence[str] = (),
    objectives: Sequence[str] = (),
    sizing: bool = True,
    progress: Progress,
) -> Exploration:
    """Search the bank of ``design``, of which anything given here takes the place.

    Without ``sizing``, amplifier, read voltage and diameter stay as the sheets say.

    Raises
    ------
    UserError
        An argument is wrong, or no point of the space can be built.
    """
    aims = tuple(_figure(name) for name in objectives) or OBJECTIVES
    bounds = [parse_bound(text) for text in limits]
    sheets = _sheets(design, kind, node)
    space = _space(design, capacity, words, banks, checks, temperature)
    if not sizing:
        space = replace(space, amplifier_scales=(1.0,), read_voltage_scales=(1.0,), diameter_scales=(1.0,))
    found = _run(space, sheets, progress)
    best = front(found.points, objectives=aims, bounds=bounds)
    title = f"{kind or design.memory.kind}, {sheets.technology.device.name}, {space.capacity_bits} bits"
    return Exploration(title=title, space=space, found=found, front=best, objectives=aims)


def parse_capacity(text: str) -> int:
    """Bits of "1Mb", "512kB" or "1048576b"; prefixes are powers of 1024.

    Raises
    ------
    UserError
        The text is not of that form, or not a whole number of bits.

    >>> parse_capacity("1Mb"), parse_capacity("512 kB"), parse_capacity("1.5kb")
    (1048576, 4194304, 1536)
    """
    found = _CAPACITY.fullmatch(text)
    try:
        bits = float(found[1]) * _PREFIXES[found[2]] * (8 if found[3] == "B" else 1) if found else 0.0
    except ValueError:
        bits = 0.0
    if bits < 1 or bits != int(bits):
        raise UserError(f"--capacity is '{text}', but it must be a whole number of bits such as 1Mb, 512kB or 4096b")
    return int(bits)


def parse_bound(text: str) -> Bound:
    """A bound such as "read_access_ns<3" or "yield>=0.99".

    Raises
    ------
    UserError
        The text is not of that form, or names no figure.
    """
    found = _BOUND.fullmatch(text)
    try:
        value = float(found[3]) if found else float("nan")
    except ValueError:
        value = float("nan")
    if found is None or value != value:
        raise UserError(f"--limit is '{text}', but it must be a figure, < or >, and a number: read_access_ns<3")
    return Bound(figure=_figure(found[1]), below=found[2].startswith("<"), value=value)


def _figure(name: str) -> str:
    if name in FIGURES:
        return name
    close = get_close_matches(name, FIGURES, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(FIGURES)}"
    raise UserError(f"there is no figure '{name}': {hint}")


def _sheets(design: Design, kind: str | None, node: str | None) -> BankSheets:
    """The design's own sheets, or those of another kind or node."""
    named = bank_sheets(kind or design.memory.kind, node_name(node or design.sheets.technology))
    if kind or node:
        return named
    own = load_sheets(design)
    if named.mtj is None:
        return replace(named, technology=own.technology, cell=own.sram_cell)
    return replace(named, technology=own.technology, mtj=own.mtj)


def _space(
    design: Design,
    capacity: str | None,
    words: Sequence[int],
    banks: Sequence[int],
    checks: int | None,
    temperature: float | None,
) -> Space:
    for option, least, values in (
        ("--word-bits", 1, words),
        ("--banks", 1, banks),
        ("--check-bits", 0, (checks or 0,)),
    ):
        if values and min(values) < least:
            raise UserError(f"{option} is {min(values)}, but must be at least {least}")
    bits = design.memory.words * design.format.word_bits if capacity is None else parse_capacity(capacity)
    widths = tuple(words) or (design.format.word_bits,)
    if min(widths) > bits:
        raise UserError(f"a word of {min(widths)} bits is wider than the array of {bits} bits; take a larger capacity")
    return Space(
        capacity_bits=bits,
        temperature=design.memory.temperature_k if temperature is None else temperature,
        word_bits=widths,
        banks=tuple(banks) or (1,),
        check_bits=checks if words or checks is not None else check_bits(design.format.word_bits),
        mux=(*range(1, 17), 24, 32),
    )


def _run(space: Space, sheets: BankSheets, progress: Progress) -> Search:
    found = None
    steps = search(space, sheets)
    while found is None or found.evaluated < found.total:
        done = "" if found is None else f": {found.evaluated} of {found.total}"
        with progress.step(f"Evaluate organisations{done}"):
            found = next(steps)
    if not len(found.points["rows"]):
        raise UserError(_nothing_legal(found))
    return found


def _nothing_legal(found: Search) -> str:
    reasons = ", ".join(f"{name} ({count})" for name, count in sorted(found.refused.items(), key=lambda item: -item[1]))
    return f"none of {found.evaluated} organisations can be built; limits and how many break them: {reasons}"


def choice_at(points: Columns, index: int) -> dict[str, Any]:
    """One point as plain numbers."""
    return {name: column[index].item() for name, column in points.items()}


def as_dict(one: Exploration) -> dict[str, Any]:
    """The search for programs: counts, rate, the front and the chosen point."""
    found = one.found
    return {
        "space": asdict(one.space),
        "objectives": list(one.objectives),
        "evaluated": found.evaluated,
        "legal": len(found.points["rows"]),
        "refused": dict(found.refused),
        "seconds": found.seconds,
        "organisations_per_s": found.evaluated / found.seconds,
        "front": [choice_at(found.points, index) for index in one.front],
        "chosen": None if one.chosen is None else choice_at(found.points, one.chosen),
    }


def show(one: Exploration) -> None:
    """The front for people, at most `LONGEST_TABLE` rows, and the counts."""
    found, console = one.found, output()
    columns = [name for name in COLUMNS if len(np.unique(found.points[name])) > 1 or name not in AXES]
    rows = [[_cell(found.points[name][index].item()) for name in columns] for index in _spread(one.front)]
    heads = [COLUMNS[name] for name in columns]
    console.print(table(f"Pareto front: {one.title}", heads, rows, right=heads))
    legal = len(found.points["rows"])
    rate = found.evaluated / found.seconds
    console.print(
        f"{found.evaluated} organisations in {found.seconds:.2f} s ({rate:,.0f} a second); {legal} can be built, "
        f"{len(one.front)} are on the front, {len(rows)} are shown; the first has the best {one.objectives[0]}.",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    if one.chosen is None:
        console.print("No point is within the limits: relax --limit.", highlight=False)


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"


def _spread(indices: np.ndarray) -> np.ndarray:
    """At most `LONGEST_TABLE` of them, evenly over the front, the first and the last among them."""
    if len(indices) <= LONGEST_TABLE:
        return indices
    return indices[np.linspace(0, len(indices) - 1, LONGEST_TABLE).round().astype(int)]


def draw(one: Exploration, path: Path) -> None:
    """Write the picture to a file of any kind that matplotlib knows.

    Raises
    ------
    UserError
        The file's ending names no such kind.
    """
    from sim.report.charts import STYLE
    from sim.report.explore_chart import explore_chart

    figure = explore_chart(one.found.points, title=one.title, front=one.front, chosen=one.chosen)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:] not in known:
        raise UserError(f"picture {path} must end in a kind that can be drawn, such as .svg or .png")
    with mpl.rc_context(STYLE):
        figure.savefig(path, dpi=150)


def check_writable(design: Design, widths: Sequence[int], banks: Sequence[int], checks: int | None) -> None:
    """Refuse to write what a design file cannot say.

    Raises
    ------
    UserError
        The word or its code is not that of a lane, or there are several banks.
    """
    bits = design.format.word_bits
    if set(widths) - {bits}:
        raise UserError(f"--write needs words of {bits} bits, which a lane takes; leave out --word-bits")
    if set(banks) - {1}:
        raise UserError("--write chooses one of a lane's banks; leave out --banks")
    if checks not in (None, check_bits(bits)):
        raise UserError(f"--write needs the lane's {check_bits(bits)} check bits a word; leave out --check-bits")


def write_design(one: Exploration, design: Design, path: Path, *, kind: str | None, node: str | None) -> Design:
    """Write ``design`` with the chosen bank to ``path`` and return it as it loads again.

    Raises
    ------
    UserError
        No point is within the limits, or the bank of the written design cannot be built.
    """
    if one.chosen is None:
        raise UserError(f"no point is within the limits, so there is no design to write to {path}; relax --limit")
    choice = choice_at(one.found.points, one.chosen)
    memory = MemoryChoice(
        kind=kind or design.memory.kind, banks_per_lane=design.memory.banks_per_lane, words=choice["words"],
        rows=choice["rows"], mux=choice["mux"], temperature_k=one.space.temperature, code="secded",
        reads=design.memory.reads,
    )  # fmt: skip
    sheets = design.sheets
    if node is not None:
        mtj = bank_sheets("mram", node_name(node)).mtj.device.name if memory.kind == "mram" else sheets.mtj
        sheets = Sheets(technology=node_name(node), mtj=mtj, sram_cell=node_name(node))
    written = replace(design, name=path.stem, memory=memory, sheets=sheets)
    weight_bank(written, load_sheets(written))
    path.write_text(design_text(written), encoding="utf-8")
    return load_design(path)


def design_text(design: Design) -> str:
    """A design as the TOML file that it is read from; paths of sheets become absolute."""
    named = {key: str(Path(v).resolve()) if v.endswith(".toml") else v for key, v in asdict(design.sheets).items()}
    head = _lines({"name": design.name, "description": design.description})
    tables = {"sheets": named, "memory": _chosen(design.memory), "format": asdict(design.format)}
    tables["tile"] = _chosen(design.tile)
    if design.chip != ALONE:
        tables["chip"] = _chosen(design.chip)
    return head + "".join(f"\n[{name}]\n{_lines(values)}" for name, values in tables.items())


def _chosen(record: Any) -> dict[str, Any]:
    """A record's fields but for optional ones that are as they would be without."""
    return {
        one.name: value
        for one in fields(record)
        if (value := getattr(record, one.name)) != one.default or one.metadata != OPTIONAL
    }


def _lines(values: dict[str, Any]) -> str:
    """Keys and values; a string or a number of JSON is one of TOML too."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
