"""From what is known of a macro to its figures: sheets filled in, organisation chosen, a band on each figure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from devicemodels.errors import UserError
from devicemodels.macro import mram, sram
from devicemodels.macro.band import MODEL_ERRORS, Band, Deviates, band, vary, vary_organisation, with_model_error
from devicemodels.macro.figures import figures
from devicemodels.macro.limits import Limit, refuse
from devicemodels.macro.memory_macro import MemoryMacro
from devicemodels.macro.mram_bank import MramBank
from devicemodels.macro.mram_cell import load_mram_cell
from devicemodels.macro.organisation import Organisation, usual_organisation
from devicemodels.macro.query import MacroQuery
from devicemodels.macro.sheets import BankSheets, bank_sheets
from devicemodels.macro.sram_bank import SramBank
from devicemodels.mtj import load_mtj
from devicemodels.quantities import Kelvin, Sheet
from devicemodels.sram import load_sram_cell
from devicemodels.technology import REFERENCE_TEMPERATURE, load_technology


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a key of a query belongs: the field of a part, the key's unit, and that unit in SI."""

    part: str
    field: str
    unit: str
    si: float


FIELDS: Mapping[str, Place] = {
    "cell_area_um2": Place(part="cell", field="area", unit="um2", si=1e-12),
    "supply_v": Place(part="technology", field="supply", unit="V", si=1.0),
    "tmr": Place(part="mtj", field="tmr_zero_bias", unit="1", si=1.0),
    "ra_ohm_um2": Place(part="mtj", field="resistance_area", unit="ohm um2", si=1e-12),
    "diameter_nm": Place(part="mtj", field="diameter", unit="nm", si=1e-9),
    "write_pulse_ns": Place(part="cell", field="write_pulse", unit="ns", si=1e-9),
}
"""Keys of a query that stand for a number of a sheet."""

PARTS = ("technology", "mtj", "cell", "sense", "periphery")
ANY_NODE = "22nm"
"""Sense amplifier and periphery have one sheet for all nodes, so those of any will do."""

SUPPLY_RANGE = (0.6, 1.4)
"""Supplies over that of the node's sheet between which a query may ask."""


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """A number that the query did not give: where it comes from, and whether a query could give it (`asked`)."""

    name: str
    value: float
    unit: str
    sheet: str
    kind: str
    asked: bool


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A query made whole: the node's sheets with what was `given` put in (by part and field), and an organisation."""

    query: MacroQuery
    sheets: BankSheets
    given: frozenset[tuple[str, str]]
    organisation: Organisation
    temperature: Kelvin


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A macro's figures, each with its band, and all that was assumed."""

    setup: Setup
    macro: MemoryMacro
    bands: Mapping[str, Band]
    assumed: tuple[Assumption, ...]


def answer(query: MacroQuery, *, model_errors: Mapping[str, float] | None = None) -> Answer:
    """Characterise the macro of a query; `model_errors` take the place of those of `band.MODEL_ERRORS`.

    Raises
    ------
    UserError
        A sheet is unknown, a number is outside what the sheets hold for, or physics cannot build the macro.
    """
    setup = complete(query)
    macro, limits = evaluate(setup.sheets, setup.organisation, setup.temperature)
    refuse(limits)
    drawn = _draws(setup, model_errors or MODEL_ERRORS[query.kind])
    bands = {key: band(value, drawn[key]) for key, value in figures(macro).items()}
    return Answer(setup=setup, macro=macro, bands=bands, assumed=tuple(_assumptions(setup)))


def complete(query: MacroQuery) -> Setup:
    """Fill in what a query leaves out."""
    sheets = _named_sheets(query)
    _check_supply(query, sheets)
    stated = {at: value * at.si for key, at in FIELDS.items() if (value := getattr(query, key)) is not None}
    for at, value in stated.items():
        sheets = replace(sheets, **{at.part: with_value(getattr(sheets, at.part), at.field, value)})
    given = frozenset((at.part, at.field) for at in stated)
    temperature = REFERENCE_TEMPERATURE if query.temperature_k is None else query.temperature_k
    return Setup(query=query, sheets=sheets, given=given, organisation=_organisation(query), temperature=temperature)


def _named_sheets(query: MacroQuery) -> BankSheets:
    """The node's sheets, but for those that the query names; a node without a cell of its own must be given one."""
    if query.cell is None:
        sheets = bank_sheets(query.kind, query.node)
    else:
        load = load_mram_cell if query.kind == "mram" else load_sram_cell
        sheets = replace(
            bank_sheets(query.kind, ANY_NODE), technology=load_technology(query.node), cell=load(query.cell)
        )
    return sheets if query.mtj is None else replace(sheets, mtj=load_mtj(query.mtj))


