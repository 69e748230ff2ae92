"""Write errors, disturb and switching times of the axial macrospin, from its Fokker-Planck equation.

With z = m_z, tau = alpha gamma_0 H_k t / (1 + alpha^2), current i in I_c0 and field h in H_k, the density obeys

    d rho/d tau = d/dz { (1 - z^2)/(2 Delta) pi d/dz(rho/pi) },    pi = exp[Delta (z^2 + 2 (h - i) z)]

(Brown 1963 with the spin torque of Butler 2012): a current acts exactly as a field. A cell is parallel (P) where
z > 0 and antiparallel where z < 0; a positive overdrive drives P to AP. For AP to P, reverse the signs of both
overdrive and field. Error rates come from a positive, conservative march on two nested meshes (`_birth_death`) whose
results are extrapolated to no cell size; the mean switching time is an integral.

All functions take arrays, which broadcast, and return a float for scalars.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import dawsn

from devicemodels.checks import require, require_not_negative
from devicemodels.mtj import _birth_death
from devicemodels.quantities import Ratio, SignedRatio

DELTAS = (0.01, 300.0)
"""Thermal stabilities between which mesh and settling time have been checked."""
STRONGEST_DRIVE = 20.0
"""Largest magnitude of overdrive, of field, and of their difference that the mesh has been checked for."""

Array = NDArray[np.float64]
_BLOCK = 500


@dataclass(frozen=True, kw_only=True)
class StateDistribution:
    """Probabilities of m_z at several times; column k of `probability` is that of edges[k] < m_z < edges[k + 1]."""

    edges: Array  # (cells + 1,), ascending from -1 to 1; one of them is 0
    probability: Array  # (times, cells), every row sums to one

    @property
    def density(self) -> Array:
        """Probability per unit of m_z, (times, cells)."""
        return self.probability / np.diff(self.edges)


def write_error_rate(
    *, delta: ArrayLike, overdrive: ArrayLike, reduced_time: ArrayLike, field: ArrayLike = 0.0
) -> Array | float:
    """Probability that z > 0 still at the end of a pulse of `reduced_time`, that is, that P has not become AP.

    The cell starts in thermal equilibrium with the field alone, in the well at z = 1: density exp[Delta (z^2 + 2 h z)]
    over z > 0 (over z > -h in a negative field, whose barrier has its top there). Relaxation after the pulse is not
    counted: it sends cells about z = 0 either way, and they are few unless the pulse ends in the midst of switching.
    Within 0.08 % of a spectral solution for Delta 20 to 80 and overdrive 1.2 to 8, at any rate down to 1e-18 (where
    comparison ends; the march goes on to 1e-300). Points that differ only in time share one march.

    Parameters
    ----------
    delta
        Thermal stability E_b/kT, within `DELTAS`.
    overdrive
        Current over I_c0, of either sign.
    reduced_time
        Pulse length times alpha gamma_0 H_k / (1 + alpha^2).
    field
        Field along the normal over H_k, above -1: at -1 there is no well at z = 1 to start from.

    Raises
    ------
    UserError
        For a value that is not finite, or outside the limits above or `STRONGEST_DRIVE`.
    """
    return _split(delta, overdrive, reduced_time, field)[1]


def switching_probability(
    *, delta: ArrayLike, overdrive: ArrayLike, reduced_time: ArrayLike, field: ArrayLike = 0.0
) -> Array | float:
    """Probability that z < 0 after a pulse: one less the write error, accurate also where it is tiny.

    Read disturb is this at the overdrive of the read current, to 0.3 %. In a pulse too short for the density to reach
    z = 0 it is the far tail of a moving front, and up to 30 % too high. Parameters and errors as `write_error_rate`.
    """
    return _split(delta, overdrive, reduced_time, field)[0]


def state_distribution(
    *, delta: Ratio, overdrive: SignedRatio, reduced_time: ArrayLike, field: SignedRatio = 0.0
) -> StateDistribution:
    """Distribution of z at one or several times (times,), from the start that `write_error_rate` describes.

    One march on the finer mesh alone, so that its sum over z > 0 is some 0.5 % off. Errors as `write_error_rate`.
    """
    _check_start(delta, overdrive, field, reduced_time)
    times = np.atleast_1d(np.asarray(reduced_time, dtype=float))
    order = np.argsort(times, kind="stable")
    delta, drive, field = float(delta), float(overdrive) - float(field), float(field)
    edges, _ = _birth_death.mesh(delta, drive, field, 2)
    sorted_rows = np.empty((times.size, edges.size - 1))
    _birth_death.evolve(delta, drive, field, times[order], edges, np.arange(edges.size), sorted_rows)
    return StateDistribution(edges=edges, probability=sorted_rows[np.argsort(order)])


def switching_rate(*, delta: ArrayLike, overdrive: ArrayLike = 0.0, field: ArrayLike = 0.0) -> Array | float:
    """Escapes from P to AP per unit of reduced time: the slowest relaxation rate times the equilibrium share of AP.

    Slowest rate and share are exact for the equation, so this holds from retention (1e-300 at a high barrier) through
    read disturb to writing, where it is the slope 2 (i - h - 1) of ln WER. At a high barrier it is half the inverse of
    the mean time to the barrier's top. P to AP and back are in detailed balance. Errors as `write_error_rate`.
    """
    _check(delta, overdrive, field)
    delta, overdrive, field = np.broadcast_arrays(*_floats(delta, overdrive, field))
    points = np.stack([delta.ravel(), (overdrive - field).ravel()])
    unique, inverse = np.unique(points, axis=1, return_inverse=True)
    coarse, fine = _birth_death.escape_rates(np.ascontiguousarray(unique[0]), np.ascontiguousarray(unique[1]))
    return _shaped(_extrapolated(coarse, fine)[inverse.ravel()], delta.shape)


def mean_switching_time(
    *, delta: ArrayLike, overdrive: ArrayLike = 0.0, field: ArrayLike = 0.0, target: ArrayLike = 0.0
) -> Array | float:
    """Mean reduced time until z first falls from 1 to `target`, exact; infinite where it passes 1e308.

    T = integral over z from target to 1 of 2 Delta/(1 - z^2) 1/pi(z) times the integral of pi from z to 1. At z = 0,
    the default, a cell changes from P to AP. The barrier's top is z = overdrive - field: from there one half turns
    back, so that the time to a target well beyond it is twice that to the top.

    Raises `UserError` as `write_error_rate`, and unless -1 < target < 1.
    """
    _check(delta, overdrive, field)
    require("target", target, np.abs(target) < 1, ": the time to a pole is infinite; give one above -1 and below 1")
    delta, overdrive, field, target = np.broadcast_arrays(*_floats(delta, overdrive, field, target))
    flat = [values.ravel() for values in (delta, overdrive - field, target)]
    blocks = [slice(first, first + _BLOCK) for first in range(0, delta.size, _BLOCK)]
    times = [_passage_time(*(values[block, None] for values in flat)) for block in blocks]
    return _shaped(np.concatenate([*times, np.empty(0)]), delta.shape)


def _passage_time(delta: Array, drive: Array, target: Array) -> Array:
    """Mean first-passage times (points,) of columns (points, 1).

    With s = ln[(1 - target)/(1 - z)] the integrand is smooth to the pole and falls as exp(-s); the inner integral is
    one of Dawson's, D(u) = exp(-u^2) integral from 0 to u of exp(v^2).
    """
    remaining = (1 - target) * np.exp(-_ABSCISSAE)
    root = np.sqrt(delta)
    here, pole = root * (1 - remaining - drive), root * (1 - drive)
    with np.errstate(over="ignore"):
        inner = np.exp(delta * remaining * (2 - remaining - 2 * drive)) * dawsn(pole) - dawsn(here)
        return 2 * root[:, 0] * ((inner / (2 - remaining)) @ _WEIGHTS)


def _composite_rule() -> tuple[Array, Array]:
    """Gauss-Legendre rule on (0, 40), whose panels are short where a steep barrier may end."""
    panels = np.concatenate([[0], 0.001 * 2 ** np.arange(7), np.arange(0.125, 4, 0.125), np.arange(4, 41)])
    nodes, weights = np.polynomial.legendre.leggauss(10)
    half = np.diff(panels)[:, None] / 2
    return (panels[:-1, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()


_ABSCISSAE, _WEIGHTS = _composite_rule()


def _split(delta: ArrayLike, overdrive: ArrayLike, time: ArrayLike, field: ArrayLike) -> tuple[Array, Array]:
    """Probabilities of AP and of P, in the shape of the broadcast arguments; the smaller one is the extrapolated."""
    _check_start(delta, overdrive, field, time)
    delta, overdrive, field, time = np.broadcast_arrays(*_floats(delta, overdrive, field, time))
    flat = np.stack([values.ravel() for values in (delta, overdrive - field, field)])
    points, inverse = np.unique(flat, axis=1, return_inverse=True)
    order = np.lexsort((time.ravel(), inverse.ravel()))
    first = np.searchsorted(inverse.ravel()[order], np.arange(points.shape[1] + 1))
    coarse, fine = np.empty((2, time.size, 2))
    coarse[order], fine[order] = _birth_death.sides(*np.ascontiguousarray(points), first, time.ravel()[order])
    switched, kept = np.moveaxis(_extrapolated(coarse, fine), 1, 0)
    few = switched < kept
    switched, kept = np.where(few, switched, 1 - kept), np.where(few, 1 - switched, kept)
    return _shaped(switched, time.shape), _shaped(kept, time.shape)


def _extrapolated(coarse: Array, fine: Array) -> Array:
    """Richardson's extrapolation in the logarithm, as the error in ln falls with the square of the cell size."""
    ratio = np.divide(fine, coarse, out=np.ones_like(fine), where=(coarse > 0) & (fine > 0))
    return fine * np.cbrt(ratio)


