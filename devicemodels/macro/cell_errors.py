"""Raw error rates of an array's cells, the mean over their spread, for many devices at once.

The same means as those of `mtj.write_spread` and `mtj.reliability`, made cheap: diameter, anisotropy and exchange have
an axis each, and an energy is evaluated only along the axes on which it depends; solutions of the equation come from
tables over barrier, overdrive and time; what moves a rate little (TMR, resistance-area product) enters by its second
moment. A stray field is not in the tables, and is refused.
"""

from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray

from devicemodels.errors import UserError
from devicemodels.mtj import Mtj, energy
from devicemodels.mtj.fokker_planck import switching_rate
from devicemodels.mtj.reliability import two_state
from devicemodels.mtj.write_error_table import tabulated_write_error
from devicemodels.mtj.write_spread import LOWEST_STABILITY
from devicemodels.quantities import Ampere, Kelvin, Ohm, Ratio, Second

Array = NDArray[np.float64]

TEN_YEARS = 10 * 365.25 * 86400.0
"""Ten years in seconds, the time that retention covers."""

REACH = 9.0
"""Deviates, in standard deviations, on each axis."""
FEW, FEW_STEP, KINK_STEP, MANY_STEP = 8, 1.0, 0.6, 1.7
"""Steps between two deviates for few devices and for many.

For the mean of e^(a z) the trapezoidal rule errs by 2 exp(-2 pi^2 / step^2), nothing at 1 and 0.2 % at 1.7, which a
band of many devices does not feel. Retention is finer: its mean lies at the kink where nucleation takes over.
"""

RATE_TABLE = Path(__file__).with_name("escape_rates.npy")
"""Made anew by `python -m devicemodels.macro.cell_errors`, in a second: solved ahead, it spares every query that."""
RATE_TERMS = (8, 14)
RATE_STABILITIES, RATE_DRIVES = (5.0, 300.0), (0.0, 0.95)


@dataclass(frozen=True, kw_only=True)
class CellErrors:
    """Rates per bit: `write` after one pulse and `rewrite` after all, `retention` in ten years, `disturb` per read."""

    write: Array
    rewrite: Array
    retention: Array
    disturb: Array


def cell_errors(
    mtj: Mtj,
    *,
    write_current: Ampere,
    write_pulse: Second,
    write_attempts: Ratio,
    read_current: Ampere,
    read_duration: Second,
    series_resistance: Ohm,
    temperature: Kelvin,
) -> CellErrors:
    """Rates of every point: fields of `mtj` and the arguments are numbers, or arrays that broadcast together.

    `read_current` flows through a nominal parallel cell, which hangs on `series_resistance`. Points that share a device
    and its write share one integral.

    Raises
    ------
    UserError
        If the junction has a stray field.
    """
    if np.any(mtj.stray_field):
        raise UserError(
            f"{mtj.name} has a stray field of {np.max(np.abs(mtj.stray_field)):g} A/m, but a bank is modelled without; "
            "set stray_field to zero"
        )
    varied = {f.name: getattr(mtj, f.name) for f in fields(mtj) if np.ndim(getattr(mtj, f.name))}
    points = np.broadcast_arrays(
        *varied.values(),
        *(write_current, write_pulse, write_attempts, temperature),
        *(read_current, read_duration, series_resistance),
    )
    shape, flat = points[0].shape, [np.asarray(v, dtype=float).ravel() for v in points]
    unique, first, device = np.unique(np.stack(flat[:-3]), axis=1, return_index=True, return_inverse=True)
    each, few = dict(zip(varied, unique, strict=False)), unique.shape[1] <= FEW
    spread, fine = (
        _spread(mtj, each, temperature=unique[-1], step=step if few else MANY_STEP) for step in (FEW_STEP, KINK_STEP)
    )
    write, rewrite = spread.write_errors(current=unique[-4], pulse=unique[-3], attempts=unique[-2])
    flips = spread.disturb_rates(flat[-3], device.ravel(), series=flat[-1][first]) * flat[-2]
    rates = write[device], rewrite[device], fine.retention_errors()[device], -np.expm1(-flips)
    write, rewrite, retention, disturb = (rate.reshape(shape) for rate in rates)
    return CellErrors(write=write, rewrite=rewrite, retention=retention, disturb=disturb)


