"""A published macro in ten lines: what a query file says, and the figures that answer it.

A query is a TOML file of flat keys. Only `kind`, `node`, `capacity_bits` and `word_bits` are required; whatever else is
left out comes from the sheets of the node and of the device.
"""

import math
import tomllib
import types
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from devicemodels.errors import UserError

HIGHEST_TMR = 10.0
"""Ratio, not per cent: the largest at low temperature is 6 (Ikeda 2008), so that more is a slip of the unit."""


@dataclass(frozen=True, kw_only=True)
class MacroQuery:
    """What is known of a macro; `None` where nothing is.

    `capacity_bits` and `word_bits` count data; each word stores `check_bits` beside them. `tmr` is a ratio, 1.8 for
    180 %, at zero bias and 300 K. `cell` and `mtj` name a shipped sheet of a cell (such as "7nm_hd") or a junction, or
    are the path of one. `rows` (cells on a bitline) and `mux` (columns that share a sense amplifier) fix the
    organisation where it is known.
    """

    kind: Literal["mram", "sram"]
    node: str
    capacity_bits: int
    word_bits: int
    check_bits: int | None = None
    cell_area_um2: float | None = None
    supply_v: float | None = None
    temperature_k: float | None = None
    tmr: float | None = None
    ra_ohm_um2: float | None = None
    diameter_nm: float | None = None
    write_pulse_ns: float | None = None
    cell: str | None = None
    mtj: str | None = None
    rows: int | None = None
    mux: int | None = None
    name: str = ""

    @property
    def words(self) -> int:
        """Words that hold the capacity, the last one possibly in part."""
        return math.ceil(self.capacity_bits / self.word_bits)


MRAM_ONLY = ("tmr", "ra_ohm_um2", "diameter_nm", "write_pulse_ns", "mtj")
"""Keys that say something of a junction."""

_ZERO_ALLOWED = ("check_bits",)
_TYPES = get_type_hints(MacroQuery)
_REQUIRED = [field.name for field in fields(MacroQuery) if field.default is MISSING]


def load_query(path: Path | str) -> MacroQuery:
    """Read a query file; a path of a sheet in it is taken relative to the file.

    Raises
    ------
    UserError
        The file cannot be read or is not TOML; a key is unknown, missing, of the wrong type or out of range.
    """
    path = Path(path)
    table = _parse(path)
    _check_keys(path, table)
    values = {key: _value(path, key, value) for key, value in table.items()}
    values["node"] = node_name(values["node"])
    for key in ("cell", "mtj"):
        if str(values.get(key, "")).endswith(".toml"):
            values[key] = str(path.parent / values[key])
    query = MacroQuery(**{"name": path.stem, **values})
    _check_sizes(path, query)
    return query


def node_name(text: str) -> str:
    """A node as its sheet is called: "22nm" for "22", "22 nm", "22NM" or "N22"."""
    plain = text.strip().lower().replace(" ", "")
    digits = plain.removeprefix("n").removesuffix("nm")
    return f"{digits}nm" if digits.isdigit() else plain


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"macro query {path} cannot be read ({error.strerror}); give the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"query {path} is not TOML: {error}") from error


def _check_keys(path: Path, table: dict[str, Any]) -> None:
    for key in table:
        if key not in _TYPES:
            close = get_close_matches(key, _TYPES, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known keys are {', '.join(_TYPES)}"
            raise UserError(f"{path.name}: unknown key '{key}': {hint}")
    for key in _REQUIRED:
        if key not in table:
            raise UserError(f"{path.name}: the key '{key}' is missing; a query needs {', '.join(_REQUIRED)}")
    if table["kind"] == "sram":
        for key in MRAM_ONLY:
            if key in table:
                raise UserError(f"{path.name}: '{key}' describes a junction, but the kind is 'sram'; remove it")


def _value(path: Path, key: str, value: Any) -> Any:
    expected = _plain_type(_TYPES[key])
    if get_origin(expected) is Literal:
        return _one_of(path, key, value, get_args(expected))
    if key == "node" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(path, key, value) if expected is str else _number(path, key, value, expected)


def _plain_type(hint: Any) -> Any:
    """The type of a field without its `None`."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(one for one in get_args(hint) if one is not types.NoneType)
    return hint


def _one_of(path: Path, key: str, value: Any, choices: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    raise UserError(f"{path.name}: '{key}' is {value!r}, but it must be one of {', '.join(map(repr, choices))}")


def _text(path: Path, key: str, value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise UserError(f"{path.name}: '{key}' is {value!r}, but it must be a text that is not empty")


def _number(path: Path, key: str, value: Any, expected: type) -> Any:
    right = isinstance(value, int if expected is int else (int, float)) and not isinstance(value, bool)
    least = "0 or above" if key in _ZERO_ALLOWED else "above 0"
    if right and (0 < value < math.inf or (value == 0 and key in _ZERO_ALLOWED)):
        return expected(value)
    kind = "a whole number" if expected is int else "a number"
    raise UserError(f"{path.name}: '{key}' is {value!r}, but it must be {kind} {least}")


def _check_sizes(path: Path, query: MacroQuery) -> None:
    if query.word_bits > query.capacity_bits:
        raise UserError(
            f"{path.name}: a word of {query.word_bits} bits is wider than the array of {query.capacity_bits} bits; "
            f"lower word_bits or raise capacity_bits"
        )
    if query.tmr is not None and query.tmr > HIGHEST_TMR:
        raise UserError(
            f"{path.name}: 'tmr' is {query.tmr:g}, but a ratio is at most {HIGHEST_TMR:g}; give 1.8 for 180 %"
        )
