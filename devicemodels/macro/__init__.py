"""Memory banks: from a cell, an organisation and a node to time, energy, area and error rates."""

from devicemodels.macro.limits import Limit, legal
from devicemodels.macro.memory_macro import MemoryMacro
from devicemodels.macro.mram import evaluate_mram, mram_macro
from devicemodels.macro.organisation import Organisation, sram_organisation, usual_organisation
from devicemodels.macro.sheets import BankSheets, bank_sheets
from devicemodels.macro.sram import evaluate_sram, sram_macro

__all__ = [
    "BankSheets",
    "Limit",
    "MemoryMacro",
    "Organisation",
    "bank_sheets",
    "evaluate_mram",
    "evaluate_sram",
    "legal",
    "mram_macro",
    "sram_macro",
    "sram_organisation",
    "usual_organisation",
]
