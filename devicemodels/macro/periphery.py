"""Facts and estimates of the circuits around an array that SRAM and MRAM share."""

import math
from dataclasses import dataclass
from pathlib import Path

from devicemodels.quantities import AmperePerMetre, Farad, Metre, Ratio, Sheet, SquareMetre, load_sheet
from devicemodels.technology import Technology


@dataclass(frozen=True, kw_only=True)
class Periphery:
    """Sizes of decoders, drivers and latches, and one figure fitted to silicon (`timing_guard`).

    Widths are total transistor widths, N and P together. `layout_factor` is silicon area over (total width x gate
    pitch), which is what a NAND2 cell needs. `switch_current_density` sizes the switches that carry a write current.
    `timing_guard` multiplies the self-timed part of a read, from wordline to resolved amplifier: the worst corner,
    and the replica that must not fire early.
    """

    name: str
    address_fo4: Ratio
    decoder_gates_per_row: Ratio
    wordline_driver_width: Metre
    wordline_segment_length: Metre
    switch_current_density: AmperePerMetre
    equalise_width: Metre
    latch_regeneration_fo4: Ratio
    latch_gates: Ratio
    output_driver_width: Metre
    output_load: Farad
    timing_guard: Ratio
    control_gates: Ratio
    control_activity: Ratio
    bit_gates: Ratio
    layout_factor: Ratio


def load_periphery(name_or_path: Path | str) -> Sheet[Periphery]:
    """Read a periphery sheet by its shipped name or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("periphery", name_or_path, Periphery)


def control_gates(periphery: Periphery, *, words: int) -> float:
    """NAND2 equivalents of the control of a bank, in proportion to its address bits (ten in the sheet's macro)."""
    return periphery.control_gates * math.log2(max(words, 2)) / 10


def transistor_area(technology: Technology, periphery: Periphery, *, width: Metre) -> SquareMetre:
    """Silicon area of peripheral transistors of a total width."""
    return width * technology.transistor_pitch * periphery.layout_factor


def transistor_width(technology: Technology, periphery: Periphery, *, area: SquareMetre) -> Metre:
    """Total transistor width that fills an area: the inverse of `transistor_area`, for its leakage."""
    return area / (technology.transistor_pitch * periphery.layout_factor)