@dataclass(frozen=True, kw_only=True)
class _Spread:
    """Cells of n devices: fields of `cells` broadcast to (n, diameters, anisotropies, exchanges), as does `weight`."""

    nominal: Mtj
    cells: Mtj
    weight: Array
    temperature: Array

    def stability(self) -> Array:
        return self.cells.thermal_stability(self.temperature)

    def mean(self, values: Array) -> Array:
        """Mean over all cells of one device, shape (n,)."""
        return np.sum(values * self.weight, axis=(1, 2, 3)) if values.shape[3] > 1 else self._plane_mean(values)

    def _plane_mean(self, values: Array) -> Array:
        return np.sum(values * self.weight.sum(axis=3, keepdims=True), axis=(1, 2, 3))

    def write_errors(self, *, current: Array, pulse: Array, attempts: Array) -> tuple[Array, Array]:
        """Means of the error of one pulse and of all attempts, (n,).

        Errors are linear in the barrier: its mean over the exchange will do.
        """
        share = np.sum(self.weight, axis=(1, 2), keepdims=True)
        stability = np.sum(self.stability() * share, axis=3, keepdims=True)
        drive = _column(current) / self.cells.critical_current(self.temperature)
        time = self.attempts() * _column(pulse)
        # Two nodes of Gauss and Hermite, at one sigma: the TMR moves the overdrive by less than a per cent.
        shift = self.sensitivity() * self.nominal.sigma_tmr
        errors = [_kept(stability, drive * (1 + sign * shift), time) for sign in (-1, 1)]
        first, second = (sum(self.mean(error**power) for error in errors) / 2 for power in (1.0, _column(attempts)))
        return first, second

    def sensitivity(self) -> Array:
        """d ln I_c0 / d ln TMR as a size: the polarisation goes as sqrt(TMR/(2 + TMR))."""
        return 1 / (2 + self.nominal.tmr(0.0, self.temperature))

    def retention_errors(self) -> Array:
        stability = self.stability()
        rate = self.attempts() * np.exp(_log_rate(stability, np.zeros((1, 1, 1, 1))))
        wrong = two_state(0.0, out_rate=rate, back_rate=rate, duration=TEN_YEARS)
        return self.mean(np.where(stability > RATE_STABILITIES[0], wrong, 0.5))

    def attempts(self) -> Array:
        return energy.relaxation_rate(self.cells, temperature=self.temperature)

    def disturb_rates(self, current: Array, device: Array, *, series: Array) -> Array:
        """Flips per second of parallel cells at each point's read current, (points,); `device` numbers its device.

        ln of the mean rate is interpolated between three currents of each device.
        """
        low, high = np.full(series.size, np.inf), np.zeros(series.size)
        np.minimum.at(low, device, current)
        np.maximum.at(high, device, current)
        half = (high - low) / 2
        nodes = (-1.0, 0.0, 1.0) if np.any(half > 1e-9 * high) else (0.0,)
        logs = [np.log(self._disturb_rate((low + high) / 2 + x * half, series)) for x in nodes]
        if len(nodes) == 1:
            return np.exp(logs[0])[device]
        below, middle, above = (log[device] for log in logs)
        x = (current - ((low + high) / 2)[device]) / np.maximum(half, 1e-300)[device]
        return np.exp(middle + x * (above - below) / 2 + x**2 * ((above + below) / 2 - middle))

    def _disturb_rate(self, current: Array, series: Array) -> Array:
        parallel, series = self.nominal.resistance(0.0, 0.0, self.temperature), _column(series)
        through = _column(current) * (parallel + series) / (self.cells.resistance(0.0, 0.0, self.temperature) + series)
        drive = np.clip(through / self.cells.critical_current(self.temperature), *RATE_DRIVES)
        stability = self.stability()
        relative = np.hypot(
            self.nominal.sigma_resistance_area * parallel / (parallel + series),
            self.nominal.sigma_tmr * self.sensitivity(),
        )
        steep = 2 * stability * drive * (1 - drive) * relative
        return self.mean(self.attempts() * np.exp(_log_rate(stability, drive) + steep**2 / 2))


