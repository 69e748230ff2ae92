"""Spread between the cells of an array: diameter, anisotropy, exchange, resistance-area product and TMR.

Each is Gaussian with the relative standard deviation of the sheet, x = x_0 (1 + sigma z), independent unless a
correlation is given. An array is one `Mtj` whose varied fields are arrays of shape (cells,), so that every method gives
a distribution: `np.quantile(cells.thermal_stability(358.0), 1e-3)`. What follows from them is correlated anyway: a
wide cell has a high barrier, a high critical current and a low resistance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.errors import UserError
from devicemodels.mtj import energy
from devicemodels.quantities import Ampere, Kelvin, Ohm, Ratio, Volt

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj

Array = NDArray[np.float64]

SIGMAS = {
    "diameter": "sigma_diameter",
    "interface_anisotropy": "sigma_anisotropy",
    "exchange_stiffness": "sigma_exchange",
    "resistance_area": "sigma_resistance_area",
    "tmr_zero_bias": "sigma_tmr",
}
"""Fields of `Mtj` that differ from cell to cell, and the field with the deviation of each.

Their order is that of deviates and of a correlation matrix.
"""

LARGEST_SIGMA = 0.1
REACH = 10.0
"""Deviates covered, in standard deviations: the Gaussian beyond holds 1.5e-23. At `LARGEST_SIGMA` it touches zero."""


def relative_sigmas(mtj: Mtj) -> Array:
    """Relative standard deviations in the order of `SIGMAS`, shape (5,).

    Raises
    ------
    UserError
        If one is negative or not below `LARGEST_SIGMA`, where a Gaussian would reach below zero.
    """
    for name in SIGMAS.values():
        if not 0 <= getattr(mtj, name) < LARGEST_SIGMA:
            raise UserError(
                f"{name} of {mtj.name} is {getattr(mtj, name):g}; give one from 0 to below {LARGEST_SIGMA:g}"
            )
    return np.array([getattr(mtj, name) for name in SIGMAS.values()])


def without_spread(mtj: Mtj) -> Mtj:
    """The nominal device: every function of an array then gives the figure of one nominal cell."""
    return replace(mtj, **dict.fromkeys(SIGMAS.values(), 0.0))


def sample_cells(mtj: Mtj, *, cells: int, seed: int, correlation: ArrayLike | None = None) -> Mtj:
    """Draw cells at random; the same seed gives the same cells.

    Parameters
    ----------
    correlation
        Correlation matrix between the fields of `SIGMAS`, shape (5, 5); none by default.

    Returns
    -------
    Mtj
        The array: the fields of `SIGMAS` have the shape (cells,), and so has what the methods return.

    Raises
    ------
    UserError
        If there are no cells, the seed is not a whole number, a spread is out of range, or the matrix is not one of
        correlation.
    """
    if not (cells >= 1 and cells % 1 == 0):
        raise UserError(f"the number of cells of {mtj.name} is {cells:g}; give one or more, and whole cells")
    if not (seed >= 0 and seed % 1 == 0):
        raise UserError(f"the seed of the cells of {mtj.name} is {seed:g}; give a whole number of zero or more")
    independent = np.random.default_rng(int(seed)).standard_normal((int(cells), len(SIGMAS))).T
    return cells_at(mtj, deviates=mixing(correlation) @ independent)


def cells_at(mtj: Mtj, *, deviates: Array) -> Mtj:
    """The array of cells at standard normal deviates of shape (5, cells), clipped at `REACH`."""
    relative = relative_sigmas(mtj)[:, np.newaxis] * np.clip(deviates, -REACH, REACH)
    varied = {name: getattr(mtj, name) * (1 + row) for name, row in zip(SIGMAS, relative, strict=True)}
    return replace(mtj, **varied)


def quadrature(
    mtj: Mtj,
    *,
    steps: Mapping[str, float],
    radius: float,
    mild: Mapping[str, int] = MappingProxyType({}),
    correlation: ArrayLike | None = None,
) -> tuple[Array, Mtj]:
    """Weights (n,) and an array of n cells, such that a weighted sum over these is the mean over all.

    Fields in `steps`: the trapezoidal rule in independent deviates within a ball of `radius`. For a Gaussian mean of
    e^(a z) its relative error is exp(-2 pi^2 / step^2) whatever a, as long as a stays some units inside the ball: rare
    weak cells count in full, where Gauss-Hermite nodes miss them. Fields in `mild`, whose a is near one or below: as
    many Gauss-Hermite nodes. A field without a spread, or in neither, gets one node.
    """
    spread = dict(zip(SIGMAS, relative_sigmas(mtj), strict=True))
    strong = [name for name in steps if spread[name]]
    weight, nodes = _ball([steps[name] for name in strong], radius)
    for name in (name for name in mild if spread[name]):
        points, shares = np.polynomial.hermite_e.hermegauss(mild[name])
        nodes = np.concatenate([np.repeat(nodes, points.size, axis=1), np.tile(points, (1, weight.size))])
        weight = np.outer(weight, shares).ravel()
        strong.append(name)
    deviates = np.zeros((len(SIGMAS), weight.size))
    deviates[[list(SIGMAS).index(name) for name in strong]] = nodes
    return weight / weight.sum(), cells_at(mtj, deviates=mixing(correlation) @ deviates)


def _ball(steps: Sequence[float], radius: float) -> tuple[Array, Array]:
    """Gaussian weights (n,) and nodes (axes, n) of the grid with these steps within `radius`; one node without axes."""
    axes = [step * np.arange(-math.floor(radius / step), math.floor(radius / step) + 1) for step in steps]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(len(axes), -1) if axes else np.zeros((0, 1))
    square = np.sum(nodes**2, axis=0)
    inside = square <= radius**2
    return np.exp(-square[inside] / 2), nodes[:, inside]


def mixing(correlation: ArrayLike | None) -> Array:
    """Lower triangular matrix (5, 5) that gives independent deviates the wanted correlation (Cholesky).

    Raises
    ------
    UserError
        If the matrix is not a positive definite correlation matrix of the fields of `SIGMAS`.
    """
    size = len(SIGMAS)
    if correlation is None:
        return np.eye(size)
    matrix = np.asarray(correlation, dtype=float)
    refusal = UserError(
        f"the correlation of {', '.join(SIGMAS)} is {matrix.tolist()}; give a symmetric, positive definite "
        f"{size} x {size} matrix with unit diagonal"
    )
    if matrix.shape != (size, size) or not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1):
        raise refusal
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise refusal from None


def cell_currents(
    mtj: Mtj,
    cells: Mtj,
    *,
    current: Ampere,
    series_resistance: Ohm,
    temperature: Kelvin,
    antiparallel: bool,
) -> Array:
    """Current through each of `cells` in one state where the nominal `mtj` draws `current`; shape (cells,).

    They hang on one voltage behind `series_resistance` (the access transistor): zero for a fixed voltage, infinite for
    a fixed current. Resistances are those at low bias.

    Raises
    ------
    UserError
        If the series resistance is negative.
    """
    if not series_resistance >= 0:
        raise UserError(f"the series resistance of {mtj.name} is {series_resistance:g} ohm; give zero or more")
    if series_resistance == math.inf:
        return np.full_like(cells.diameter, current)
    angle = math.pi if antiparallel else 0.0
    typical = mtj.resistance(angle, 0.0, temperature) + series_resistance
    return current * typical / (cells.resistance(angle, 0.0, temperature) + series_resistance)


def barrier_sensitivities(mtj: Mtj, *, temperature: Kelvin = 300.0) -> tuple[Ratio, Ratio]:
    """d ln E_b / d ln d and d ln E_b / d ln K_i, by central differences of `energy.barrier`, size model included.

    For coherent reversal the second is (K_i / t) / K_eff, 3 to 9 where shape cancels most of the anisotropy: a spread
    of 1 % in K_i is one of as many per cent in the barrier. Zero for a layer without a barrier.
    """
    step = 1e-4
    if energy.barrier(mtj, temperature=temperature) <= 0:
        return 0.0, 0.0

    def slope(name: str) -> Ratio:
        pair = getattr(mtj, name) * np.array([1 - step, 1 + step])
        low, high = energy.barrier(replace(mtj, **{name: pair}), temperature=temperature) * np.ones(2)
        return math.log(high / low) / (2 * step)

    return slope("diameter"), slope("interface_anisotropy")


def sigma_barrier(mtj: Mtj, *, temperature: Kelvin = 300.0) -> Ratio:
    """Standard deviation of the barrier over its mean, over the spread of diameter, anisotropy and exchange.

    Where all cells reverse coherently it is the sensitivities times the spreads, added in squares; where all reverse
    from a nucleus, the spread of exchange. Zero for a layer without a barrier.
    """
    steps = dict.fromkeys(("diameter", "interface_anisotropy", "exchange_stiffness"), 0.3)
    weight, cells = quadrature(mtj, steps=steps, radius=7.0)
    barriers = np.broadcast_to(energy.barrier(cells, temperature=temperature), weight.shape)
    mean = weight @ barriers
    return float(np.sqrt(weight @ (barriers - mean) ** 2) / mean) if mean > 0 else 0.0


def read_window(mtj: Mtj, *, voltage: Volt = 0.0, temperature: Kelvin = 300.0) -> Ratio:
    """Distance between the two states in standard deviations of resistance, TMR(V) / sigma(R_P).

    About 20 are needed to read an array with one reference; infinite without spread.
    """
    sigma = mtj.sigma_resistance
    return mtj.tmr(voltage, temperature) / sigma if sigma else math.inf
