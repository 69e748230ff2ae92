"""Static noise margins: the largest square in each lobe of the butterfly (Seevinck, List and Lohstroh 1987).

A diagonal of the square joins two points of the two transfer curves with the same difference d of the node voltages.
So each half cell is solved for the input at which its output lies d above: one root, which falls as d rises, and by
less. No curve is interpolated, and a lost lobe gives a negative margin.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.quantities import Kelvin
from devicemodels.sram.bitcell import Bias, Bitcell, HalfCell, half_cells, hold_bias, read_bias
from devicemodels.sram.roots import bracketed_roots

Array = NDArray[np.float64]

STEPS = 16
"""Differences tried between the nodes, from none to the supply; the peak between them is a parabola's."""

STRIDE = 4
"""Every so many differences, the root is sought without help from its neighbours."""

TOLERANCE = 1e-5
"""Volts, of a node voltage."""

BLOCK = 512
"""Samples solved together: their arrays stay in the cache."""


def inputs_at(half: HalfCell, differences: Array) -> Array:
    """Input voltages at which the output of each sample lies `differences` above.

    `differences` in volts have the shape (n, samples) or (n, 1), n - 1 a multiple of STRIDE, and start at zero and
    rise or fall evenly; the result has the shape (n, samples). Every STRIDE-th is solved on its own and brackets
    those between.
    """
    coarse = _solve(half, differences[::STRIDE], *_widest(half, differences[::STRIDE]))
    fine = np.empty((len(differences), *coarse.shape[1:]))
    fine[::STRIDE] = coarse
    rows = [k for k in range(len(differences)) if k % STRIDE]
    before = np.array([k // STRIDE for k in rows])
    fine[rows] = _solve(half, differences[rows], *_between(differences[::STRIDE], coarse, before, differences[rows]))
    return fine


def _solve(half: HalfCell, differences: Array, low: Array, high: Array) -> Array:
    return bracketed_roots(lambda v: half.current(v, v + differences), low, high, tolerance=TOLERANCE)


def _widest(half: HalfCell, differences: Array) -> tuple[Array, Array]:
    """Brackets that hold even for a bitline at minus half the supply, which pulls the node below ground."""
    low, high = -0.5 * np.asarray(half.supply), 1.5 * np.asarray(half.supply)
    shape = np.broadcast_shapes(
        differences.shape, np.shape(half.pull_down.threshold), np.shape(half.bitline), np.shape(half.wordline)
    )
    low, high = low - np.maximum(differences, 0), high - np.minimum(differences, 0)
    return np.broadcast_to(low, shape), np.broadcast_to(high, shape)


def _between(known_at: Array, known: Array, before: NDArray[np.intp], differences: Array) -> tuple[Array, Array]:
    """Brackets from the two known inputs around each: it falls with the difference, and by no more than that rises."""
    gaps = differences - known_at[before], differences - known_at[before + 1]
    left, right = (known[before], known[before] - gaps[0]), (known[before + 1], known[before + 1] - gaps[1])
    low = np.maximum(np.minimum(*left), np.minimum(*right)) - 2 * TOLERANCE
    high = np.minimum(np.maximum(*left), np.maximum(*right)) + 2 * TOLERANCE
    return low, high


def state_margin(high: HalfCell, low: HalfCell, *, steps: int = STEPS) -> Array:
    """Noise margin in volts, shape (samples,), of the state in which half `high` stores the one.

    It is the side of the largest square in that state's lobe; negative where the state does not exist. Nodes that
    differ by less than one step do not count as a state: in a symmetric cell without gain both curves meet there.
    """
    fractions = np.arange(steps + 1)[:, None] / steps
    differences = fractions * np.asarray(high.supply, dtype=float)
    sides = inputs_at(high, differences) - inputs_at(low, -differences) + differences
    return _peak(sides[1:])


def _peak(sides: Array) -> Array:
    """Highest value of each column, by the parabola through the largest entry and its neighbours."""
    top = np.clip(np.argmax(sides, axis=0), 1, len(sides) - 2)
    left, middle, right = (np.take_along_axis(sides, (top + k)[None], axis=0)[0] for k in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = np.where(curvature < 0, 0.5 * (left - right) / np.where(curvature < 0, curvature, -1.0), 0.0)
    vertex = middle - 0.25 * (left - right) * np.clip(shift, -1, 1)
    return np.maximum(vertex, sides.max(axis=0))


def lobe_margins(cell: Bitcell, bias: Bias, threshold_shift: ArrayLike | None = None) -> Array:
    """Noise margins in volts of the states "A stores one" and "B stores one", shape (samples, 2)."""
    if threshold_shift is None or np.ndim(bias.supply):
        return _lobe_margins(cell, bias, threshold_shift)
    shift = np.asarray(threshold_shift, dtype=float)
    blocks = [shift[k : k + BLOCK] for k in range(0, max(len(shift), 1), BLOCK)]
    return np.concatenate([_lobe_margins(cell, bias, block) for block in blocks])


def _lobe_margins(cell: Bitcell, bias: Bias, threshold_shift: ArrayLike | None) -> Array:
    a, b = half_cells(cell, bias, threshold_shift)
    return np.column_stack([state_margin(a, b), state_margin(b, a)])


def hold_margin(
    cell: Bitcell, *, supply: float, temperature: Kelvin, threshold_shift: ArrayLike | None = None
) -> Array:
    """Hold noise margin in volts, the worse of the two states, shape (samples,)."""
    return lobe_margins(cell, hold_bias(supply=supply, temperature=temperature), threshold_shift).min(axis=1)


def read_margin(
    cell: Bitcell, *, supply: float, temperature: Kelvin, threshold_shift: ArrayLike | None = None
) -> Array:
    """Read noise margin in volts, the worse of the two states, shape (samples,)."""
    return lobe_margins(cell, read_bias(supply=supply, temperature=temperature), threshold_shift).min(axis=1)
