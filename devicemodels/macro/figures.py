"""The figures that a macro is argued with, in the units that people use, from one bank or from arrays of banks."""

from collections.abc import Mapping
from typing import Any

from devicemodels.macro.memory_macro import MemoryMacro

UNITS: Mapping[str, str] = {
    "read_access_ns": "ns",
    "read_cycle_ns": "ns",
    "read_energy_pj_per_bit": "pJ/bit",
    "write_energy_pj_per_bit": "pJ/bit",
    "area_mm2": "mm²",
    "density_mb_per_mm2": "Mb/mm²",
    "bandwidth_gb_per_s": "GB/s",
    "bandwidth_density_tb_per_s_mm2": "TB/s/mm²",
    "leakage_mw": "mW",
    "read_error_rate": "",
    "write_error_rate": "",
}
"""Names of the figures and their units. Prefixes are powers of ten, and Mb are bits of data."""

MEGABIT = 1e6


def figures(macro: MemoryMacro) -> dict[str, Any]:
    """Figures of a bank by the names of `UNITS`: floats, or arrays of the shape of the bank's fields.

    Energies are per bit of data and include the check bits that come with it. Bandwidth counts data bits, read back to
    back. Error rates are raw, per bit, before correction.
    """
    bits = macro.words * macro.data_bits
    return {
        "read_access_ns": macro.read_access * 1e9,
        "read_cycle_ns": macro.read_cycle * 1e9,
        "read_energy_pj_per_bit": macro.read_energy / macro.data_bits * 1e12,
        "write_energy_pj_per_bit": macro.write_energy / macro.data_bits * 1e12,
        "area_mm2": macro.area * 1e6,
        "density_mb_per_mm2": bits / MEGABIT / (macro.area * 1e6),
        "bandwidth_gb_per_s": macro.bandwidth / 1e9,
        "bandwidth_density_tb_per_s_mm2": macro.bandwidth_density / 1e18,
        "leakage_mw": macro.leakage * 1e3,
        "read_error_rate": macro.read_error_rate,
        "write_error_rate": macro.write_error_rate,
    }
