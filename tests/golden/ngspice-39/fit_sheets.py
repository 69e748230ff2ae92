"""Fits `devicemodels.ekv` to currents_*.csv and writes the transistor sheets. Run from this folder; see README.md."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from devicemodels.ekv import Mosfet, channel, drain_current
from devicemodels.quantities import SHEETS, field_units

HERE = Path(__file__).parent
WIDTH = 2.08  # of the currents with a shifted threshold, in gate lengths
SUPPLY = {22: 0.8, 32: 0.9, 45: 1.0}
# Currents per width (A/m) under which the card's gate and junction leakage count, which the model has not.
FLOOR = 3e-3
# Start, lowest and highest value of each fitted parameter.
FITTED = {
    "width_offset": (11e-9, 6e-9, 15e-9),
    "threshold_voltage": (0.45, 0.1, 0.9),
    "threshold_slope": (1e-4, -3e-3, 2e-3),
    "slope_factor": (1.5, 1.0, 2.5),
    "slope_exponent": (0.0, -1.0, 1.0),
    "body_factor": (0.35, 0.0, 2.0),
    "barrier_lowering": (0.2, 0.0, 0.5),
    "specific_current": (80.0, 1.0, 1000.0),
    "mobility_exponent": (2.0, -1.0, 6.0),
    "velocity_saturation": (0.1, 0.0, 5.0),
    "velocity_exponent": (-2.0, -6.0, 4.0),
    "series_resistance": (1.4e-4, 0.0, 1e-3),
    "resistance_exponent": (2.0, -1.0, 5.0),
    "length_modulation": (0.8, 0.0, 5.0),
    "modulation_exponent": (2.5, -5.0, 8.0),
    "modulation_screening": (0.2, 0.0, 5.0),
    "avalanche_voltage": (0.03, 1e-4, 10.0),
}
# Start of every other number: value, where it comes from, kind.
GIVEN = {
    "surface_potential": (0.8, "2 phi_F + a few k T / e of the channel doping; the fit is blind to it", "assumed"),
    "avalanche_field_voltage": (4.0, "pscbe1 times the card's saturation length, 0.0049 um at 22 nm", "derived"),
    "matching": (
        1.84e-9,
        "not in the card: 1.3 mV um for one transistor, so 1.84 for a pair",
        "assumed",
    ),
    "lowest_temperature": (248.15, "coldest of the currents fitted", "derived"),
    "highest_temperature": (398.15, "hottest of the currents fitted", "derived"),
}


def read_currents(node: int, polarity: str) -> NDArray[np.float64]:
    """Columns: temperature (K), width (m), source-body, gate, drain (V), current (A); one row per bias."""
    path = HERE / f"currents_{node}{polarity}.csv"
    with open(path, encoding="utf-8") as file:
        drains = [float(v) for v in file.readline().split(",")[4:]]
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    keys = np.repeat(rows[:, :4], len(drains), axis=0)
    drain = np.tile(drains, len(rows))
    table = np.column_stack([keys[:, 0] + 273.15, keys[:, 1] * 1e-9, keys[:, 2:], drain, rows[:, 4:].ravel()])
    return table[table[:, 5] > FLOOR * table[:, 1]]


def errors(mosfet: Mosfet, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln(model / reference), one per row of `read_currents`."""
    result = np.empty(len(table))
    for temperature, width in np.unique(table[:, :2], axis=0):
        at = (table[:, 0] == temperature) & (table[:, 1] == width)
        source, gate, drain, current = table[at, 2:].T
        device = channel(mosfet, width=width, temperature=temperature)
        model = drain_current(device, gate=gate + source, drain=drain + source, source=source)
        result[at] = np.log(model / current)
    return result


