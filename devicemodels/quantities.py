"""Units as types, numbers with an origin, and the reader of device sheets.

A sheet is a TOML file: `name` (a string), optionally `title`, and one table per number with the keys `value`,
`unit`, `source` (a key of docs/references.bib), `where` (page, table, abstract, or how it was obtained) and
`kind` (measured, fitted, derived or assumed). `read_sheet` turns it into a frozen dataclass of SI floats and the
origins beside it. Nothing is converted: a unit that differs from the one in the dataclass is refused.
A quantity with a unit must be above zero, a ratio must not be negative; types marked `SIGNED` may have either sign.
A field with a default may be left out of the sheet: the device does not have that feature.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args, get_type_hints

from devicemodels.errors import UserError

SIGNED = "either sign"

Metre = Annotated[float, "m"]
SquareMetre = Annotated[float, "m^2"]
Second = Annotated[float, "s"]
Kelvin = Annotated[float, "K"]
Volt = Annotated[float, "V"]
Ampere = Annotated[float, "A"]
Ohm = Annotated[float, "ohm"]
Farad = Annotated[float, "F"]
Joule = Annotated[float, "J"]
Watt = Annotated[float, "W"]
Tesla = Annotated[float, "T"]
Ratio = Annotated[float, "1"]
PerVolt = Annotated[float, "1/V"]
PerKelvin = Annotated[float, "1/K"]
VoltPerKelvin = Annotated[float, "V/K", SIGNED]
VoltMetre = Annotated[float, "V*m"]
AmperePerMetre = Annotated[float, "A/m"]
OhmPerMetre = Annotated[float, "ohm/m"]
FaradPerMetre = Annotated[float, "F/m"]
OhmSquareMetre = Annotated[float, "ohm*m^2"]
JoulePerMetre = Annotated[float, "J/m"]
JoulePerSquareMetre = Annotated[float, "J/m^2"]
JoulePerVoltMetre = Annotated[float, "J/(V*m)", SIGNED]
OhmMetre = Annotated[float, "ohm*m"]
KelvinSquareMetrePerWatt = Annotated[float, "K*m^2/W"]
PerKelvinToThreeHalves = Annotated[float, "K^-1.5"]
SignedRatio = Annotated[float, "1", SIGNED]
SignedAmperePerMetre = Annotated[float, "A/m", SIGNED]

KINDS = ("measured", "fitted", "derived", "assumed")
_ORIGIN_KEYS = ("value", "unit", "source", "where", "kind")
SHEETS = Path(__file__).parent / "sheets"

Device = TypeVar("Device")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where one number comes from.

    `source` is a key of docs/references.bib, `where` the place in it, `kind` one of `KINDS`.
    """

    value: float
    unit: str
    source: str
    where: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Sheet(Generic[Device]):
    """A device (a frozen dataclass of SI floats) and the origin of each of its numbers, by field name."""

    device: Device
    origins: Mapping[str, Origin]
    title: str = ""


def field_units(cls: type) -> dict[str, str]:
    """Unit of each numeric field of a device dataclass, by name; fields that are plain strings are left out."""
    hints = get_type_hints(cls, include_extras=True)
    return {f.name: get_args(hints[f.name])[1] for f in fields(cls) if hints[f.name] is not str}  # type: ignore[arg-type]


def signed_fields(cls: type) -> set[str]:
    """Names of the fields whose type is marked `SIGNED`."""
    hints = get_type_hints(cls, include_extras=True)
    return {name for name, hint in hints.items() if SIGNED in get_args(hint)}


def _optional_fields(cls: type) -> set[str]:
    return {f.name for f in fields(cls) if f.default is not MISSING}  # type: ignore[arg-type]


