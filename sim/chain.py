"""From a design to its weight bank: the sheets it names, the bank built of them, and the chain of numbers between."""

from dataclasses import dataclass

from devicemodels.explain import device_rows
from devicemodels.macro import MemoryMacro, Organisation, mram_macro, sram_macro
from devicemodels.mtj import Mtj, load_mtj
from devicemodels.quantities import Sheet
from devicemodels.row import Row
from devicemodels.sram import SramCell, load_sram_cell
from devicemodels.technology import Technology, load_technology
from rtl.memory.choice import cheapest_code
from rtl.memory.code import WordCode, word_code
from sim.design import Design


@dataclass(frozen=True, kw_only=True)
class LoadedSheets:
    """What a design names, read: the node, the stack and the SRAM cell, each with its origins."""

    technology: Sheet[Technology]
    mtj: Sheet[Mtj]
    sram_cell: Sheet[SramCell]


def load_sheets(design: Design) -> LoadedSheets:
    """Read the sheets that ``design`` names.

    Raises
    ------
    UserError
        A sheet is unknown, or wrong.
    """
    return LoadedSheets(
        technology=load_technology(design.sheets.technology),
        mtj=load_mtj(design.sheets.mtj),
        sram_cell=load_sram_cell(design.sheets.sram_cell),
    )


LOST_TILES = 1e-4
"""Share of tiles that may lose a word from one writing of their weights to the next: as many as the sense amplifier's
sheet lets arrays have a word that cannot be read (`read_loss`), so that neither decides alone. (A choice.)"""


def organisation(design: Design, code: WordCode) -> Organisation:
    """How the weight bank's words lie: the design's words, rows and mux, the tile's word with its check bits."""
    memory, bits = design.memory, design.format.word_bits
    return Organisation(
        words=memory.words + memory.spares,
        data_bits=bits,
        check_bits=code.check_bits(bits),
        rows=memory.rows,
        mux=memory.mux,
    )


def coded_bank(design: Design, sheets: LoadedSheets) -> tuple[WordCode, MemoryMacro]:
    """The code of ``design``'s words and one weight bank, built of ``sheets``, which may be other than it names.

    Raises
    ------
    UserError
        Physics cannot build it: the transistor does not carry the write current, or the margin is under the offset; or
        no code is enough for its errors.
    """
    memory = design.memory
    if memory.code != "cheapest":
        code = word_code(memory.code)
        return code, _bank(design, sheets, code)
    words = design.chip.tiles * design.tile.lanes * memory.banks_per_lane * memory.words
    return cheapest_code(
        lambda code: _bank(design, sheets, code),
        data_bits=design.format.word_bits,
        words=words,
        reads=memory.reads,
        failure=LOST_TILES,
    )


def weight_bank(design: Design, sheets: LoadedSheets) -> MemoryMacro:
    """One weight bank, as in ``coded_bank``."""
    return coded_bank(design, sheets)[1]


def _bank(design: Design, sheets: LoadedSheets, code: WordCode) -> MemoryMacro:
    choices = {"organisation": organisation(design, code), "temperature": design.memory.temperature_k}
    technology = sheets.technology.device
    if design.memory.kind == "mram":
        return mram_macro(technology=technology, mtj=sheets.mtj.device, **choices)
    return sram_macro(technology=technology, cell=sheets.sram_cell.device, **choices)


def chain_rows(design: Design) -> list[Row]:
    """The chain of numbers from the sheets of ``design`` to its weight bank, in order.

    Raises
    ------
    UserError
        As ``load_sheets`` and ``weight_bank``.
    """
    sheets = load_sheets(design)
    return device_rows(
        technology=sheets.technology,
        memory=sheets.mtj if design.memory.kind == "mram" else sheets.sram_cell,
        organisation=organisation(design, coded_bank(design, sheets)[0]),
        temperature=design.memory.temperature_k,
    )
