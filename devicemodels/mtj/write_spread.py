"""Write errors of an array: the Fokker-Planck error rate over the spread of its cells.

ln WER falls by nearly 2 tau per unit of overdrive, so that Gaussian cells have a log-normal error rate (Imamura, Arai
and Matsumoto 2022). Its mean lies far above its median and is made by the few cells with the highest threshold.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from devicemodels.checks import require_finite, require_not_negative, require_positive
from devicemodels.errors import UserError
from devicemodels.mtj import energy
from devicemodels.mtj._spanning_grid import on_spanning_grid
from devicemodels.mtj.fokker_planck import DELTAS, STRONGEST_DRIVE, write_error_rate
from devicemodels.mtj.variation import Array, cell_currents, quadrature
from devicemodels.quantities import Ampere, Kelvin, Ohm, Ratio, Second

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj

LOWEST_STABILITY = 5.0
"""Cells with a lower barrier keep nothing that could be called written."""
LOWEST_ERROR = 1e-21
"""Lower error rates count as this; the march resolves those above."""
POINTS = (6, 20, 6)
"""Of the grid over barrier, overdrive and time."""


def mean_write_error_rate(
    mtj: Mtj,
    *,
    current: Ampere,
    pulse: Second,
    temperature: Kelvin = 300.0,
    series_resistance: Ohm = math.inf,
    correlation: ArrayLike | None = None,
) -> Ratio:
    """Write error of an array of such cells: `cell_write_error_rates` integrated over their joint Gaussian spread.

    It is the bit error of one write for `error_correction.array_failure`. Parameters and errors as there and for
    `sample_cells`; `without_spread` gives the nominal cell.
    """
    steps = {"diameter": 0.7, "interface_anisotropy": 0.7}
    mild = {"exchange_stiffness": 5, "tmr_zero_bias": 4}
    if series_resistance < math.inf:
        steps["resistance_area"] = 0.7
    weight, cells = quadrature(mtj, steps=steps, radius=9.0, mild=mild, correlation=correlation)
    errors = cell_write_error_rates(
        mtj, cells, current=current, pulse=pulse, temperature=temperature, series_resistance=series_resistance
    )
    return float(weight @ errors)


def check_write(mtj: Mtj, *, current: ArrayLike, pulse: ArrayLike, temperature: ArrayLike) -> None:
    """Refuse a write of the nominal junction that its equation is not solved for.

    Raises
    ------
    UserError
        If the layer has no perpendicular barrier or one above `DELTAS`, the current is not finite or above
        `STRONGEST_DRIVE`, or the pulse is negative or not finite.
    """
    energy.check_perpendicular(mtj, temperature)
    require_finite(f"the write current of {mtj.name}", current, "A")
    require_not_negative(f"the write pulse of {mtj.name}", pulse, "s")
    highest = np.max(mtj.thermal_stability(temperature), initial=0.0)
    if highest > DELTAS[1]:
        raise UserError(
            f"the thermal stability of {mtj.name} at {np.min(temperature):g} K is {highest:.4g}, but write errors are "
            f"solved up to {DELTAS[1]:g}; raise the temperature, or lower exchange_stiffness or diameter"
        )
    strongest = STRONGEST_DRIVE * np.min(mtj.critical_current(temperature))
    if np.any(np.abs(current) > strongest):
        raise UserError(
            f"the write current of {mtj.name} is {np.max(np.abs(current)):g} A, but write errors are solved up to "
            f"{strongest:.4g} A, which is {STRONGEST_DRIVE:g} times its critical current; lower it"
        )


def cell_write_error_rates(
    mtj: Mtj,
    cells: Mtj,
    *,
    current: Ampere,
    pulse: Second,
    temperature: Kelvin = 300.0,
    series_resistance: Ohm = math.inf,
) -> Array:
    """Probability that a pulse does not switch, for each cell, shape (cells,): a distribution, to take quantiles of.

    The equation is solved on a grid over barrier, overdrive and time, and ln(-ln(1 - WER)) is interpolated there by
    cubic splines. The stray field of a cell acts as its share of the overdrive; that its weight in the thermal start
    differs from cell to cell is left out. A cell with less than `LOWEST_STABILITY` keeps nothing: its rate is one half.

    Parameters
    ----------
    cells
        An array made from `mtj`, as by `sample_cells`.
    current
        Through a nominal cell in the state that the pulse is to leave: positive from P to AP, negative from AP to P.
    series_resistance
        Of what a cell hangs on, a fixed voltage behind it: zero for a fixed voltage, infinite for a fixed current.

    Raises
    ------
    UserError
        As `check_write`, if the pulse is zero, or if the series resistance is negative.
    """
    require_finite(f"the write current of {mtj.name}", current, "A")
    require_positive(f"the write pulse of {mtj.name}", pulse, "s")
    through = cell_currents(
        mtj,
        cells,
        current=abs(current),
        series_resistance=series_resistance,
        temperature=temperature,
        antiparallel=current < 0,
    )
    stability = np.broadcast_to(cells.thermal_stability(temperature), through.shape)
    holding = stability > LOWEST_STABILITY
    errors = np.full(through.shape, 0.5)
    drive = through[holding] / np.broadcast_to(cells.critical_current(temperature), through.shape)[holding]
    time = np.broadcast_to(energy.relaxation_rate(cells, temperature=temperature), through.shape)[holding] * pulse
    own = np.broadcast_to(energy.reduced_stray_field(cells, temperature=temperature), through.shape)[holding]
    field = -own if current < 0 else own
    if holding.any():
        check_write(mtj, current=current, pulse=pulse, temperature=temperature)
        errors[holding] = _interpolated(np.minimum(stability[holding], DELTAS[1]), drive, time, field)
    return errors


def _interpolated(stability: Array, drive: Array, time: Array, own_field: Array) -> Array:
    """Error rates of cells, by splines through the solutions on a grid that spans them.

    All share the median field; what a cell has beside it is put into its overdrive. Overdrives above twice the median
    count as that: their error rates are far below the median's, and no mean feels them.
    """
    field = float(np.median(own_field))
    drive = np.minimum(drive - (own_field - field), 2 * np.median(drive))

    def double_log(delta: ArrayLike, overdrive: ArrayLike, reduced_time: ArrayLike) -> Array:
        """ln(-ln(1 - WER)): almost linear in overdrive and time from WER = 1 down to `LOWEST_ERROR`."""
        error = write_error_rate(delta=delta, overdrive=overdrive, reduced_time=reduced_time, field=field)
        with np.errstate(divide="ignore"):
            return np.clip(np.log(-np.log1p(-np.asarray(error))), math.log(LOWEST_ERROR), math.log(36))

    return -np.expm1(-np.exp(on_spanning_grid(double_log, (stability, drive, time), points=POINTS)))