def with_value(sheet: Sheet, field: str, value: float) -> Sheet:
    """A sheet with another number in one field."""
    return replace(sheet, device=replace(sheet.device, **{field: value}))


def _check_supply(query: MacroQuery, sheets: BankSheets) -> None:
    nominal = sheets.technology.device.supply
    low, high = (share * nominal for share in SUPPLY_RANGE)
    if query.supply_v is not None and not low <= query.supply_v <= high:
        raise UserError(
            f"{query.name}: supply_v is {query.supply_v:g} V, but at {query.node} the models hold from {low:.2f} to "
            f"{high:.2f} V"
        )


def _organisation(query: MacroQuery) -> Organisation:
    """The rule's organisation, or what the query fixes of it; the rest then shrinks to what the words need."""
    usual = usual_organisation(
        capacity_bits=query.capacity_bits, data_bits=query.word_bits, check_bits=query.check_bits or 0, kind=query.kind
    )
    room, held = 2 ** math.ceil(math.log2(query.words)), (query.rows or 1) * (query.mux or 1)
    if held > room:
        raise UserError(
            f"{query.name}: {query.rows or 1} rows of {query.mux or 1} words are {held} words, but the macro has "
            f"{query.words}; lower rows or mux"
        )
    rows = query.rows or min(usual.rows, room // (query.mux or 1))
    return replace(usual, rows=rows, mux=query.mux or min(usual.mux, room // rows))


def evaluate(
    sheets: BankSheets, organisation: Organisation, temperature: Kelvin
) -> tuple[MemoryMacro, tuple[Limit, ...]]:
    """Banks of these sheets, of either kind, and their limits."""
    return _kind(sheets).evaluate(_bank(sheets, organisation, temperature))


def _kind(sheets: BankSheets) -> ModuleType:
    return sram if sheets.mtj is None else mram


def _bank(sheets: BankSheets, organisation: Organisation, temperature: Kelvin) -> MramBank | SramBank:
    parts = {name: sheet.device for name in PARTS if (sheet := getattr(sheets, name)) is not None}
    build = sram.sram_bank if sheets.mtj is None else mram.mram_bank
    return build(**parts, organisation=organisation, temperature=temperature)


def _draws(setup: Setup, errors: Mapping[str, float]) -> dict[str, NDArray[np.float64]]:
    """Figures of all draws that can be read.

    Whether each can be written is not asked: whoever built the macro has seen to that.
    """
    deviates, sheets, query = Deviates(), setup.sheets, setup.query
    for part in PARTS:
        if (sheet := getattr(sheets, part)) is not None:
            given = {field for name, field in setup.given if name == part}
            sheets = replace(sheets, **{part: replace(sheet, device=vary(sheet, deviates, given=given))})
    fixed = {name for name in ("rows", "mux") if getattr(query, name) is not None}
    layout = vary_organisation(setup.organisation, deviates, given=fixed)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        macro = _kind(sheets).macro_of(_bank(sheets, layout, setup.temperature))
        drawn = figures(with_model_error(macro, deviates, errors))
    readable = np.isfinite(drawn["read_access_ns"])
    return {name: np.broadcast_to(values, readable.shape)[readable] for name, values in drawn.items()}


def _assumptions(setup: Setup) -> list[Assumption]:
    """What a query could have said, then every other number of the sheets."""
    keys = {(at.part, at.field): (key, at) for key, at in FIELDS.items()}
    asked, rest = _asked_of_the_designer(setup), []
    for part in PARTS:
        sheet = getattr(setup.sheets, part)
        for field, origin in sheet.origins.items() if sheet else ():
            key, at = keys.get((part, field), (None, None))
            one = Assumption(
                name=key or field,
                value=origin.value / (at.si if at else 1.0),
                unit=at.unit if at else origin.unit,
                sheet=f"{part}/{sheet.device.name}",
                kind=origin.kind,
                asked=key is not None,
            )
            if (part, field) not in setup.given:
                (asked if key else rest).append(one)
    return asked + rest


def _asked_of_the_designer(setup: Setup) -> list[Assumption]:
    """Choices that no sheet has."""
    query, layout = setup.query, setup.organisation
    entries = [
        ("check_bits", layout.check_bits, "1", query.check_bits, "no code"),
        ("temperature_k", setup.temperature, "K", query.temperature_k, "temperature of the sheets"),
        ("rows", layout.rows, "1", query.rows, "rule for capacity and word"),
        ("mux", layout.mux, "1", query.mux, "rule for capacity and word"),
    ]
    return [
        Assumption(name=name, value=value, unit=unit, sheet=rule, kind="assumed", asked=True)
        for name, value, unit, given, rule in entries
        if given is None
    ]
