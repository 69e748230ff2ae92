"""One number of a device or a bank, as it is shown: name, value, unit, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

from devicemodels.quantities import Sheet


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number of the chain; `group` is the stage it belongs to, `source` a bibliography key or the equation used."""

    group: str
    name: str
    value: float
    unit: str
    source: str
    kind: str


def sheet_rows(sheets: Sequence[tuple[str, Sheet]]) -> list[Row]:
    """One row per number of each (group, sheet)."""
    return [
        Row(group=group, name=name, value=o.value, unit=o.unit, source=f"{o.source}: {o.where}", kind=o.kind)
        for group, sheet in sheets
        for name, o in sheet.origins.items()
    ]


def derived_rows(group: str, *entries: tuple[str, float, str, str]) -> list[Row]:
    """Rows of one group that follow from others: (name, value, unit, source) each."""
    return [
        Row(group=group, name=name, value=float(value), unit=unit, source=source, kind="derived")
        for name, value, unit, source in entries
    ]
