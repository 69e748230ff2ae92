"""A design: which sheets, and the designer's choices, read from TOML.

A preset lies in ``sim/designs/``; a user's design is a TOML file anywhere. A key is required unless it is marked as
`OPTIONAL` here, and no other is allowed, so a misspelt one never falls back to a default unseen. Choices carry no
source: they are choices, not facts.
"""

import tomllib
import typing
from dataclasses import dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from devicemodels.errors import UserError
from rtl.formats import NumberFormat

DESIGNS = Path(__file__).parent / "designs"
DEFAULT_DESIGN = "mram-22nm"
EXAMPLE = DESIGNS / f"{DEFAULT_DESIGN}.toml"
OPTIONAL = {"optional": True}
"""Mark of a key that a design file may leave out."""


@dataclass(frozen=True, kw_only=True)
class Sheets:
    """The device sheets a design is made of: the name of a shipped sheet, or the path of a TOML file."""

    technology: str
    mtj: str
    sram_cell: str


@dataclass(frozen=True, kw_only=True)
class MemoryChoice:
    """The weight banks: kind of cell, banks of a lane (which deliver in turn), words, rows of an array, words sharing a
    sense amplifier, temperature; the code of its words, and how often a word is read from one writing to the next.
    With spare words beside `words` in each bank, the tile has what writes them (`rtl.tile.loading`).

    `cheapest` takes the first code that is enough for so many reads (`sim.chain.coded_bank`).
    """

    kind: Literal["mram", "sram"]
    banks_per_lane: int
    words: int
    rows: int
    mux: int
    temperature_k: float
    code: Literal["cheapest", "none", "secded", "dec"] = field(default="cheapest", metadata=OPTIONAL)
    spares: int = field(default=0, metadata=OPTIONAL)
    reads: float = field(default=1e8, metadata=OPTIONAL)


@dataclass(frozen=True, kw_only=True)
class TileChoice:
    """The tile: lanes (each with weight banks of its own), elements of the vector unit, clock, context in tokens,
    its SRAMs in words, and columns (activation vectors for a weight read), each with SRAMs for vectors and activations.
    In a `batch` the columns are sequences, each with KV and prompt SRAMs of its own.
    """

    lanes: int
    vector_lanes: int
    clock_mhz: float
    context: int
    kv_words: int
    vector_words: int
    activation_groups: int
    constant_words: int
    program_words: int
    columns: int = field(default=1, metadata=OPTIONAL)
    batch: bool = field(default=False, metadata=OPTIONAL)


@dataclass(frozen=True, kw_only=True)
class ChipChoice:
    """Tiles that share the work, all chips together; chips, over which they spread evenly; and cycles that the links
    between the tiles of a chip take, and between chips beyond that.
    """

    tiles: int
    chips: int
    link_cycles: int
    chip_link_cycles: int


ALONE = ChipChoice(tiles=1, chips=1, link_cycles=1, chip_link_cycles=1)
"""One tile, whose links do not exist."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """A named set of sheets and choices, from which everything else of a tile follows."""

    name: str
    description: str
    sheets: Sheets
    memory: MemoryChoice
    format: NumberFormat
    tile: TileChoice
    chip: ChipChoice = field(default=ALONE, metadata=OPTIONAL)


def design_names() -> list[str]:
    """Names of the presets that ship with the package, sorted."""
    return sorted(path.stem for path in DESIGNS.glob("*.toml"))


def load_design(name_or_path: str | Path) -> Design:
    """Read a preset by its name, or a design from the path of a TOML file.

    A sheet named in a design file as a path (it ends in ``.toml``) is taken relative to that file.

    Raises
    ------
    UserError
        No such design; not TOML; a key unknown, missing, of the wrong type or out of range.
    """
    path = _find(name_or_path)
    design = _record(Design, _read_toml(path), path, "")
    return replace(design, sheets=_beside(design.sheets, path.parent))


def _find(name_or_path: str | Path) -> Path:
    preset = DESIGNS / f"{name_or_path}.toml"
    if str(name_or_path) in design_names():
        return preset
    path = Path(name_or_path)
    if path.is_file():
        return path
    raise UserError(
        f"there is no design '{name_or_path}': the presets are {', '.join(design_names())}, "
        "and anything else must be the path of a TOML file"
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML ({error}): a design is a file like {EXAMPLE}") from error


def _beside(sheets: Sheets, folder: Path) -> Sheets:
    named = {one.name: getattr(sheets, one.name) for one in fields(sheets)}
    return Sheets(**{key: str(folder / value) if value.endswith(".toml") else value for key, value in named.items()})


def _record(cls: type, table: dict[str, Any], path: Path, prefix: str) -> Any:
    """One dataclass from one TOML table: exactly its keys, but for those marked as `OPTIONAL`, each of its type."""
    types, optional = typing.get_type_hints(cls), {one.name for one in fields(cls) if one.metadata == OPTIONAL}
    for key in table:
        if key not in types:
            raise UserError(f"{path}: unknown key '{prefix}{key}'{_hint(key, types)}")
    for key in types:
        if key not in table and key not in optional:
            raise UserError(f"{path}: the key '{prefix}{key}' is missing: add it, as in {EXAMPLE}")
    return cls(**{key: _value(types[key], table[key], path, prefix + key) for key in types if key in table})


def _hint(key: str, known: dict[str, Any]) -> str:
    close = get_close_matches(key, known, n=1)
    return f": did you mean '{close[0]}'?" if close else f": the keys allowed here are {', '.join(known)}"


def _value(expected: Any, value: Any, path: Path, key: str) -> Any:
    if isinstance(expected, type) and is_dataclass(expected):
        if not isinstance(value, dict):
            raise UserError(f"{path}: '{key}' is {value!r}, but it must be a table: write [{key}] above its keys")
        return _record(expected, value, path, f"{key}.")
    if typing.get_origin(expected) is Literal:
        return _one_of(typing.get_args(expected), value, path, key)
    if expected is bool:
        return _truth(value, path, key)
    return _text(value, path, key) if expected is str else _positive(expected, value, path, key)


def _one_of(choices: tuple[str, ...], value: Any, path: Path, key: str) -> str:
    if value in choices:
        return value
    raise UserError(f"{path}: '{key}' is {value!r}, but it must be one of {', '.join(repr(c) for c in choices)}")


def _truth(value: Any, path: Path, key: str) -> bool:
    if isinstance(value, bool):
        return value
    raise UserError(f"{path}: '{key}' is {value!r}, but it must be true or false")


def _text(value: Any, path: Path, key: str) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise UserError(f"{path}: '{key}' is {value!r}, but it must be a text that is not empty")


def _positive(expected: type, value: Any, path: Path, key: str) -> Any:
    """An int or a float above zero; a whole number is also a float, a bool is neither."""
    right = isinstance(value, int if expected is int else (int, float)) and not isinstance(value, bool)
    if right and 0 < value < float("inf"):
        return expected(value)
    kind = "a whole number" if expected is int else "a number"
    raise UserError(f"{path}: '{key}' is {value!r}, but it must be {kind} above 0")
