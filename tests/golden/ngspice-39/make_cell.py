"""Writes cell_rows.csv, mismatch_200.csv and retention.csv. Run from this folder; see README.md."""

import cell
import numpy as np

CORNERS = ((27, 0.8), (27, 0.6), (85, 0.8))
SAMPLES = 200
SIGMAS = [1.3e-9 / np.sqrt(cell.WIDTHS[name] * cell.F) for name in ("pd", "pg", "pu")] * 2
"""Pelgrom, 1.3 mV um for one transistor: 41, 52 and 53 mV."""


def row(celsius: float, supply: float) -> dict[str, float]:
    """Everything measured on the perfect cell at one corner."""
    corner = {"supply": supply, "celsius": celsius}
    nothing = np.zeros((1, 6))
    return {
        "celsius": celsius,
        "supply_v": supply,
        "hold_snm_v": float(cell.margins(nothing, wordline=0, **corner).min()),
        "read_snm_v": float(cell.margins(nothing, wordline=supply, **corner).min()),
        "leakage_w": cell.leakage_power(**corner),
        "bitline_flip_v": cell.flip("bl", **corner),
        "wordline_flip_v": cell.flip("wl", **corner),
        **cell.n_curve(**corner),
    }


if __name__ == "__main__":
    rows = [row(*corner) for corner in CORNERS]
    lines = [",".join(rows[0])] + [",".join(f"{value:.5g}" for value in r.values()) for r in rows]
    with open("cell_rows.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    shifts = np.round(np.random.default_rng(22).standard_normal((SAMPLES, 6)) * SIGMAS, 5)
    both = cell.margins(shifts, supply=0.8, wordline=0.8, celsius=27)
    names = ",".join(f"{name}_{side}_v" for side in "ab" for name in cell.WIDTHS)
    header = names + ",read_snm_a_v,read_snm_b_v"
    np.savetxt("mismatch_200.csv", np.column_stack([shifts, both]), "%.5g", delimiter=",", header=header, comments="")
    held = np.vstack([np.zeros(6), shifts[:5]])
    volts = [[cell.retention_voltage(shift, celsius=celsius) for celsius in (27, 85)] for shift in held]
    header = names + ",retention_27c_v,retention_85c_v"
    np.savetxt("retention.csv", np.column_stack([held, volts]), "%.5g", delimiter=",", header=header, comments="")
