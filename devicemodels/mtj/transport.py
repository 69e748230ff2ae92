"""Tunnel magnetoresistance, resistance and self-heating, through conductances.

Angles, voltages, temperatures and the fields of the `Mtj` may be arrays that broadcast together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.constants import electron_mass, elementary_charge, hbar
from scipy.optimize import brentq

from devicemodels.checks import require_finite
from devicemodels.errors import UserError
from devicemodels.mtj.energy import SHEET_TEMPERATURE, check_temperature, polarisation
from devicemodels.quantities import Kelvin, Metre, Ohm, Ratio, Second, Volt

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj


def zero_bias_tmr(mtj: Mtj, *, temperature: Kelvin) -> Ratio:
    """TMR at no bias: polarisation falls as 1 - B T^1.5 (Shang 1998) and Julliere's formula turns it into TMR.

    The unpolarised conductance by defects, which Shang adds, is left out: no sheet has its size.

    Raises
    ------
    UserError
        If the temperature is out of range, or the polarisation that this gives there is not below one.
    """
    check_temperature(mtj, temperature)
    cold, sheet = (
        np.maximum(1 - mtj.polarisation_decay * np.asarray(kelvin) ** 1.5, 0.0)
        for kelvin in (temperature, SHEET_TEMPERATURE)
    )
    squared = (polarisation(mtj.tmr_zero_bias) * cold / sheet) ** 2
    if np.any(squared >= 1):
        raise UserError(
            f"{mtj.name} would be more than fully polarised at {np.min(temperature):g} K, by a factor of "
            f"{math.sqrt(np.max(squared)):.4g}; lower polarisation_decay or tmr_zero_bias, or raise the temperature"
        )
    return 2 * squared / (1 - squared)


def tmr(mtj: Mtj, *, voltage: Volt, temperature: Kelvin) -> Ratio:
    """TMR(V, T) = TMR(0, T) / (1 + (V/V_h)^2)."""
    require_finite("the voltage", voltage, "V")
    return zero_bias_tmr(mtj, temperature=temperature) / (1 + (np.asarray(voltage) / mtj.tmr_half_voltage) ** 2)[()]


def parallel_resistance(mtj: Mtj) -> Ohm:
    """R_P = RA / area, taken to depend on neither bias nor temperature: for MgO that holds within some per cent."""
    return mtj.resistance_area / mtj.area


def resistance(mtj: Mtj, *, angle: float, voltage: Volt, temperature: Kelvin) -> Ohm:
    """Resistance at an angle between the layers: the *conductance* is linear in its cosine (Slonczewski 1989).

    R = 2 R_P (1 + TMR) / (2 + TMR (1 + cos angle)); R_P at 0 and R_AP = R_P (1 + TMR(V)) at pi.
    """
    require_finite("the angle", angle, "rad")
    ratio = tmr(mtj, voltage=voltage, temperature=temperature)
    return 2 * parallel_resistance(mtj) * (1 + ratio) / (2 + ratio * (1 + np.cos(angle)))


def brinkman_conductance(voltage: Volt, *, thickness: Metre, height: Volt, asymmetry: Volt = 0.0) -> Ratio:
    """Conductance of a tunnel barrier over that at no bias (Brinkman, Dynes and Rowell 1970).

    G(V)/G(0) = 1 - A_0 D u/(16 phi^1.5) + 9 A_0^2 u^2/(128 phi), with A_0 = 4 t sqrt(2 m)/(3 hbar), u = e V, the mean
    height phi and the asymmetry D both times e: all energies in joules, m the free electron's mass. It is the second
    order in u of a thick, high barrier; a positive bias lowers the far side, whose height is `asymmetry` above that
    of the near one. This describes the barrier alone. MgO's parallel channel, which is what `resistance` needs, is
    flatter than it says.
    """
    require_finite("the voltage", voltage, "V")
    require_finite("the asymmetry of the barrier", asymmetry, "V")
    if not (0 < thickness < math.inf and 0 < height < math.inf):
        raise UserError(
            f"the barrier is {thickness:g} m thick and {height:g} V high, but both must be above zero; give SI units"
        )
    slope = 4 * thickness * math.sqrt(2 * electron_mass) / (3 * hbar)
    phi, tilt, energy = (elementary_charge * value for value in (height, asymmetry, np.asarray(voltage)))
    return (1 - slope * tilt * energy / (16 * phi**1.5) + 9 * slope**2 * energy**2 / (128 * phi))[()]


def junction_temperature(
    mtj: Mtj, *, voltage: Volt, pulse: Second = math.inf, ambient: Kelvin = 300.0, angle: float = 0.0
) -> Kelvin:
    """Temperature of the junction at the end of a voltage pulse that it stands under from the start.

    T = T_ambient + (V^2/RA(angle, V, T)) R_th (1 - exp(-pulse/t_th)), where R_th is thermal resistance times area;
    solved for T, on which the resistance depends. Scalars only.

    Raises
    ------
    UserError
        If the ambient temperature is out of range (`check_temperature`), the pulse is not above zero, a value is not
        finite, or a junction as parallel as can be would reach the Curie temperature.
    """
    check_temperature(mtj, ambient)
    require_finite("the voltage", voltage, "V")
    if not pulse > 0:
        raise UserError(f"the pulse is {pulse:g} s long, but must be above zero; infinity is a steady voltage")
    reach = -math.expm1(-pulse / mtj.thermal_time) * mtj.thermal_resistance_area
    power = voltage**2 / mtj.area

    def excess(kelvin: Kelvin) -> float:
        ohms = resistance(mtj, angle=angle, voltage=voltage, temperature=kelvin)
        return kelvin - ambient - reach * power / ohms

    hottest = ambient + reach * power / parallel_resistance(mtj)  # no angle conducts better than parallel
    if hottest >= mtj.curie_temperature:
        raise UserError(
            f"{voltage:g} V for {pulse:g} s may heat {mtj.name} from {ambient:g} to {hottest:.4g} K, but its "
            f"curie_temperature is {mtj.curie_temperature:g} K; lower the voltage or the pulse"
        )
    return brentq(excess, ambient, hottest * (1 + 1e-12), xtol=1e-9) if hottest > ambient else ambient
