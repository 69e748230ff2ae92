"""A compact MOSFET: the alpha-power law of Sakurai and Newton (1990), with body effect and temperature.

It has what an access transistor and a driver need, triode and saturation above threshold, and an exponential
off-current. Drain-induced barrier lowering and the moderate-inversion region are not in it.
"""

import math

from scipy.constants import Boltzmann, elementary_charge

from devicemodels.quantities import Ampere, Farad, Kelvin, Metre, Ohm, Ratio, Second, Volt
from devicemodels.technology import REFERENCE_TEMPERATURE, Technology


def thermal_voltage(temperature: Kelvin) -> Volt:
    """k T / e."""
    return Boltzmann * temperature / elementary_charge


def threshold_at(technology: Technology, *, temperature: Kelvin, source_body: Volt = 0.0) -> Volt:
    """Threshold voltage: linear in temperature and, for the body effect, linear in the source-body voltage."""
    shift = technology.threshold_slope * (temperature - REFERENCE_TEMPERATURE)
    return technology.threshold_voltage + shift + technology.body_effect * source_body


def saturation_current(
    technology: Technology, *, width: Metre, gate_source: Volt, temperature: Kelvin, source_body: Volt = 0.0
) -> Ampere:
    """Saturated drain current of an NMOS, I_on W (overdrive / overdrive_ref)^alpha (T / 300 K)^-m.

    Zero below threshold. Sakurai and Newton (1990), equation 1, with the drive scaled from the sheet's on-current.
    """
    overdrive = gate_source - threshold_at(technology, temperature=temperature, source_body=source_body)
    if overdrive <= 0:
        return 0.0
    reference = technology.on_current_voltage - technology.threshold_voltage
    mobility = (temperature / REFERENCE_TEMPERATURE) ** -technology.mobility_exponent
    return technology.on_current * width * (overdrive / reference) ** technology.velocity_index * mobility


def drain_current(
    technology: Technology,
    *,
    width: Metre,
    gate_source: Volt,
    drain_source: Volt,
    temperature: Kelvin,
    source_body: Volt = 0.0,
) -> Ampere:
    """Drain current of an NMOS in triode or saturation (Sakurai and Newton 1990), zero for no drain voltage.

    The saturation voltage scales as overdrive^(alpha/2) from its value at the reference overdrive.
    """
    if drain_source <= 0:
        return 0.0
    bias = {"gate_source": gate_source, "temperature": temperature, "source_body": source_body}
    saturated = saturation_current(technology, width=width, **bias)
    if saturated == 0.0:
        return 0.0
    ratio = drain_source / _saturation_voltage(technology, **bias)
    return saturated * (ratio * (2 - ratio) if ratio < 1 else 1.0)


def _saturation_voltage(technology: Technology, *, gate_source: Volt, temperature: Kelvin, source_body: Volt) -> Volt:
    overdrive = gate_source - threshold_at(technology, temperature=temperature, source_body=source_body)
    reference = technology.on_current_voltage - technology.threshold_voltage
    return technology.saturation_voltage * (overdrive / reference) ** (technology.velocity_index / 2)


def on_resistance(technology: Technology, *, width: Metre, gate_source: Volt, temperature: Kelvin) -> Ohm:
    """Resistance of an NMOS at small drain voltage: the slope of `drain_current` at zero."""
    bias = {"gate_source": gate_source, "temperature": temperature, "source_body": 0.0}
    return _saturation_voltage(technology, **bias) / (2 * saturation_current(technology, width=width, **bias))


def switch_resistance(technology: Technology, *, width: Metre, temperature: Kelvin, pmos: bool = False) -> Ohm:
    """Effective resistance of a driver that swings its load by the supply: V / (2 I_eff) with I_eff = 0.7 I_sat.

    0.69 R C is then the 50 % delay. `pmos` divides the current by the sheet's ratio of the two drives.
    """
    current = saturation_current(technology, width=width, gate_source=technology.supply, temperature=temperature)
    ratio = technology.pmos_ratio if pmos else 1.0
    return technology.supply / (2 * 0.7 * current * ratio) / math.log(2)


def delay_scale(technology: Technology, *, temperature: Kelvin) -> Ratio:
    """Delay of logic at `temperature` over that at 300 K: the inverse ratio of the on-currents at the supply."""
    bias = {"width": 1.0, "gate_source": technology.supply}
    cold = saturation_current(technology, temperature=REFERENCE_TEMPERATURE, **bias)
    return cold / saturation_current(technology, temperature=temperature, **bias)


def fo4_at(technology: Technology, *, temperature: Kelvin) -> Second:
    """FO4 delay at a temperature."""
    return technology.fo4_delay * delay_scale(technology, temperature=temperature)


def leakage_scale(technology: Technology, *, temperature: Kelvin) -> Ratio:
    """Sub-threshold current at `temperature` over that at 300 K: (T/300)^2 exp(-V_th(T) / n V_T), taken as a ratio."""

    def exponent(kelvin: Kelvin) -> float:
        slope = technology.subthreshold_ideality * thermal_voltage(kelvin)
        return threshold_at(technology, temperature=kelvin) / slope

    growth = exponent(REFERENCE_TEMPERATURE) - exponent(temperature)
    return (temperature / REFERENCE_TEMPERATURE) ** 2 * math.exp(growth)


def off_current(technology: Technology, *, width: Metre, temperature: Kelvin) -> Ampere:
    """Off-current of an NMOS of the given width at a temperature."""
    return technology.off_current * width * leakage_scale(technology, temperature=temperature)


def gate_load(technology: Technology, *, width: Metre) -> Farad:
    """Gate capacitance of a transistor of the given width."""
    return technology.gate_capacitance * width