def fit(node: int, polarity: str) -> Mosfet:
    """Least squares of ln(model / reference), weighted by `weights`; a soft loss above 15 %."""
    table = read_currents(node, polarity)
    weight = weights(table)
    start = {f.name: 1.0 for f in fields(Mosfet)} | {key: value[0] for key, value in GIVEN.items()}
    start |= {"name": f"ptm{node}hp_{polarity}", "channel_length": node * 1e-9, "voltage_limit": SUPPLY[node] + 0.1}
    base = Mosfet(**start)
    first, low, high = (np.array(column) for column in zip(*FITTED.values(), strict=True))
    solution = least_squares(
        lambda x: weight * errors(replace(base, **dict(zip(FITTED, x, strict=True))), table),
        first,
        bounds=(low, high),
        x_scale="jac",
        loss="soft_l1",
        f_scale=0.15,
    )
    found = {key: float(f"{value:.5g}") for key, value in zip(FITTED, solution.x, strict=True)}
    fitted = replace(base, **found)
    fitted = replace(fitted, mobility_field=fit_mobility_field(fitted, node, polarity))
    return replace(fitted, fit_error=float(f"{np.sqrt(np.mean(errors(fitted, table) ** 2)):.3f}"))


def weights(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of each row: half below 1 A/m, but four times as much for off-currents, which always flow."""
    strong = table[:, 5] > table[:, 1]
    off = (table[:, 3] == 0) & (table[:, 2] == 0) & (table[:, 4] > 0.45) & (table[:, 0] > 290)
    return np.where(strong, 1.0, 0.5) * np.where(off, 4.0, 1.0)


def fit_mobility_field(mosfet: Mosfet, node: int, polarity: str) -> float:
    """Least squares of ln(current with the threshold lowered / with it raised), at 27 C."""
    path = HERE / f"shifted_{node}{polarity}.csv"
    drains = np.array(path.read_text(encoding="utf-8").split("\n", 1)[0].split(",")[2:], dtype=float)
    low, high = np.split(np.loadtxt(path, delimiter=",", skiprows=1), 2)
    width = WIDTH * mosfet.channel_length

    def ratio(field: float) -> NDArray[np.float64]:
        """ln of the ratio of the two models' currents, by gate and drain."""
        shifted = (
            channel(replace(mosfet, mobility_field=field), width=width, temperature=300.15, threshold_shift=v)
            for v in (low[0, 0], high[0, 0])
        )
        low_model, high_model = (drain_current(c, gate=low[:, 1:2], drain=drains, source=0.0) for c in shifted)
        return np.log(low_model / high_model)

    wanted = np.log(low[:, 2:] / high[:, 2:])
    found = least_squares(lambda x: (ratio(x[0]) - wanted).ravel(), [1.5], bounds=(0, 10))
    return float(f"{found.x[0]:.3g}")


def sheet(node: int, polarity: str, mosfet: Mosfet) -> str:
    """The transistor as a TOML sheet."""
    channel_type = {"n": "n-channel", "p": "p-channel (magnitudes)"}[polarity]
    lines = [
        f"# Fitted to {len(read_currents(node, polarity))} currents of the PTM {node} nm card in ngspice 39.",
        "# They and the script that wrote this sheet are in tests/golden/ngspice-39.",
        f'name = "{mosfet.name}"',
        f'title = "PTM {node} nm high performance, {channel_type}"',
        "",
    ]
    for key, unit in field_units(Mosfet).items():
        where, kind = origin(key, node)
        value = getattr(mosfet, key)
        cited = f'source = "{source(key)}", where = "{where}", kind = "{kind}"'
        lines.append(f'{key} = {{ value = {value:.5g}, unit = "{unit}", {cited} }}')
    return "\n".join(lines) + "\n"


def origin(key: str, node: int) -> tuple[str, str]:
    """Place and kind of one number."""
    if key in GIVEN:
        return GIVEN[key][1:]
    return {
        "channel_length": (f"nominal gate length of the {node} nm card", "derived"),
        "voltage_limit": ("highest of the voltages fitted: nominal supply and 0.1 V", "derived"),
        "fit_error": ("rms of ln(model / ngspice), -25 to 125 C", "derived"),
    }.get(key, (f"ngspice 39 on {node}nm_HP.pm", "fitted"))


def source(key: str) -> str:
    """Key of the bibliography."""
    return {"matching": "pelgrom1989", "surface_potential": "enz1995"}.get(key, "zhao2006")


if __name__ == "__main__":
    for node in SUPPLY:
        for polarity in "np":
            mosfet = fit(node, polarity)
            print(mosfet)
            path = SHEETS / "transistor" / f"{mosfet.name}.toml"
            path.write_text(sheet(node, polarity, mosfet), encoding="utf-8")
