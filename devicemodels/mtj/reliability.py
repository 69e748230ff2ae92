"""Retention over a temperature profile and read disturb over a lifetime of reads, as means over an array's cells.

Both are escapes over the barrier, with the rate of the same Fokker-Planck equation (`fokker_planck.switching_rate`), in
which a current acts as a field (exponent 2 of the axial macrospin). The attempt rate is the cell's own: it follows from
damping, anisotropy field and barrier. A bit error so obtained goes through `error_correction.array_failure` for words
and chips. `variation.without_spread` gives one nominal cell. An external field adds to the stray field: use
`dataclasses.replace(mtj, stray_field=...)`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.constants import Boltzmann, mu_0
from scipy.optimize import brentq
from scipy.special import exprel

from devicemodels.checks import require_finite, require_fraction, require_not_negative, require_positive
from devicemodels.errors import UserError
from devicemodels.mtj import energy
from devicemodels.mtj._spanning_grid import on_spanning_grid
from devicemodels.mtj.fokker_planck import DELTAS, switching_rate
from devicemodels.mtj.variation import REACH, Array, cell_currents, quadrature
from devicemodels.quantities import Ampere, Kelvin, Ohm, Ratio, Second

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj

STRONGEST_DRIVE = 1.5
"""Overdrives above count as this: the cell is being written, at about its relaxation rate."""
HIGHEST_BARRIER = 600.0
"""In kT: a rate of e^-600 is as good as none, and still a normal number."""
WEAKEST_DRIVE = -15.0
"""Overdrives below count as this: against a stray field as strong, no cell of one kT or more flips."""
LARGEST_STABILITY = 1000.0


@dataclass(frozen=True, kw_only=True)
class StateErrors:
    """Probability of a wrong bit for a cell that was written parallel, and for one written antiparallel."""

    parallel: Ratio
    antiparallel: Ratio

    @property
    def mean(self) -> Ratio:
        """For data with as many zeros as ones."""
        return (self.parallel + self.antiparallel) / 2

    @property
    def worst(self) -> Ratio:
        """For the less stable state."""
        return max(self.parallel, self.antiparallel)


def retention_errors(mtj: Mtj, *, profile: Iterable[tuple[Second, Kelvin]]) -> StateErrors:
    """Bit errors after storage through `profile`, the mean over the spread of cells.

    Each cell follows the two-state master equation p' = k_out (1 - p) - k_back p with the rates of its own barrier at
    each temperature; the stray field makes them differ. A state may flip back, so p saturates at k_out / (k_out +
    k_back), near one half (bidirectional flipping, as Tsunoda 2014 observed it).

    Parameters
    ----------
    profile
        Pairs of a duration and a temperature, in order: `[(90, 533.0), (3.156e8, 358.0)]` is solder reflow, then ten
        years at 85 degrees Celsius.

    Raises
    ------
    UserError
        If the profile is empty, a duration is negative or not finite, or a temperature is not above zero.
    """
    phases = _checked(mtj, profile)
    steps = {"diameter": 0.5, "interface_anisotropy": 0.5, "exchange_stiffness": 0.6}
    weight, cells = quadrature(mtj, steps=steps, radius=10.0)
    parallel, antiparallel = np.zeros_like(weight), np.zeros_like(weight)
    for duration, temperature in phases:
        rates = [escape_rate(cells, temperature=temperature, state=state) for state in (1, -1)]
        parallel = two_state(parallel, out_rate=rates[0], back_rate=rates[1], duration=duration)
        antiparallel = two_state(antiparallel, out_rate=rates[1], back_rate=rates[0], duration=duration)
    return StateErrors(parallel=float(weight @ parallel), antiparallel=float(weight @ antiparallel))


def retention_failure(mtj: Mtj, *, profile: Iterable[tuple[Second, Kelvin]]) -> Ratio:
    """Bit error of random data after storage through `profile`; see `retention_errors`."""
    return retention_errors(mtj, profile=profile).mean


def two_state(wrong: ArrayLike, *, out_rate: ArrayLike, back_rate: ArrayLike, duration: Second) -> Array:
    """Probability of the wrong state a `duration` later, exactly, under constant rates in 1/s (broadcast).

    p(t) = p(0) e^(-k t) + k_out (1 - e^(-k t)) / k with k = k_out + k_back: positive terms only, so that a tiny
    probability keeps all its digits.
    """
    decay = -(np.asarray(out_rate) + np.asarray(back_rate)) * duration
    return np.asarray(wrong) * np.exp(decay) + np.asarray(out_rate) * duration * exprel(decay)


def read_disturb_rate(
    mtj: Mtj,
    *,
    current: Ampere,
    duration: Second,
    temperature: Kelvin = 300.0,
    reads: float = 1.0,
    series_resistance: Ohm = math.inf,
) -> Ratio:
    """Probability that `reads` reads flip a cell whose state they work against, the mean over the spread of cells.

    1 - exp(-k t reads), with k of each cell at its own I / I_c0. The other state is made safer. Reads are taken as
    independent, which holds when they are short of the time in which a cell relaxes into its well or many of those.

    Parameters
    ----------
    current
        Through a nominal cell in the state that it works against: parallel if positive, antiparallel if negative.
    reads
        In the time of interest: a lifetime, or the interval between two corrections of the word.
    series_resistance
        Of what the cell hangs on, a fixed voltage behind it: zero for a voltage clamp, infinite for a fixed current.

    Raises
    ------
    UserError
        If the current is not finite, or a duration, a temperature, a resistance or a number of reads is out of range.
    """
    _check_read(mtj, current, duration, reads)
    steps = {"diameter": 0.7, "interface_anisotropy": 0.7, "exchange_stiffness": 0.8}
    mild = {"tmr_zero_bias": 3, "resistance_area": 4 if series_resistance < math.inf else 1}
    weight, cells = quadrature(mtj, steps=steps, radius=9.0, mild=mild)
    through = cell_currents(
        mtj,
        cells,
        current=abs(current),
        series_resistance=series_resistance,
        temperature=temperature,
        antiparallel=current < 0,
    )
    rate = escape_rate(cells, temperature=temperature, state=-1 if current < 0 else 1, current=through)
    return float(weight @ -np.expm1(-rate * duration * reads))


def escape_rate(cells: Mtj, *, temperature: Kelvin, state: int, current: ArrayLike = 0.0) -> Array:
    """Escapes per second of each cell from the state z = +1 or -1, under a current whose size works against it.

    Reversing z reverses the sign of the stray field, so that one equation serves both states. A cell with less than one
    kT of barrier diffuses freely, at half the decay rate 2 alpha gamma_0 kT / [(1 + alpha^2) mu_0 M_s V] of a moment
    without anisotropy (Brown 1963).
    """
    shape = np.broadcast_shapes(np.shape(cells.diameter), np.shape(current))
    stability = np.broadcast_to(cells.thermal_stability(temperature), shape)
    upright = stability > 1
    threshold = np.where(upright, cells.critical_current(temperature), math.inf)
    field = state * energy.reduced_stray_field(cells, temperature=temperature)
    drive = np.minimum(np.broadcast_to(current / threshold - field, shape), STRONGEST_DRIVE)
    reduced = _reduced_rate(np.clip(stability, 1, DELTAS[1]).ravel(), drive.ravel()).reshape(shape)
    moment = mu_0 * energy.magnetisation(cells, temperature=temperature) * cells.area * cells.free_layer_thickness
    free = cells.damping * energy.GYROMAGNETIC * Boltzmann * temperature / ((1 + cells.damping**2) * moment)
    return np.where(upright, energy.relaxation_rate(cells, temperature=temperature) * reduced, free)


def _reduced_rate(stability: Array, drive: Array) -> Array:
    """Escapes per unit of reduced time, by splines of what is left of ln k beside the barrier -Delta (1 - i)^2.

    A corner of the grid may pass `HIGHEST_BARRIER` where no cell does: it takes the value at that limit.
    """

    def lowest(delta: ArrayLike) -> Array:
        return np.maximum(1 - np.sqrt(HIGHEST_BARRIER / delta), WEAKEST_DRIVE)

    def excess(delta: ArrayLike, overdrive: ArrayLike) -> Array:
        overdrive = np.maximum(overdrive, lowest(delta))
        return np.log(switching_rate(delta=delta, overdrive=overdrive)) + delta * np.maximum(1 - overdrive, 0) ** 2

    drive = np.maximum(drive, lowest(stability))
    beside = on_spanning_grid(excess, (stability, drive), points=(14, 24))
    return np.exp(beside - stability * np.maximum(1 - drive, 0) ** 2)


def arrhenius_failure(*, stability: ArrayLike, duration: Second, attempt: float, sigma: Ratio = 0.0) -> Array:
    """Bit error after `duration` for the rate attempt e^(-Delta), Delta Gaussian with relative deviation `sigma`.

    The textbook form, for comparison with published figures, in which 1e9/s is the usual `attempt`. For small errors
    it is that of one cell at the effective stability Delta - (sigma Delta)^2 / 2 (Thomas, Appl. Phys. Lett. 2015).

    Parameters
    ----------
    stability
        Mean Delta, any shape; the result has the same.

    Raises
    ------
    UserError
        If a quantity is negative or not finite, or the attempt rate is zero.
    """
    require_not_negative("the mean stability", stability)
    require_not_negative("the storage time", duration, "s")
    require_positive("the attempt rate", attempt, "1/s")
    require_not_negative("the spread of stability", sigma)
    z = np.linspace(-REACH, REACH, 801) if sigma else np.zeros(1)
    weight = np.exp(-(z**2) / 2)
    delta = np.asarray(stability, dtype=float)[..., np.newaxis] * np.maximum(1 + sigma * z, 0)
    return -np.expm1(-duration * attempt * np.exp(-delta)) @ weight / weight.sum()


def required_stability(*, bit_error: Ratio, duration: Second, attempt: float, sigma: Ratio = 0.0) -> Ratio:
    """Mean Delta whose `arrhenius_failure` is `bit_error`.

    For a chip, take `bit_error` from `error_correction.allowed_bit_error`. Errors as there, and if no Delta below 1000
    will do.
    """
    require_fraction("the bit error to be met", bit_error)

    def excess(stability: Ratio) -> float:
        failure = arrhenius_failure(stability=stability, duration=duration, attempt=attempt, sigma=sigma)
        return math.log(max(float(failure), 1e-320) / bit_error)

    if excess(0.0) < 0:
        return 0.0
    if excess(LARGEST_STABILITY) > 0:
        raise UserError(
            f"no stability up to {LARGEST_STABILITY:g} keeps bit errors at {bit_error:g} for {duration:g} s with a "
            f"spread of {sigma:g}; lower the spread or correct more errors"
        )
    return float(brentq(excess, 0.0, LARGEST_STABILITY, xtol=1e-9))


def _checked(mtj: Mtj, profile: Iterable[tuple[Second, Kelvin]]) -> list[tuple[Second, Kelvin]]:
    phases = list(profile)
    if not phases:
        raise UserError(f"the temperature profile of {mtj.name} is empty; give pairs of a duration and a temperature")
    for duration, _ in phases:
        require_not_negative(f"a storage time of {mtj.name}", duration, "s")
    return phases


def _check_read(mtj: Mtj, current: Ampere, duration: Second, reads: float) -> None:
    require_finite(f"the read current of {mtj.name}", current, "A")
    require_not_negative(f"the read time of {mtj.name}", duration, "s")
    require_not_negative(f"the number of reads of {mtj.name}", reads)
