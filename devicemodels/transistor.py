"""The transistors of a node as a bank uses them: drivers, switches, access transistors and what leaks.

Each stands on the node's virtual-source model (`virtual_source`). Every number may be an array, the fields of the
technology too, and all broadcast together; `threshold_shift` in volts is how mismatch and slow corners enter. Widths
are layout widths (see `Technology`).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from devicemodels.quantities import Farad, Joule, Metre
from devicemodels.technology import Technology
from devicemodels.thermal import REFERENCE_TEMPERATURE
from devicemodels.virtual_source import Channel, small_signal_resistance


def threshold_at(
    technology: Technology, *, temperature: ArrayLike, source_body: ArrayLike = 0.0, threshold_shift: ArrayLike = 0.0
) -> Any:
    """Threshold voltage of strong inversion without drain voltage: linear in temperature and source-body voltage."""
    nmos, warmer = technology.nmos, np.subtract(temperature, REFERENCE_TEMPERATURE)
    body = np.multiply(technology.body_effect, source_body)
    return nmos.threshold_voltage + technology.threshold_slope * warmer + body + threshold_shift


def drain_current(
    technology: Technology,
    *,
    width: ArrayLike,
    gate_source: ArrayLike,
    drain_source: ArrayLike,
    temperature: ArrayLike,
    source_body: ArrayLike = 0.0,
    threshold_shift: ArrayLike = 0.0,
) -> Any:
    """Drain current of an NMOS in amperes, from weak to strong inversion; odd under exchange of drain and source."""
    drawn = _nmos(technology, width, temperature, threshold_shift)
    return drawn.drain_current(gate=gate_source, drain=drain_source, source=0.0, body=np.negative(source_body))


def _nmos(technology: Technology, width: ArrayLike, temperature: ArrayLike, shift: ArrayLike = 0.0) -> Channel:
    return technology.nmos.drawn(width=np.asarray(width), temperature=temperature, threshold_shift=shift)


def saturation_current(
    technology: Technology,
    *,
    width: ArrayLike,
    gate_source: ArrayLike,
    temperature: ArrayLike,
    source_body: ArrayLike = 0.0,
    threshold_shift: ArrayLike = 0.0,
) -> Any:
    """Drain current of an NMOS whose drain is at the supply."""
    return drain_current(
        technology,
        width=width,
        gate_source=gate_source,
        drain_source=technology.supply,
        temperature=temperature,
        source_body=source_body,
        threshold_shift=threshold_shift,
    )


def effective_current(
    technology: Technology,
    *,
    width: ArrayLike,
    temperature: ArrayLike,
    pmos: bool = False,
    threshold_shift: ArrayLike = 0.0,
) -> Any:
    """Mean current of a switching inverter: that of half the drain and of half the gate voltage (Na et al. 2002)."""
    device, supply = technology.pmos if pmos else technology.nmos, technology.supply
    drawn = device.drawn(width=np.asarray(width), temperature=temperature, threshold_shift=threshold_shift)
    high = drawn.drain_current(gate=supply, drain=np.divide(supply, 2), source=0.0)
    return (high + drawn.drain_current(gate=np.divide(supply, 2), drain=supply, source=0.0)) / 2


def on_resistance(
    technology: Technology,
    *,
    width: ArrayLike,
    gate_source: ArrayLike,
    temperature: ArrayLike,
    source_body: ArrayLike = 0.0,
    threshold_shift: ArrayLike = 0.0,
) -> Any:
    """Resistance of an NMOS at small drain voltage in ohms: the inverse slope of `drain_current` at zero."""
    drawn = _nmos(technology, width, temperature, threshold_shift)
    overdrive = gate_source - drawn.threshold - drawn.body_effect * np.asarray(source_body)
    return small_signal_resistance(drawn, overdrive=overdrive)


def switch_resistance(
    technology: Technology,
    *,
    width: ArrayLike,
    temperature: ArrayLike,
    pmos: bool = False,
    threshold_shift: ArrayLike = 0.0,
) -> Any:
    """Resistance in ohms of a driver that swings its load by the supply: V / (2 I_eff ln 2).

    0.69 R C is then C V / 2 I_eff, the delay to half of the swing.
    """
    bias = {"temperature": temperature, "pmos": pmos, "threshold_shift": threshold_shift}
    return technology.supply / (2 * math.log(2) * effective_current(technology, width=width, **bias))


def delay_scale(technology: Technology, *, temperature: ArrayLike, threshold_shift: ArrayLike = 0.0) -> Any:
    """Delay of logic at the supply and a temperature over that at `logic_voltage` and 300 K: V / I_eff of both."""
    nmos, volts = technology.nmos, technology.logic_voltage
    drawn = nmos.drawn(width=1.0, temperature=REFERENCE_TEMPERATURE)
    halves = (
        drawn.drain_current(gate=volts, drain=volts / 2, source=0.0),
        drawn.drain_current(gate=volts / 2, drain=volts, source=0.0),
    )
    here = effective_current(technology, width=1.0, temperature=temperature, threshold_shift=threshold_shift)
    return technology.supply / volts * (sum(halves) / 2) / here


def fo4_at(technology: Technology, *, temperature: ArrayLike, threshold_shift: ArrayLike = 0.0) -> Any:
    """FO4 delay in seconds at the supply and a temperature."""
    scale = delay_scale(technology, temperature=temperature, threshold_shift=threshold_shift)
    return technology.fo4_delay * scale


def switching_energy(technology: Technology) -> Joule:
    """Energy of one output transition of a NAND2-equivalent gate at the supply: C V^2 / 2."""
    return technology.nand2_energy * (technology.supply / technology.logic_voltage) ** 2


def off_current(
    technology: Technology, *, width: ArrayLike, temperature: ArrayLike, threshold_shift: ArrayLike = 0.0
) -> Any:
    """Off-current of an NMOS in amperes, gate at its source and drain at the supply; a PMOS leaks as much."""
    bias = {"temperature": temperature, "gate_source": 0.0, "threshold_shift": threshold_shift}
    return saturation_current(technology, width=width, **bias)


def leakage_scale(technology: Technology, *, temperature: ArrayLike) -> Any:
    """Off-current at the supply and a temperature over the sheet's `off_current`."""
    return off_current(technology, width=1.0, temperature=temperature) / technology.off_current


def gate_load(technology: Technology, *, width: ArrayLike) -> Farad:
    """Gate capacitance of a transistor of the given width."""
    return technology.gate_capacitance * width  # type: ignore[return-value]


def fitting_width(technology: Technology, *, space: ArrayLike) -> Metre:
    """Widest transistor in metres that fits `space`: whole fins of a FinFET node, all of it in a planar one.

    Zero where not even one fin, or the planar node's `minimum_width`, fits.
    """
    room = np.asarray(space, dtype=float)
    if technology.fin_pitch > 0:
        room = np.floor(room / technology.fin_pitch + 1e-9) * technology.fin_pitch
    return np.where(room >= technology.minimum_width * (1 - 1e-9), room, 0.0)[()]
