"""Fits `devicemodels.virtual_source` to currents_*.csv and prints the parameters and errors, beside the EKV sheets'.

A cross-check, not a sheet: the model needs a dozen numbers of a transistor where `devicemodels.ekv` takes twenty. Run
from this folder, as `fit_sheets.py`.
"""

import numpy as np
from fit_sheets import read_currents, weights
from numpy.typing import NDArray
from scipy.optimize import least_squares

from devicemodels.ekv import load_mosfet
from devicemodels.virtual_source import Figures, VirtualSource, channel, drain_current

CAPACITANCE = 2.8e-2  # F/m^2; the fit sees only its product with the velocity
# Start, lowest and highest value of each fitted parameter, in the units of `scaled`.
FITTED = {
    "threshold_voltage": (0.5, 0.2, 1.0),
    "injection_velocity": (1.0, 0.3, 4.0),
    "slope_factor": (1.4, 1.0, 2.2),
    "barrier_lowering": (0.15, 0.0, 0.4),
    "body_effect": (0.15, 0.0, 0.5),
    "mobility": (0.02, 0.004, 0.08),
    "access_resistance": (0.8, 0.0, 3.0),
    "saturation_exponent": (1.6, 1.0, 3.0),
    "threshold_slope": (-0.5, -3.0, 2.0),
    "mobility_exponent": (1.0, -2.0, 4.0),
    "velocity_exponent": (0.3, -2.0, 3.0),
    "width_offset": (9.8, 3.0, 15.0),
}
SCALE = {"injection_velocity": 1e5, "access_resistance": 1e-4, "threshold_slope": 1e-3, "width_offset": 1e-9}


def scaled(values: NDArray[np.float64]) -> dict[str, float]:
    """The fitted parameters in SI units, by name."""
    return {key: value * SCALE.get(key, 1.0) for key, value in zip(FITTED, values, strict=True)}


def errors(parameters: dict[str, float], table: NDArray[np.float64], *, node: int) -> NDArray[np.float64]:
    """ln(model / reference), one per row of `read_currents`."""
    rest = dict(parameters)
    offset = rest.pop("width_offset")
    found = {key: rest.pop(key) for key in ("threshold_voltage", "injection_velocity")}
    # The two points that `solve` would meet are not used: threshold and velocity are fitted.
    figures = Figures(
        on_current=1.0,
        off_current=1.0,
        voltage=1.0,
        channel_length=node * 1e-9,
        inversion_capacitance=CAPACITANCE,
        **rest,
    )
    device = VirtualSource(
        name="fit",
        figures=figures,
        matching=1e-9,
        voltage_limit=1.1,
        lowest_temperature=248.15,
        highest_temperature=398.15,
        **found,
    )
    temperature, width, source, gate, drain, current = table.T
    drawn = channel(device, width=width - offset, temperature=temperature)
    return np.log(drain_current(drawn, gate=gate + source, drain=drain + source, source=source) / current)


def fit(node: int, polarity: str) -> dict[str, float]:
    """Least squares of ln(model / reference), weighted as the sheets are; a soft loss above 15 %."""
    table = read_currents(node, polarity)
    weight = weights(table)
    first, low, high = (np.array(column) for column in zip(*FITTED.values(), strict=True))
    solution = least_squares(
        lambda x: weight * errors(scaled(x), table, node=node),
        first,
        bounds=(low, high),
        x_scale="jac",
        loss="soft_l1",
        f_scale=0.15,
        max_nfev=80,
    )
    return {key: float(f"{value:.4g}") for key, value in scaled(solution.x).items()}


if __name__ == "__main__":
    for node in (22, 32, 45):
        for polarity in "np":
            parameters, table = fit(node, polarity), read_currents(node, polarity)
            error, inverted = errors(parameters, table, node=node), table[:, 5] > 10 * table[:, 1]
            both = [np.sqrt(np.mean(e**2)) for e in (error, error[inverted])]
            ekv = load_mosfet(f"ptm{node}hp_{polarity}").device.fit_error
            print(f"{node} nm {polarity}: {both[0]:.3f} all, {both[1]:.3f} inverted (EKV {ekv:.3f} all); {parameters}")
