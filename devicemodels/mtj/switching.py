"""Write errors, read disturb and retention of the axial macrospin, in closed form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from devicemodels.mtj.energy import relaxation_rate
from devicemodels.quantities import Ampere, Kelvin, Ratio, Second

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj


def write_error(*, stability: Ratio, overdrive: Ratio, reduced_time: Ratio) -> Ratio:
    """Probability that a pulse does not switch, for current `overdrive` I_c0 and length `reduced_time`.

    WER = 1 - exp{-2 Delta (i-1) w0 / [i e^{2(i-1) tau} - 1]}, the form of Butler (2012), whose w0 = pi^2/8; here
    w0 = 2^((i-1)/(i+1)) ((i-1)/i)^(2/(i+1)), which matches the thermal start to the exact flow at zero temperature
    (docs/theory_devices.md). Against the Fokker-Planck equation it is within 17 % for Delta 43, i 1.5 to 3, tau 4 to 6.
    One for an overdrive of one or less, where the formula does not hold.
    """
    if overdrive <= 1:
        return 1.0
    excess = overdrive - 1
    start = 2 ** (excess / (overdrive + 1)) * (excess / overdrive) ** (2 / (overdrive + 1))
    exponent = 2 * excess * reduced_time
    if exponent > 600:
        return 0.0
    return -math.expm1(-2 * stability * excess * start / (overdrive * math.exp(exponent) - 1))


def write_error_rate(mtj: Mtj, *, overdrive: Ratio, pulse: Second, temperature: Kelvin) -> Ratio:
    """Write error of a nominal junction for a pulse in seconds; no spread between cells (`write_error`)."""
    tau = relaxation_rate(mtj, temperature=temperature) * pulse
    return write_error(stability=mtj.thermal_stability(temperature), overdrive=overdrive, reduced_time=tau)


def escape_rate(*, stability: Ratio, attempt: float, drive: Ratio = 0.0) -> float:
    """Escapes per second over a barrier that a current `drive` I_c0 lowers to Delta (1 - i)^2 (Brown 1963, axial).

    `attempt` is alpha gamma_0 H_k / (1 + alpha^2) in 1/s. In an axial macrospin a current acts exactly as a field,
    hence the square. The asymptote needs a barrier of a few k T; it is capped at the attempt rate.
    """
    if drive >= 1 or stability <= 0:
        return attempt
    shape = math.sqrt(stability / math.pi) * (1 - drive**2) * (1 - drive)
    return attempt * min(1.0, shape * math.exp(-stability * (1 - drive) ** 2))


def read_disturb_rate(mtj: Mtj, *, current: Ampere, duration: Second, temperature: Kelvin) -> Ratio:
    """Probability that one read of the given current and length flips the cell whose state it works against."""
    rate = escape_rate(
        stability=mtj.thermal_stability(temperature),
        attempt=relaxation_rate(mtj, temperature=temperature),
        drive=current / mtj.critical_current(temperature),
    )
    return -math.expm1(-rate * duration)


def retention_error_rate(mtj: Mtj, *, duration: Second, temperature: Kelvin) -> Ratio:
    """Fraction of an array's cells that flip by heat alone in `duration`, with a Gaussian spread of the barrier.

    P = integral of N(Delta; mean, sigma) [1 - exp(-t k(Delta))] over Delta, on a grid of 2001 points over ten sigma
    either side (barriers below zero count as zero).
    """
    mean = mtj.thermal_stability(temperature)
    attempt = relaxation_rate(mtj, temperature=temperature)
    sigma = mtj.sigma_barrier * mean
    if sigma == 0:
        return -math.expm1(-duration * escape_rate(stability=mean, attempt=attempt))
    z = np.linspace(-10, 10, 2001)
    weight = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    rates = np.array([escape_rate(stability=mean + sigma * x, attempt=attempt) for x in z])
    return float(np.trapezoid(weight * -np.expm1(-duration * rates), z))