def _shaped(values: Array, shape: tuple[int, ...]) -> Array | float:
    return values.reshape(shape) if shape else float(values[0])


def _floats(*values: ArrayLike) -> list[Array]:
    return [np.asarray(value, dtype=float) for value in values]


def _check_start(delta: ArrayLike, overdrive: ArrayLike, field: ArrayLike, time: ArrayLike) -> None:
    _check(delta, overdrive, field)
    require_not_negative("reduced_time", time)
    require("field", field, np.asarray(field) > -1, ": no P state is left to start from; give one above -1 (in H_k)")


def _check(delta: ArrayLike, overdrive: ArrayLike, field: ArrayLike) -> None:
    low, high = DELTAS
    within = (np.asarray(delta) >= low) & (np.asarray(delta) <= high)
    require("delta", delta, within, f": the Fokker-Planck solution holds from {low:g} to {high:g}; give one within")
    _check_drive("overdrive", overdrive)
    _check_drive("field", field)
    _check_drive("overdrive less field", np.subtract(overdrive, field))


def _check_drive(thing: str, value: ArrayLike) -> None:
    rest = f": the Fokker-Planck solution holds to {STRONGEST_DRIVE:g} either way; give less"
    require(thing, value, np.abs(value) <= STRONGEST_DRIVE, rest)
