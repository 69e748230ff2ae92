"""A CMOS node: its transistors, wires and logic density, as facts from a sheet."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from devicemodels import virtual_source
from devicemodels.errors import UserError
from devicemodels.quantities import (
    AmperePerMetre,
    FaradPerMetre,
    Joule,
    Kelvin,
    Metre,
    OhmMetre,
    OhmPerMetre,
    PerKelvin,
    Ratio,
    Second,
    Sheet,
    SignedRatio,
    SquareMetre,
    Volt,
    VoltMetre,
    VoltPerKelvin,
    Watt,
    load_sheet,
)
from devicemodels.thermal import REFERENCE_TEMPERATURE
from devicemodels.virtual_source import FaradPerSquareMetre, Figures, SquareMetrePerVoltSecond, VirtualSource

__all__ = ["REFERENCE_TEMPERATURE", "TEMPERATURE_RANGE", "Technology", "check_temperature", "load_technology"]

TEMPERATURE_RANGE = (200.0, 450.0)
"""Temperatures in kelvin between which the models are used, whatever the node."""


@dataclass(frozen=True, kw_only=True)
class Technology:
    """Facts of one node at 300 K; see the sheet for the source of each.

    Every width is a layout width. The fins of a FinFET node stand at `fin_pitch` (zero: a planar node), so one fin is
    one fin pitch wide, and currents and capacitances per metre are those of a fin over its pitch.

    `on_current` flows at V_GS = V_DS = `on_current_voltage`, `off_current` at the same drain voltage; they and the
    other figures of the transistor are those of `virtual_source.Figures`. `pmos_ratio` is the P on-current over the
    N one of equal width. `matching` is the Pelgrom constant of a pair, over layout width.
    `voltage_limit` is what a thin-oxide transistor bears in short pulses, such as a boosted wordline.
    `fo4_delay` is the delay of an inverter that drives four like it, `nand2_energy` per output transition of a
    NAND2-equivalent gate with its average wire, `nand2_leakage` its mean; all three hold at `logic_voltage`, which is
    the `supply` unless that was replaced. `flop_overhead_fo4` is set-up plus clock-to-output of a flip-flop in FO4
    delays; `clock_margin` the fraction of a clock period kept for skew, jitter and variation. `transistor_pitch` is the
    contacted gate pitch. `wire_*` is a minimum-pitch intermediate metal, `global_wire_*` a thick upper one.
    """

    name: str
    feature_size: Metre
    supply: Volt
    logic_voltage: Volt
    voltage_limit: Volt
    on_current: AmperePerMetre
    on_current_voltage: Volt
    off_current: AmperePerMetre
    pmos_ratio: Ratio
    subthreshold_ideality: Ratio
    barrier_lowering: Ratio
    body_effect: Ratio
    inversion_capacitance: FaradPerSquareMetre
    mobility: SquareMetrePerVoltSecond
    access_resistance: OhmMetre
    saturation_exponent: Ratio
    threshold_slope: VoltPerKelvin
    mobility_exponent: SignedRatio
    velocity_exponent: SignedRatio
    matching: VoltMetre
    channel_length: Metre
    gate_capacitance: FaradPerMetre
    junction_capacitance: FaradPerMetre
    minimum_width: Metre
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
    lowest_temperature: Kelvin
    highest_temperature: Kelvin
    fin_pitch: Metre = 0.0

    @cached_property
    def nmos(self) -> VirtualSource:
        """The n-channel transistor that has this node's figures; raises `UserError` as `virtual_source.solve`."""
        return self._solved("n", drive=1.0)

    @cached_property
    def pmos(self) -> VirtualSource:
        """The p-channel one: all that drives it is `pmos_ratio` times the n-channel's, its off-current the same."""
        return self._solved("p", drive=self.pmos_ratio)

    def _solved(self, polarity: str, *, drive: Ratio) -> VirtualSource:
        figures = Figures(
            on_current=self.on_current * drive,
            off_current=self.off_current,
            voltage=self.on_current_voltage,
            channel_length=self.channel_length,
            slope_factor=self.subthreshold_ideality,
            barrier_lowering=self.barrier_lowering,
            body_effect=self.body_effect,
            inversion_capacitance=self.inversion_capacitance,
            mobility=self.mobility * drive,
            access_resistance=self.access_resistance / drive,
            saturation_exponent=self.saturation_exponent,
            threshold_slope=self.threshold_slope,
            mobility_exponent=self.mobility_exponent,
            velocity_exponent=self.velocity_exponent,
        )
        return virtual_source.solve(
            f"{self.name} {polarity}-channel",
            figures,
            matching=self.matching,
            voltage_limit=self.voltage_limit,
            lowest_temperature=self.lowest_temperature,
            highest_temperature=self.highest_temperature,
        )

    @property
    def smallest_mram_cell(self) -> SquareMetre:
        """The least area of a 1T1MTJ cell that can be drawn: one and a half gate pitches by two metal pitches.

        Two cells share a source contact and a dummy gate keeps their neighbours apart, three gate pitches in all; bit
        line and source line run side by side.
        """
        return 1.5 * self.transistor_pitch * 2 * self.wire_pitch

    @property
    def smallest_sram_cell(self) -> SquareMetre:
        """The least area of a 6T cell that can be drawn: two gate pitches by three metal pitches.

        Along the bitline lie the gates of pass gate and pull-down; across it run two bitlines and the supply.
        """
        return 2 * self.transistor_pitch * 3 * self.wire_pitch


def check_temperature(temperature: Kelvin, technology: Technology | None = None) -> None:
    """Refuse a temperature outside the node's range, or that of the models if None, with a `UserError`."""
    low, high = (
        TEMPERATURE_RANGE if technology is None else (technology.lowest_temperature, technology.highest_temperature)
    )
    if not low <= temperature <= high:
        what = "the models hold" if technology is None else f"technology '{technology.name}' holds"
        raise UserError(
            f"the temperature is {temperature:g} K, but {what} from {low:g} to {high:g} K; give it in kelvin"
        )


def load_technology(name_or_path: Path | str) -> Sheet[Technology]:
    """Read a technology sheet by its shipped name (such as "22nm") or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("technology", name_or_path, Technology)
