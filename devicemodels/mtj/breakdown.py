"""Breakdown of the tunnel barrier under pulses: how likely, and after how many writes.

Weibull in the time under stress, a power law in voltage, weakest link in area:

    F = 1 - exp(-H),  H(t) = (A / A_ref) (t / t_63(V))^beta,  t_63(V) = t_ref (V_ref / V)^n.

A junction of area A so has the characteristic life t_63 (A_ref / A)^(1/beta). Naturally oxidised MgO follows the
Weibull law; sputtered MgO was found to be log-normal, which is kinder at low probabilities. Only the time under stress
counts: neither the pause between pulses nor their polarity, both of which matter in silicon (bipolar stress is worse).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.checks import require_finite, require_fraction, require_not_negative, require_positive
from devicemodels.quantities import Ratio, Second, Volt

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj


def characteristic_life(mtj: Mtj, *, voltage: Volt) -> Second:
    """Time under stress after which 63 % of such junctions are broken, at a voltage of either sign; infinite at none.

    Raises
    ------
    UserError
        If the voltage is not finite.
    """
    require_finite(f"the stress voltage of {mtj.name}", voltage, "V")
    if voltage == 0:
        return math.inf
    log_time = math.log(mtj.breakdown_time) - mtj.breakdown_exponent * math.log(abs(voltage) / mtj.breakdown_voltage)
    log_area = math.log(mtj.breakdown_area / mtj.area) / mtj.breakdown_slope
    return math.exp(min(log_time + log_area, 700.0))


def breakdown_probability(mtj: Mtj, *, voltage: Volt, pulse: Second, writes: ArrayLike) -> NDArray[np.float64]:
    """Probability that a junction is broken after `writes` pulses (any shape) of that voltage and width.

    Raises
    ------
    UserError
        If the voltage is not finite, the pulse not above zero, or the writes negative or not finite.
    """
    return -np.expm1(-_hazard(mtj, voltage=voltage, pulse=pulse, writes=writes))


def breakdown_per_write(mtj: Mtj, *, voltage: Volt, pulse: Second, writes: ArrayLike) -> NDArray[np.float64]:
    """Probability that the next pulse breaks a junction that has outlived `writes` (any shape) of them.

    1 - exp[H(N) - H(N+1)], with the difference as N^beta expm1(beta log1p(1/N)) so that a large N cancels nothing. It
    rises with age for a slope above one. Errors as for `breakdown_probability`.
    """
    count = np.asarray(writes, dtype=float)
    hazard = _hazard(mtj, voltage=voltage, pulse=pulse, writes=count)
    first = _hazard(mtj, voltage=voltage, pulse=pulse, writes=1.0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        growth = hazard * np.expm1(mtj.breakdown_slope * np.log1p(1 / count))
    return -np.expm1(-np.where(count == 0, first, growth))


def endurance(mtj: Mtj, *, voltage: Volt, pulse: Second, failure: Ratio = 0.01) -> float:
    """Writes after which a fraction `failure` of junctions is broken; infinite without a voltage.

    For an array, `failure` is the bit error that its code still bears (`error_correction.allowed_bit_error`).

    Raises
    ------
    UserError
        If the voltage is not finite, the pulse not above zero, or the failure probability not between 0 and 1.
    """
    require_positive(f"the write pulse of {mtj.name}", pulse, "s")
    require_fraction(f"the failure probability that sets the endurance of {mtj.name}", failure)
    quantile = (-math.log1p(-failure)) ** (1 / mtj.breakdown_slope)
    return characteristic_life(mtj, voltage=voltage) * quantile / pulse


def _hazard(mtj: Mtj, *, voltage: Volt, pulse: Second, writes: ArrayLike) -> NDArray[np.float64]:
    """Cumulated hazard H of the Weibull law."""
    require_positive(f"the write pulse of {mtj.name}", pulse, "s")
    require_not_negative(f"the number of writes to {mtj.name}", writes)
    return (
        np.asarray(writes, dtype=float) * (pulse / characteristic_life(mtj, voltage=voltage))
    ) ** mtj.breakdown_slope
