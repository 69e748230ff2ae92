"""The virtual-source MOSFET of Khakifirooz, Nayfeh and Antoniadis (2009), for whole arrays of biases and devices.

The current is the charge at the top of the source's barrier times the speed at which it is injected there, so a
handful of published figures (on-current, off-current, swing, barrier lowering) sets all of it. Valid from weak to
strong inversion, with resistances to both contacts, temperature and mismatch. Gate, junction and band-to-band leakage
are not in it, nor is what a fin loses by heating itself.

Widths are layout widths: of a FinFET, one fin is one fin pitch.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.errors import UserError
from devicemodels.quantities import (
    AmperePerMetre,
    Kelvin,
    Metre,
    OhmMetre,
    Ratio,
    SignedRatio,
    Volt,
    VoltMetre,
    VoltPerKelvin,
)
from devicemodels.thermal import REFERENCE_TEMPERATURE, thermal_voltage

Array = NDArray[np.float64]
FaradPerSquareMetre = Annotated[float, "F/m^2"]
MetrePerSecond = Annotated[float, "m/s"]
SquareMetrePerVoltSecond = Annotated[float, "m^2/(V*s)"]

INVERSION_SHIFT = 3.5
"""Thermal voltages between the thresholds of weak and strong inversion: alpha of Khakifirooz (2009), equation 4."""

ITERATIONS = 4
"""Newton's steps for the drop across the contacts; they leave 1e-9 of the current."""

SOLUTION_STEPS = 40
"""Most steps from figures to model; half a dozen are taken."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What papers print of a transistor at 300 K, and the shape of its curves.

    `on_current` flows at V_GS = V_DS = `voltage`, `off_current` at V_GS = 0 and V_DS = `voltage`. `slope_factor` is the
    swing over 60 mV per decade. `barrier_lowering` is the threshold lost per volt of drain, `body_effect` the
    threshold gained per volt of source above body. `access_resistance` is that of one contact.
    `inversion_capacitance` is per layout area of the gate; a fin's side walls count.
    """

    on_current: AmperePerMetre
    off_current: AmperePerMetre
    voltage: Volt
    channel_length: Metre
    slope_factor: Ratio
    barrier_lowering: Ratio
    body_effect: Ratio
    inversion_capacitance: FaradPerSquareMetre
    mobility: SquareMetrePerVoltSecond
    access_resistance: OhmMetre
    saturation_exponent: Ratio
    threshold_slope: VoltPerKelvin
    mobility_exponent: SignedRatio
    velocity_exponent: SignedRatio


@dataclass(frozen=True, kw_only=True)
class VirtualSource:
    """A transistor type: its figures, and the two parameters that `solve` found in them.

    `threshold_voltage` is that of strong inversion without drain voltage. A p-channel device is the same model with
    every voltage and current mirrored. Used for voltages up to `voltage_limit` and between the two temperatures.
    `matching` is the Pelgrom constant of a *pair*.
    """

    name: str
    figures: Figures
    threshold_voltage: Any
    injection_velocity: Any
    matching: VoltMetre
    voltage_limit: Volt
    lowest_temperature: Kelvin
    highest_temperature: Kelvin

    @property
    def channel_length(self) -> Metre:
        """Gate length, which mismatch averages over."""
        return self.figures.channel_length

    def drawn(self, *, width: Any, temperature: Any, threshold_shift: ArrayLike = 0.0) -> "Channel":
        """As `channel`."""
        return channel(self, width=width, temperature=temperature, threshold_shift=threshold_shift)


@dataclass(frozen=True)
class Channel:
    """A transistor drawn and warmed; each field is a number or an array, and all broadcast together.

    `conductance` is width times capacitance times velocity, `saturation` the drain voltage of saturation in strong
    inversion, `resistance` that of one contact.
    """

    threshold: Array
    thermal: Array
    slope_factor: Array
    barrier_lowering: Array
    body_effect: Array
    conductance: Array
    saturation: Array
    saturation_exponent: Array
    resistance: Array

    def drain_current(self, *, gate: ArrayLike, drain: ArrayLike, source: ArrayLike, body: Any = 0.0) -> Array:
        """As `drain_current`."""
        return drain_current(self, gate=gate, drain=drain, source=source, body=body)


