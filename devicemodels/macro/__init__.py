"""Memory banks: from a cell, an organisation and a node to time, energy, area and error rates."""

from devicemodels.macro.memory_macro import MemoryMacro
from devicemodels.macro.mram import mram_macro
from devicemodels.macro.organisation import Organisation, best_organisation, sram_organisation
from devicemodels.macro.sram import sram_macro

__all__ = ["MemoryMacro", "Organisation", "best_organisation", "mram_macro", "sram_macro", "sram_organisation"]
