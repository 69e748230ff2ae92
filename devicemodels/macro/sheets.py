"""The sheets that a bank of one kind and node is made of, unless a designer names others."""

from dataclasses import dataclass
from functools import cache

from devicemodels.errors import UserError
from devicemodels.macro.current_sense import CurrentSense, load_current_sense
from devicemodels.macro.mram_cell import MramCell, load_mram_cell
from devicemodels.macro.periphery import Periphery, load_periphery
from devicemodels.mtj import Mtj, load_mtj
from devicemodels.quantities import Sheet, sheet_names
from devicemodels.sram import SramCell, load_sram_cell
from devicemodels.technology import Technology, load_technology

JUNCTIONS = {"8nm": "mram14", "14nm": "mram14", "16nm": "mram16", "28nm": "mram16"}
"""The junction of a node; all others have that of the 22 nm class."""


@dataclass(frozen=True, kw_only=True)
class BankSheets:
    """What a bank is made of, each part with its origins; an SRAM bank has no junction and no current sense."""

    technology: Sheet[Technology]
    cell: Sheet[MramCell] | Sheet[SramCell]
    periphery: Sheet[Periphery]
    mtj: Sheet[Mtj] | None = None
    sense: Sheet[CurrentSense] | None = None


def node_name(technology: Technology) -> str:
    """Name of the shipped sheets that fit a technology, which may be a user's own: its feature size."""
    return f"{technology.feature_size * 1e9:.0f}nm"


@cache
def bank_sheets(kind: str, node: str) -> BankSheets:
    """The shipped sheets of a node, such as "22nm".

    Raises
    ------
    UserError
        If the kind is neither "mram" nor "sram", the node is unknown, or it has no cell of that kind.
    """
    if kind not in ("mram", "sram"):
        raise UserError(f"the kind of a bank is '{kind}', but must be mram or sram")
    technology, periphery = load_technology(node), load_periphery()
    if kind == "sram":
        return BankSheets(technology=technology, cell=_cell(kind, node), periphery=periphery)
    return BankSheets(
        technology=technology,
        cell=_cell(kind, node),
        periphery=periphery,
        mtj=load_mtj(JUNCTIONS.get(node, "mram22")),
        sense=load_current_sense(),
    )


def _cell(kind: str, node: str) -> Sheet[MramCell] | Sheet[SramCell]:
    if node not in sheet_names(kind):
        known = ", ".join(name for name in sheet_names(kind) if "_" not in name)
        raise UserError(f"the node {node} has no {kind.upper()} cell; those of {known} do, or give a sheet of your own")
    return load_mram_cell(node) if kind == "mram" else load_sram_cell(node)