def channel(device: VirtualSource, *, width: Any, temperature: Any, threshold_shift: ArrayLike = 0.0) -> Channel:
    """Prepare a transistor of layout `width` for `drain_current`; `threshold_shift` in volts is how mismatch enters.

    Mobility and velocity are powers of T / 300 K, the threshold is linear in temperature.
    """
    f, warmth = device.figures, np.asarray(temperature) / REFERENCE_TEMPERATURE
    velocity = device.injection_velocity * warmth**-f.velocity_exponent
    warming = f.threshold_slope * (np.asarray(temperature) - REFERENCE_TEMPERATURE)
    return Channel(
        threshold=np.asarray(device.threshold_voltage + warming + np.asarray(threshold_shift, dtype=float)),
        thermal=thermal_voltage(np.asarray(temperature, dtype=float)),
        slope_factor=np.asarray(f.slope_factor),
        barrier_lowering=np.asarray(f.barrier_lowering),
        body_effect=np.asarray(f.body_effect),
        conductance=np.asarray(width) * f.inversion_capacitance * velocity,
        saturation=velocity * f.channel_length / (f.mobility * warmth**-f.mobility_exponent),
        saturation_exponent=np.asarray(f.saturation_exponent),
        resistance=np.asarray(f.access_resistance) / width,
    )


def drain_current(device: Channel, *, gate: ArrayLike, drain: ArrayLike, source: ArrayLike, body: Any = 0.0) -> Array:
    """Current in amperes from drain to source of an n-channel transistor; the voltages in volts, broadcast together.

    Odd under exchange of drain and source, with a continuous slope through zero.
    """
    gate, drain, source = np.asarray(gate), np.asarray(drain), np.asarray(source)
    low = np.minimum(drain, source)
    here = device.threshold + device.body_effect * (low - body)
    return np.sign(drain - source) * _through_contacts(device, gate - low - here, np.abs(drain - source))


def _through_contacts(device: Channel, overdrive: Array, drain: Array) -> Array:
    """Current for a drain voltage of zero or more: Newton on I = f(V_GS - I R, V_DS - 2 I R), from no current."""
    current, slope = _intrinsic(device, overdrive, drain)
    current = current / (1 + device.resistance * slope)
    for _ in range(ITERATIONS - 1):
        drop = device.resistance * current
        inside, slope = _intrinsic(device, overdrive - drop, np.maximum(drain - 2 * drop, 0.0))
        current = current + (inside - current) / (1 + device.resistance * slope)
    return current


def _intrinsic(device: Channel, overdrive: Array, drain: Array) -> tuple[Array, Array]:
    """Current between the inner ends of the contacts, and what it loses per volt dropped across one of them.

    Khakifirooz (2009), equations 2 to 7: Q = C n U ln(1 + exp((V_GS - V_T + a U F) / n U)), a charge that enters with
    the velocity v as far as the drain voltage saturates it. F is one in weak inversion and zero in strong.
    """
    above = overdrive + device.barrier_lowering * drain
    shift, slope_voltage = INVERSION_SHIFT * device.thermal, device.slope_factor * device.thermal
    _, weak = _softplus(-above / shift - 0.5)
    turning = weak * (1 - weak)
    reduced = (above + shift * weak) / slope_voltage
    states, inverted = _softplus(reduced)
    charge = slope_voltage * states
    saturation = device.saturation * (1 - weak) + device.thermal * weak
    ratio = drain / saturation
    beyond = 1 + ratio**device.saturation_exponent
    limit = beyond ** (-1 / device.saturation_exponent)
    current = device.conductance * charge * ratio * limit
    by_drain = device.conductance * charge * limit / (beyond * saturation)
    by_gate = device.conductance * ratio * limit * inverted * (1 - turning)
    by_gate = by_gate - by_drain * ratio * (device.saturation - device.thermal) * turning / shift
    return current, by_gate * (1 + 2 * device.barrier_lowering) + 2 * by_drain


def _softplus(x: Array) -> tuple[Array, Array]:
    """ln(1 + e^x) and its slope, several times faster than NumPy's and SciPy's own."""
    small = np.exp(-np.abs(x))
    return np.maximum(x, 0.0) + np.log1p(small), np.where(x > 0, 1.0, small) / (1 + small)


