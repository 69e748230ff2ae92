"""Exact samples of thermal equilibrium on the sphere, in one well or in all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from devicemodels.mtj._ensemble import START, philox
from devicemodels.mtj.macrospin import Macrospin, Vector

_POLAR, _AZIMUTHAL = 256, 128
TEMPERATURES = (0.25, 1.0, 4.0, 16.0)


def thermal_states(spin: Macrospin, *, count: int, seed: int, side: Vector | None = (0.0, 0.0, 1.0)) -> np.ndarray:
    """Independent samples of the Boltzmann density without torques, unit vectors of shape (count, 3).

    The density is proportional to exp(m K m + c m) on the half sphere m . side > 0, or on the whole sphere without a
    side, with K_i = (mu_0 M_s V/kT) h_i/2 and c = (mu_0 M_s V/kT) H. For a perpendicular layer that is
    exp[Delta (z^2 + 2 h z)] for z > 0, the parallel well. Samples are by rejection, so they are exact at any barrier;
    the k-th depends on seed and k alone.

    Raises
    ------
    UserError
        If the macrospin has no diffusion: at zero temperature or without damping there is nothing to sample.
    """
    density = _Density(spin.quadratic, spin.linear, side)
    states = np.empty((count, 3))
    pending, attempt = np.arange(count), 0
    while pending.size:
        proposals, accepted = density.propose(_uniforms(pending, attempt, seed))
        states[pending[accepted]] = proposals[accepted]
        pending, attempt = pending[~accepted], attempt + 1
    return states


def tempered_states(spin: Macrospin, *, count: int, seed: int, side: float) -> tuple[np.ndarray, np.ndarray]:
    """Samples that reach far into the tails of equilibrium with m_z of the sign of `side`, and their weights.

    A quarter each is drawn at `TEMPERATURES` times the temperature; the weight is the density over that of the
    mixture, both normalised by quadrature, so that it is at most four and its mean one. Errors as `thermal_states`.

    Returns
    -------
    states, weights
        Unit vectors (count, 3) and numbers (count,).
    """
    wells = [replace(spin, diffusion=spin.diffusion * factor) for factor in TEMPERATURES]
    draws = [thermal_states(well, count=count, seed=seed, side=(0.0, 0.0, side)) for well in wells]
    states = np.choose((np.arange(count) % len(wells))[:, None], draws)
    mixture = np.mean([np.exp(_log_density(well, states, side)) for well in wells], axis=0)
    return states, np.maximum(np.exp(_log_density(spin, states, side)) / mixture, 1e-200)


def _log_density(spin: Macrospin, states: np.ndarray, side: float) -> np.ndarray:
    """Of equilibrium on one side of the plane, normalised over m_z and azimuth, at unit vectors (n, 3)."""
    nodes, node_weights = np.polynomial.legendre.leggauss(300)
    turn = 2 * np.pi * np.arange(256) / 256
    z = side * (nodes[:, None] + 1) / 2
    across = np.sqrt(1 - z**2)
    grid = np.stack(np.broadcast_arrays(across * np.cos(turn), across * np.sin(turn), z), axis=-1)
    exponent = grid**2 @ spin.quadratic + grid @ spin.linear
    norm = np.log(np.sum(node_weights[:, None] / 2 * np.exp(exponent - exponent.max())) * 2 * np.pi / 256)
    return states**2 @ spin.quadratic + states @ spin.linear - exponent.max() - norm


class _Density:
    """exp(m K m + c m) under an envelope that is constant on each of 256 x 128 cells in polar and azimuthal angle.

    In a cell no coordinate changes sign, so each term of the exponent is largest at an end of its coordinate's range,
    and the sum of these bounds the exponent.
    """

    def __init__(self, quadratic: np.ndarray, linear: np.ndarray, side: Vector | None) -> None:
        self.quadratic, self.linear = quadratic, linear
        self.side = np.zeros(3) if side is None else np.asarray(side)
        self.heights = np.cos(np.linspace(np.pi, 0, _POLAR + 1))
        ranges = _cell_ranges(self.heights)
        bound = sum(_largest(q, c, low, high) for q, c, (low, high) in zip(quadratic, linear, ranges, strict=True))
        reach = sum(_largest(0.0, c, low, high) for c, (low, high) in zip(self.side, ranges, strict=True))
        self.bound = np.where(reach < 0, -np.inf, bound).ravel()
        area = np.repeat(np.diff(self.heights), _AZIMUTHAL)
        self.cumulative = np.cumsum(area * np.exp(self.bound - self.bound.max()))

    def propose(self, uniforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (n, 3) and whether to accept each (n,), from uniform numbers (n, 4)."""
        cell = np.searchsorted(self.cumulative, uniforms[:, 0] * self.cumulative[-1])
        row, column = np.divmod(cell, _AZIMUTHAL)
        z = self.heights[row] + uniforms[:, 1] * (self.heights[row + 1] - self.heights[row])
        angle = 2 * np.pi * (column + uniforms[:, 2]) / _AZIMUTHAL
        across = np.sqrt((1 - z) * (1 + z))
        states = np.column_stack([across * np.cos(angle), across * np.sin(angle), z])
        exponent = states**2 @ self.quadratic + states @ self.linear
        accepted = uniforms[:, 3] < np.exp(exponent - self.bound[cell])
        return states, accepted & (states @ self.side >= 0)


def _cell_ranges(heights: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Least and largest x, y and z of each cell, shapes (polar, azimuthal)."""
    across = np.sqrt(1 - heights**2)
    bounds = 2 * np.pi * np.arange(_AZIMUTHAL + 1) / _AZIMUTHAL
    corners = [np.multiply.outer(across, turn(bounds)) for turn in (np.cos, np.sin)]
    corners.append(np.broadcast_to(heights[:, None], corners[0].shape))
    cells = [(c[:-1, :-1], c[:-1, 1:], c[1:, :-1], c[1:, 1:]) for c in corners]
    return [(np.minimum.reduce(c), np.maximum.reduce(c)) for c in cells]


def _largest(quadratic: float, linear: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A bound of q x^2 + c x over ranges of x that do not straddle zero, by the terms' own largest values."""
    return np.maximum(quadratic * low**2, quadratic * high**2) + np.maximum(linear * low, linear * high)


def _uniforms(trajectories: np.ndarray, attempt: int, seed: int) -> np.ndarray:
    """Uniform numbers between 0 and 1 of one attempt for some trajectories, shape (n, 4)."""
    words = np.empty((4, int(trajectories[-1]) + 1), dtype=np.uint32)
    philox(np.uint64(0), np.uint64(attempt), np.uint64(START), np.uint64(0), np.uint64(seed), words)
    return (words.T[trajectories] + 0.5) / 2**32
