"""A charge-based MOSFET from weak to strong inversion, after Enz, Krummenacher and Vittoz, for whole arrays of biases.

Where `virtual_source` makes do with a few published figures of a node, this is fitted to thousands of currents of one
transistor: a bistable cell is decided where its transistors are half on. Added to the long-channel core are
drain-induced barrier lowering, velocity saturation, series resistance with mobility loss, channel-length modulation,
the steep rise just before breakdown, and temperature. Gate and junction leakage are not in it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.errors import UserError
from devicemodels.quantities import (
    AmperePerMetre,
    Kelvin,
    Metre,
    OhmMetre,
    PerVolt,
    Ratio,
    Sheet,
    SignedRatio,
    Volt,
    VoltMetre,
    VoltPerKelvin,
    load_sheet,
)
from devicemodels.thermal import REFERENCE_TEMPERATURE, thermal_voltage

Array = NDArray[np.float64]
RootVolt = Annotated[float, "V^0.5"]


@dataclass(frozen=True, kw_only=True)
class Mosfet:
    """Facts of one transistor type at 300 K and one channel length; see the sheet for the source of each.

    The numbers are magnitudes: a p-channel device is the same model with every voltage and current mirrored.
    Exponents are those of T / 300 K. `mobility_field` is the mobility lost per volt of added threshold: the field that
    scatters carriers grows with gate voltage plus threshold, so mismatch moves the current by more than a gate voltage
    of the same size would. `width_offset` is what the drawn width loses to the isolation, `matching` the
    Pelgrom constant of a *pair* of drawn widths. Fitted for voltages up to `voltage_limit` and temperatures between
    `lowest_temperature` and `highest_temperature`; `fit_error` is the rms of ln(model / reference) over that range.
    """

    name: str
    channel_length: Metre
    width_offset: Metre
    threshold_voltage: Volt
    threshold_slope: VoltPerKelvin
    slope_factor: Ratio
    slope_exponent: SignedRatio
    body_factor: RootVolt
    surface_potential: Volt
    barrier_lowering: Ratio
    specific_current: AmperePerMetre
    mobility_exponent: SignedRatio
    mobility_field: PerVolt
    velocity_saturation: Ratio
    velocity_exponent: SignedRatio
    series_resistance: OhmMetre
    resistance_exponent: SignedRatio
    length_modulation: PerVolt
    modulation_exponent: SignedRatio
    modulation_screening: Ratio
    avalanche_voltage: Volt
    avalanche_field_voltage: Volt
    matching: VoltMetre
    voltage_limit: Volt
    lowest_temperature: Kelvin
    highest_temperature: Kelvin
    fit_error: Ratio

    def drawn(self, *, width: Metre, temperature: Kelvin, threshold_shift: ArrayLike = 0.0) -> "Channel":
        """As `channel`."""
        return channel(self, width=width, temperature=temperature, threshold_shift=threshold_shift)


def load_mosfet(name_or_path: Path | str) -> Sheet[Mosfet]:
    """Read a transistor sheet by its shipped name (such as "ptm22hp_n") or by path; raises as `load_sheet`."""
    return load_sheet("transistor", name_or_path, Mosfet)


@dataclass(frozen=True)
class Channel:
    """A transistor drawn and warmed: what is left of the model once width and temperature are chosen.

    `threshold` (volts), `current` (the specific current, amperes) and what scales with the mobility may be arrays, one
    entry per sample; all else are numbers.
    """

    threshold: Array
    slope_voltage: Volt
    thermal: Volt
    body_factor: RootVolt
    surface_potential: Volt
    barrier_lowering: Ratio
    current: Array
    velocity_saturation: Array
    resistance: Array
    length_modulation: PerVolt
    modulation_screening: Ratio
    avalanche_voltage: Volt
    avalanche_field_voltage: Volt

    def drain_current(self, *, gate: ArrayLike, drain: ArrayLike, source: ArrayLike, body: Any = 0.0) -> Array:
        """As `drain_current`."""
        return drain_current(self, gate=gate, drain=drain, source=source, body=body)


def channel(mosfet: Mosfet, *, width: Metre, temperature: Kelvin, threshold_shift: ArrayLike = 0.0) -> Channel:
    """Prepare a transistor of drawn `width` for `drain_current`.

    `threshold_shift` (volts, any shape) is added to the threshold, which is how mismatch enters. Raises `UserError`
    for a width that the isolation consumes.
    """
    effective = width - mosfet.width_offset
    if effective <= 0:
        raise UserError(
            f"the transistor width is {width * 1e9:g} nm, but '{mosfet.name}' loses {mosfet.width_offset * 1e9:g} nm "
            "to isolation; draw it wider"
        )
    warmth, thermal = temperature / REFERENCE_TEMPERATURE, thermal_voltage(temperature)
    shift = np.asarray(threshold_shift, dtype=float)
    mobility = np.exp(-mosfet.mobility_field * shift)
    specific = mobility * mosfet.specific_current * effective * warmth ** (2 - mosfet.mobility_exponent)
    resistance = mosfet.series_resistance / width * warmth**mosfet.resistance_exponent
    warming = mosfet.threshold_slope * (temperature - REFERENCE_TEMPERATURE)
    return Channel(
        threshold=mosfet.threshold_voltage + warming + shift,
        slope_voltage=mosfet.slope_factor * warmth**mosfet.slope_exponent * thermal,
        thermal=thermal,
        body_factor=mosfet.body_factor,
        surface_potential=mosfet.surface_potential,
        barrier_lowering=mosfet.barrier_lowering,
        current=specific,
        velocity_saturation=mobility * mosfet.velocity_saturation * warmth**mosfet.velocity_exponent,
        resistance=resistance * specific / thermal,
        length_modulation=mosfet.length_modulation * warmth**mosfet.modulation_exponent,
        modulation_screening=mosfet.modulation_screening,
        avalanche_voltage=mosfet.avalanche_voltage,
        avalanche_field_voltage=mosfet.avalanche_field_voltage,
    )


def inversion_charge(overdrive: ArrayLike) -> Array:
    """Normalised inversion charge q at the pinch-off voltage less the channel's, in thermal voltages (any shape).

    q = sqrt(1/4 + i) - 1/2 with i = ln^2(1 + exp(v/2)), the interpolation of Enz, Krummenacher and Vittoz (1995) for
    2 q + ln q = v, which has no closed form. Above v of about 1400 it overflows.
    """
    current = np.square(np.log1p(np.exp(0.5 * np.asarray(overdrive))))
    # The same as sqrt(1/4 + i) - 1/2, without its cancellation in weak inversion.
    return current / (np.sqrt(0.25 + current) + 0.5)


def drain_current(device: Channel, *, gate: ArrayLike, drain: ArrayLike, source: ArrayLike, body: Any = 0.0) -> Array:
    """Current in amperes from drain to source of an n-channel transistor; the voltages in volts, broadcast together.

    Odd under exchange of drain and source. For a p-channel one mirror the voltages and the result. See
    `docs/theory_sram.md` for the equations.
    """
    gate, drain, source = np.asarray(gate), np.asarray(drain), np.asarray(source)
    low = np.minimum(drain, source)
    return np.sign(drain - source) * _forward_current(device, gate - low, np.abs(drain - source), low - body)


def _forward_current(device: Channel, gate: Array, drain: Array, source_body: Array) -> Array:
    """Current for voltages referred to the source, drain >= 0."""
    pinch_off = (gate - _threshold(device, drain, source_body)) / device.slope_voltage
    entering = inversion_charge(pinch_off)
    falling = entering - inversion_charge(pinch_off - drain / device.thermal)
    total = 1 + 2 * entering
    loss = 1 + 2 * device.resistance * entering
    most = _saturated_fall(device, total, loss)
    falling = _smooth_minimum(falling, most)
    current = falling * (total - falling) / (loss + (device.velocity_saturation - device.resistance) * falling)
    modulation = 1 + device.length_modulation * drain / (1 + device.modulation_screening * entering)
    return device.current * current * modulation * _avalanche(device, drain, np.minimum(most, entering))


def _threshold(device: Channel, drain: Array, source_body: Array) -> Array:
    # A junction driven forward by half its potential would conduct; the square root only has to stay defined.
    bent = np.sqrt(np.maximum(device.surface_potential + source_body, 0.0))
    body = device.body_factor * (bent - np.sqrt(device.surface_potential))
    return device.threshold + body - device.barrier_lowering * drain


def _saturated_fall(device: Channel, total: Array, loss: Array) -> Array:
    """Fall x of the charge along the channel that maximises x (total - x) / (loss + k x): current saturates there."""
    k = device.velocity_saturation - device.resistance
    return total * loss / (loss + np.sqrt(loss * (loss + k * total)))


def _smooth_minimum(x: Array, most: Array) -> Array:
    """x / (1 + (x / most)^8)^(1/8): eight is sharp enough to leave weak inversion alone."""
    ratio = np.square(np.square(np.square(x / most)))
    return x / np.sqrt(np.sqrt(np.sqrt(1 + ratio)))


def _avalanche(device: Channel, drain: Array, fall: Array) -> Array:
    """Rise by impact ionisation beyond saturation, 1 + V / V_A exp(-V_B / V), the form of EKV 2.6 and BSIM's SCBE."""
    beyond = np.maximum(drain - device.thermal * (3 + 2 * fall), 0.01)
    return 1 + beyond / device.avalanche_voltage * np.exp(-device.avalanche_field_voltage / beyond)