def small_signal_resistance(device: Channel, *, overdrive: ArrayLike) -> Array:
    """Resistance in ohms at no drain voltage, contacts included; `overdrive` in volts above `device.threshold`."""
    _, slope = _intrinsic(device, np.asarray(overdrive), np.zeros(()))
    return 2 / slope + 2 * device.resistance


def solve(name: str, figures: Figures, **limits: Any) -> VirtualSource:
    """The model whose on- and off-current are those of `figures`; `limits` are the other fields of `VirtualSource`.

    The off-current gives the threshold; then Newton's method on the velocity, at the same off-current.

    Raises
    ------
    UserError
        If no velocity gives the on-current: mobility, contacts and capacitance allow less.
    """
    device = VirtualSource(name=name, figures=figures, threshold_voltage=0.3, injection_velocity=1e5, **limits)
    for _ in range(SOLUTION_STEPS):
        lower = _excess_leakage(device)
        device = replace(device, threshold_voltage=device.threshold_voltage + lower)
        on = _on_current(device)
        gain = np.log(_on_current(_faster(device, 1.0001)) / on) / np.log(1.0001)
        missing = np.log(figures.on_current / on) / np.maximum(gain, 0.02)
        if np.all(np.abs(missing) < 1e-9) and np.all(np.abs(lower) < 1e-11):
            return device
        device = _faster(device, np.exp(np.clip(missing, -2, 2)))
    raise _unreachable(device)


def _faster(device: VirtualSource, factor: Any) -> VirtualSource:
    """Carriers enter faster by `factor`, and the threshold is raised so that the off-current stays."""
    slope_voltage = device.figures.slope_factor * thermal_voltage(REFERENCE_TEMPERATURE)
    return replace(
        device,
        injection_velocity=device.injection_velocity * factor,
        threshold_voltage=device.threshold_voltage + slope_voltage * np.log(factor),
    )


def _on_current(device: VirtualSource) -> Array:
    return _at(device, gate=device.figures.voltage, current=device.figures.on_current)


def _excess_leakage(device: VirtualSource) -> Array:
    """How far, in volts, the threshold lies under the one that has the off-current."""
    f = device.figures
    excess = np.log(_at(device, gate=0.0, current=f.off_current) / f.off_current)
    return excess * f.slope_factor * thermal_voltage(REFERENCE_TEMPERATURE)


def _at(device: VirtualSource, *, gate: Any, current: Any) -> Array:
    """Current in A/m at a gate voltage and the drain voltage of the figures, less the drops of `current` in A/m."""
    f = device.figures
    drawn = channel(device, width=1.0, temperature=REFERENCE_TEMPERATURE)
    drop = np.asarray(current * f.access_resistance)
    inside, _ = _intrinsic(drawn, gate - drop - drawn.threshold, np.maximum(f.voltage - 2 * drop, 1e-6))
    return np.maximum(inside, 1e-200)  # figures out of all reason leave nothing, and a logarithm follows


def _unreachable(device: VirtualSource) -> UserError:
    """Velocities from far too low to far too high, each with the threshold that has the off-current, give the most."""
    f = device.figures
    velocities = np.logspace(4, 7, 61).reshape(-1, *[1] * np.ndim(f.on_current))
    tried = replace(device, injection_velocity=velocities)
    for _ in range(SOLUTION_STEPS):
        tried = replace(tried, threshold_voltage=tried.threshold_voltage + _excess_leakage(tried))
    drawn = channel(tried, width=1.0, temperature=REFERENCE_TEMPERATURE)
    most = np.broadcast_to(
        drain_current(drawn, gate=f.voltage, drain=f.voltage, source=0.0).max(axis=0), np.shape(f.on_current)
    )
    worst = np.argmax(f.on_current / most)
    return UserError(
        f"transistor '{device.name}' cannot have an on-current of {np.ravel(f.on_current)[worst]:.4g} A/m at "
        f"{np.ravel(f.voltage)[0]:g} V: its off-current, mobility, contacts and capacitance allow "
        f"{np.ravel(most)[worst]:.4g} A/m however fast carriers enter; lower on_current or access_resistance, or raise "
        "off_current, mobility or inversion_capacitance"
    )