def read_sheet(path: Path | str, cls: type[Device]) -> Sheet[Device]:
    """Read the sheet at `path` as a `cls`.

    Raises
    ------
    UserError
        If the file is missing or is not TOML, a key is unknown or missing, a unit differs from the field's, a value
        is not a number or is out of range, or a kind is not one of `KINDS`. The message names the file, the key and,
        for a unit, both.
    """
    path = Path(path)
    tables = _parse(path)
    name, title = tables.pop("name", path.stem), tables.pop("title", "")
    units = field_units(cls)
    _check_keys(path, tables, units, optional=_optional_fields(cls))
    given = {key: unit for key, unit in units.items() if key in tables}
    origins = {key: _origin(path, key, tables[key], unit) for key, unit in given.items()}
    for key in origins.keys() - signed_fields(cls):
        _check_range(path, origins[key], key)
    values = {key: origin.value for key, origin in origins.items()}
    return Sheet(device=cls(name=name, **values), origins=origins, title=title)


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"sheet {path} cannot be read ({error.strerror}); give the path of a TOML sheet") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"sheet {path} is not valid TOML: {error}") from error


def _check_keys(path: Path, tables: Mapping[str, Any], units: Mapping[str, str], *, optional: set[str]) -> None:
    for key in tables:
        if key not in units:
            raise UserError(f"sheet {path.name} has the unknown key '{key}'; known keys are {', '.join(sorted(units))}")
    missing = [key for key in units if key not in tables and key not in optional]
    if missing:
        raise UserError(f"sheet {path.name} lacks the key '{missing[0]}' (a number in {units[missing[0]]}); add it")


def _origin(path: Path, key: str, table: Any, unit: str) -> Origin:
    if not isinstance(table, dict) or sorted(table) != sorted(_ORIGIN_KEYS):
        raise UserError(f"sheet {path.name}: '{key}' must be a table with exactly {', '.join(_ORIGIN_KEYS)}")
    if isinstance(table["value"], bool) or not isinstance(table["value"], int | float):
        raise UserError(f"sheet {path.name}: '{key}' has the value {table['value']!r}, which is not a number")
    if table["unit"] != unit:
        raise UserError(
            f"sheet {path.name}: '{key}' is given in '{table['unit']}' but must be in '{unit}'; convert the value"
        )
    if table["kind"] not in KINDS:
        raise UserError(f"sheet {path.name}: '{key}' has the kind '{table['kind']}'; use one of {', '.join(KINDS)}")
    if not math.isfinite(table["value"]):
        raise UserError(f"sheet {path.name}: '{key}' is {_shown(table['value'], unit)}, but must be a finite number")
    return Origin(
        value=float(table["value"]), unit=unit, source=table["source"], where=table["where"], kind=table["kind"]
    )


def _shown(value: float, unit: str) -> str:
    return f"{value:g}" if unit == "1" else f"{value:g} {unit}"


def _check_range(path: Path, origin: Origin, key: str) -> None:
    shown = f"sheet {path.name}: '{key}' is {_shown(origin.value, origin.unit)}"
    if origin.unit == "1" and origin.value < 0:
        raise UserError(f"{shown}, but must not be negative")
    if origin.unit != "1" and origin.value <= 0:
        raise UserError(f"{shown}, but must be above zero")


def sheet_names(folder: str) -> list[str]:
    """Names of the sheets that ship in `sheets/<folder>`, sorted."""
    return sorted(path.stem for path in (SHEETS / folder).glob("*.toml"))


def load_sheet(folder: str, name_or_path: Path | str, cls: type[Device]) -> Sheet[Device]:
    """Read a shipped sheet by name, or any sheet by path (a path ends in `.toml`).

    Raises
    ------
    UserError
        If no shipped sheet has that name (the message says which exist), or as `read_sheet`.
    """
    if str(name_or_path).endswith(".toml"):
        return read_sheet(name_or_path, cls)
    if str(name_or_path) not in sheet_names(folder):
        known = ", ".join(sheet_names(folder))
        raise UserError(f"no {folder} sheet is called '{name_or_path}'; there are {known}, or give a path to a .toml")
    return read_sheet(SHEETS / folder / f"{name_or_path}.toml", cls)
