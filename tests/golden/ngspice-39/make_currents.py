"""Writes currents_*.csv and shifted_*.csv: drain currents of the PTM cards. Run from this folder; see README.md."""

import numpy as np
from ngspice import card, run

SUPPLY = {22: 0.8, 32: 0.9, 45: 1.0}
DRAINS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.1)
SOURCES = (0.0, 0.15, 0.3)
CELSIUS = (-25, 27, 85, 125)
WIDTHS = (1.25, 2.08, 4.0)
"""Drawn widths in gate lengths."""


SHIFT = 0.05
"""Volts by which `shifted_*.csv` weakens the threshold, as mismatch would."""


def table(node: int, polarity: str, celsius: float, width: float, source: float, shift: float = 0.0):
    """Gate voltages [gate] and currents [gate, drain] in amperes, all referred to the source, as magnitudes."""
    sign = 1 if polarity == "n" else -1
    drains = [v for v in DRAINS if v <= SUPPLY[node] + 0.11]
    devices = "\n".join(
        f"M{k} d{k} g s 0 {polarity}ch w={width * node}n l={node}n delvto={sign * shift}\nVd{k} d{k} s {sign * v}"
        for k, v in enumerate(drains)
    )
    probes = " ".join(f"i(Vd{k})" for k in range(len(drains)))
    top = SUPPLY[node] + 0.1
    columns = run(f"""* {node} {polarity}
{card(node)}
Vs s 0 {sign * source}
Vg g s 0
{devices}
.temp {celsius}
.options gmin=1e-18 abstol=1e-16 reltol=1e-5
.control
dc Vg 0 {sign * (top + 1e-6)} {sign * 0.1}
wrdata t.dat {probes}
.endc
.end
""")["t"]
    return np.abs(columns[:, 0]), np.abs(columns[:, 1::2])


def write(node: int, polarity: str) -> None:
    """One file per card and polarity: a row per temperature, width, source and gate; a column per drain voltage."""
    drains = [v for v in DRAINS if v <= SUPPLY[node] + 0.11]
    lines = ["celsius,width_nm,source_body,gate," + ",".join(f"{v:g}" for v in drains)]
    for celsius in CELSIUS:
        for width in WIDTHS:
            for source in SOURCES:
                for gate, row in zip(*table(node, polarity, celsius, width, source), strict=True):
                    values = ",".join(f"{i:.4g}" for i in row)
                    lines.append(f"{celsius},{width * node:g},{source:g},{gate:.2g},{values}")
    with open(f"currents_{node}{polarity}.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def write_shifted(node: int, polarity: str) -> None:
    """Currents at 27 C with the threshold lower and higher by SHIFT: a row per gate, first all lower, then higher."""
    drains = [v for v in DRAINS if v <= SUPPLY[node] + 0.11]
    lines = ["shift,gate," + ",".join(f"{v:g}" for v in drains)]
    for shift in (-SHIFT, SHIFT):
        for gate, row in zip(*table(node, polarity, 27, 2.08, 0.0, shift), strict=True):
            lines.append(f"{shift},{gate:.2g}," + ",".join(f"{i:.4g}" for i in row))
    with open(f"shifted_{node}{polarity}.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    for node in SUPPLY:
        for polarity in "np":
            write(node, polarity)
            write_shifted(node, polarity)
