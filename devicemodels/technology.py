"""A CMOS node: its transistors, wires and logic density, as facts from a sheet."""

from dataclasses import dataclass
from pathlib import Path

from devicemodels.errors import UserError
from devicemodels.quantities import (
    AmperePerMetre,
    FaradPerMetre,
    Joule,
    Kelvin,
    Metre,
    OhmPerMetre,
    PerKelvin,
    Ratio,
    Second,
    Sheet,
    SquareMetre,
    Volt,
    VoltMetre,
    VoltPerKelvin,
    Watt,
    load_sheet,
)

REFERENCE_TEMPERATURE = 300.0
"""Temperature in kelvin at which every number of a sheet holds."""

TEMPERATURE_RANGE = (200.0, 450.0)
"""Temperatures in kelvin between which the models are used."""


@dataclass(frozen=True, kw_only=True)
class Technology:
    """Facts of one node at 300 K; see the sheet for the source of each.

    `fo4_delay` is the delay of an inverter that drives four like it at `supply`. `nand2_energy` is per output
    transition of a NAND2-equivalent gate with its average wire. `flop_overhead_fo4` is set-up plus clock-to-output
    of a flip-flop in FO4 delays; `clock_margin` the fraction of a clock period kept for skew, jitter and variation.
    `wire_*` is a minimum-pitch intermediate metal, `global_wire_*` a thick upper one.
    """

    name: str
    feature_size: Metre
    supply: Volt
    threshold_voltage: Volt
    threshold_slope: VoltPerKelvin
    body_effect: Ratio
    on_current: AmperePerMetre
    on_current_voltage: Volt
    pmos_ratio: Ratio
    velocity_index: Ratio
    saturation_voltage: Volt
    mobility_exponent: Ratio
    off_current: AmperePerMetre
    subthreshold_ideality: Ratio
    matching: VoltMetre
    channel_length: Metre
    gate_capacitance: FaradPerMetre
    junction_capacitance: FaradPerMetre
    transistor_pitch: Metre
    wire_pitch: Metre
    wire_resistance: OhmPerMetre
    wire_capacitance: FaradPerMetre
    wire_temperature_coefficient: PerKelvin
    global_wire_resistance: OhmPerMetre
    global_wire_capacitance: FaradPerMetre
    fo4_delay: Second
    nand2_area: SquareMetre
    nand2_energy: Joule
    nand2_leakage: Watt
    placement_utilisation: Ratio
    flop_overhead_fo4: Ratio
    clock_margin: Ratio


def check_temperature(temperature: Kelvin) -> None:
    """Refuse a temperature outside `TEMPERATURE_RANGE`, such as one in degrees Celsius, with a `UserError`."""
    low, high = TEMPERATURE_RANGE
    if not low <= temperature <= high:
        raise UserError(
            f"the temperature is {temperature:g} K, but the models hold from {low:g} to {high:g} K; give it in kelvin"
        )


def load_technology(name_or_path: Path | str) -> Sheet[Technology]:
    """Read a technology sheet by its shipped name (such as "22nm") or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("technology", name_or_path, Technology)
