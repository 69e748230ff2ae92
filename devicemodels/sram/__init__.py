"""The 6T SRAM cell: geometry, read current and leakage."""

from devicemodels.sram.cell import SramCell, load_sram_cell

__all__ = ["SramCell", "load_sram_cell"]