def _spread(mtj: Mtj, varied: dict[str, Array], *, temperature: Array, step: float) -> _Spread:
    deviates = step * np.arange(-np.floor(REACH / step), np.floor(REACH / step) + 1)
    gauss = np.exp(-(deviates**2) / 2) / np.sum(np.exp(-(deviates**2) / 2))
    nominal = replace(mtj, **{name: _column(values) for name, values in varied.items()})

    def along(axis: int, name: str, sigma: str) -> dict[str, Any]:
        share = np.expand_dims(deviates, tuple({0, 1, 2, 3} - {axis}))
        # Nine sigma of a wide spread would be below zero, which no device is.
        return {name: getattr(nominal, name) * np.maximum(1 + getattr(nominal, sigma) * share, 0.02)}

    cells = replace(
        nominal,
        **along(1, "diameter", "sigma_diameter"),
        **along(2, "interface_anisotropy", "sigma_anisotropy"),
        **along(3, "exchange_stiffness", "sigma_exchange"),
    )
    weight = gauss[:, None, None] * gauss[:, None] * gauss
    return _Spread(nominal=nominal, cells=cells, weight=weight[None], temperature=_column(temperature))


def _column(values: ArrayLike) -> Array:
    """(n,) as (n, 1, 1, 1)."""
    return np.reshape(values, (-1, 1, 1, 1))


def _kept(stability: Array, drive: Array, time: Array) -> Array:
    """Write errors, one half where nothing is kept."""
    return np.where(
        stability > LOWEST_STABILITY, tabulated_write_error(delta=stability, overdrive=drive, reduced_time=time), 0.5
    )


def _log_rate(stability: Array, drive: Array) -> Array:
    """ln of the escapes per unit of reduced time (`fokker_planck.switching_rate`), by a Chebyshev series."""
    low, high = RATE_STABILITIES
    stability = np.clip(stability, low, high)
    x = 2 * (1 / stability - 1 / high) / (1 / low - 1 / high) - 1
    y = 2 * drive / RATE_DRIVES[1] - 1
    # First along the drive, whose array is the smaller; then along the barrier.
    beside = chebyshev.chebval(x, chebyshev.chebval(y, _rate_series().T), tensor=False)
    return beside - stability * (1 - drive) ** 2 + np.log(stability) / 2


@cache
def _rate_series() -> Array:
    return np.load(RATE_TABLE)


def solve_rates() -> Array:
    """Series of what is left of ln k beside -Delta (1 - i)^2 + ln(Delta)/2, over 1/Delta and i; shape `RATE_TERMS`."""
    x, y = (np.cos(np.pi * (np.arange(n) + 0.5) / n) for n in RATE_TERMS)
    low, high = (1 / value for value in reversed(RATE_STABILITIES))
    delta = 1 / (low + (high - low) * (x[:, None] + 1) / 2)
    drive = RATE_DRIVES[1] * (y + 1) / 2
    rest = np.log(switching_rate(delta=delta, overdrive=drive)) + delta * (1 - drive) ** 2 - np.log(delta) / 2
    left, right = (np.linalg.inv(chebyshev.chebvander(points, points.size - 1)) for points in (x, y))
    return left @ rest @ right.T


if __name__ == "__main__":
    np.save(RATE_TABLE, solve_rates())
