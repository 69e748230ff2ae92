"""Tunnel magnetoresistance and resistance, through conductances."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from devicemodels.mtj.energy import polarisation
from devicemodels.quantities import Kelvin, Ohm, Ratio, Volt

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj


def zero_bias_tmr(mtj: Mtj, *, temperature: Kelvin) -> Ratio:
    """TMR at no bias: polarisation falls as 1 - B T^1.5 (Shang 1998) and Julliere's formula turns it into TMR."""

    def decay(kelvin: Kelvin) -> float:
        return 1 - mtj.polarisation_decay * kelvin**1.5

    squared = (polarisation(mtj.tmr_zero_bias) * decay(temperature) / decay(300.0)) ** 2
    return 2 * squared / (1 - squared)


def tmr(mtj: Mtj, *, voltage: Volt, temperature: Kelvin) -> Ratio:
    """TMR(V, T) = TMR(0, T) / (1 + (V/V_h)^2)."""
    return zero_bias_tmr(mtj, temperature=temperature) / (1 + (voltage / mtj.tmr_half_voltage) ** 2)


def parallel_resistance(mtj: Mtj) -> Ohm:
    """R_P = RA / area, taken to depend on neither bias nor temperature: for MgO that holds within some per cent."""
    return mtj.resistance_area / mtj.area


def resistance(mtj: Mtj, *, angle: float, voltage: Volt, temperature: Kelvin) -> Ohm:
    """Resistance at an angle between the layers: the *conductance* is linear in its cosine (Slonczewski 1989).

    R = 2 R_P (1 + TMR) / (2 + TMR (1 + cos angle)); R_P at 0 and R_AP = R_P (1 + TMR(V)) at pi.
    """
    ratio = tmr(mtj, voltage=voltage, temperature=temperature)
    return 2 * parallel_resistance(mtj) * (1 + ratio) / (2 + ratio * (1 + math.cos(angle)))
