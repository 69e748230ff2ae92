"""Facts and estimates of the circuits around an array that SRAM and MRAM share, at every node.

Sizes are in units of the node: transistor widths in contacted gate pitches, delays in FO4, logic in NAND2.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from devicemodels.quantities import AmperePerMetre, Farad, Metre, Ratio, Sheet, SquareMetre, load_sheet
from devicemodels.technology import Technology


@dataclass(frozen=True, kw_only=True)
class Periphery:
    """Sizes of decoders, drivers and latches, and the guard, which is fitted to silicon.

    `*_pitches` are total transistor widths, N and P together, in gate pitches; `output_wire_pitches` a length of wire
    in the same. A wordline segment is as long as its wire may delay by `segment_fo4`. `switch_loading` is the write
    current of a column switch over its on-current. `layout_factor` is silicon area over (total width x gate pitch),
    which is what a NAND2 needs. `timing_guard` multiplies the self-timed part of a read, from wordline to resolved
    amplifier: the slow corner, and a replica that must not fire early.
    """

    name: str
    address_fo4: Ratio
    decoder_gates_per_row: Ratio
    wordline_driver_pitches: Ratio
    segment_fo4: Ratio
    switch_loading: Ratio
    equalise_pitches: Ratio
    latch_regeneration_fo4: Ratio
    latch_gates: Ratio
    output_driver_pitches: Ratio
    output_wire_pitches: Ratio
    timing_guard: Ratio
    control_gates: Ratio
    control_activity: Ratio
    bit_gates: Ratio
    layout_factor: Ratio


def load_periphery(name_or_path: Path | str = "standard") -> Sheet[Periphery]:
    """Read a periphery sheet by its shipped name or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("periphery", name_or_path, Periphery)


def width_of(technology: Technology, pitches: Ratio) -> Metre:
    """Total transistor width of a circuit of so many gate pitches."""
    return pitches * technology.transistor_pitch


def switch_density(technology: Technology, periphery: Periphery) -> AmperePerMetre:
    """Write current per width of the switches that carry it."""
    return periphery.switch_loading * technology.on_current


def port_load(technology: Technology, periphery: Periphery) -> Farad:
    """What the macro drives outside, per output bit: wire to the logic that takes the word."""
    return technology.global_wire_capacitance * width_of(technology, periphery.output_wire_pitches)


def control_gates(periphery: Periphery, *, words: int) -> Ratio:
    """NAND2 equivalents of the control of a bank, in proportion to its address bits (ten in the sheet's macro)."""
    return periphery.control_gates * np.log2(np.maximum(words, 2)) / 10


def transistor_area(technology: Technology, periphery: Periphery, *, width: Metre) -> SquareMetre:
    """Silicon area of peripheral transistors of a total width."""
    return width * technology.transistor_pitch * periphery.layout_factor


def transistor_width(technology: Technology, periphery: Periphery, *, area: SquareMetre) -> Metre:
    """Total transistor width that fills an area: the inverse of `transistor_area`, for its leakage."""
    return area / (technology.transistor_pitch * periphery.layout_factor)
