"""The table of docs/mtj_accuracy.md: ``python docs/peers/table.py`` puts it there, from the four files of findings."""

import json
import math
from pathlib import Path

ROUNDING = 1e-12
TOOLS = ("spinstream", "cmtj", "arm", "vgsot_sim")
ROWS: dict[str, dict[str, str]] = {
    "Motion without heat: relative error": {
        "precession": "precession, $\\gamma_0 H_k\\cos\\theta/(1+\\alpha^2)$",
        "damping": "damping, $\\tan\\theta = \\tan\\theta_0\\,e^{-\\alpha\\gamma_0 H_k t/(1+\\alpha^2)}$",
        "damping_default": "the same, as the tool does it unasked",
        "threshold_down": "threshold of switching P → AP",
        "threshold_up": "threshold of switching AP → P",
        "conversion": "growth under both torques at $\\alpha = 0.5$",
    },
    "Motion: as it says": {
        "order": "order of convergence, the solver for hot runs",
        "time_stamp": "logged time, in steps off",
        "norm": "largest $\\lvert\\,\\lvert m\\rvert-1\\rvert$",
    },
    "Heat: sampled over exact": {
        "start": "$\\langle\\sin^2\\theta\\rangle$ of the thermal start, $\\Delta=43$",
        "well_default": "$\\langle\\sin^2\\theta\\rangle$ in a well, $\\Delta=43$, unasked",
        "well_default_picosecond": "the same, at a step of 1 ps",
        "well_best": "the same, best solver",
        "sphere_second": "$\\langle z^2\\rangle$, $\\Delta=3$",
        "sphere_fourth": "$\\langle z^4\\rangle$, $\\Delta=3$",
        "driven": "$\\langle z\\rangle$ at $I_{c0}/2$, $\\Delta=3$",
        "diffusion": "rotational diffusion, no anisotropy",
        "sampled_write_error": "write error of $1.08\\cdot10^{-2}$, trajectories",
    },
    "Random numbers": {
        "seeds": "same seed, same bits",
        "streams": "correlation between two devices",
    },
    "Fokker–Planck: relative error": {
        "write_error": "worst of six write errors, 0.22 to $2.5\\cdot10^{-9}$",
        "write_error_deep": "a write error of $1.58\\cdot10^{-17}$",
        "passage": "worst mean switching time, $\\Delta$ = 5, 10, 20",
        "mass": "probability lost or gained",
        "positivity": "density nowhere negative",
    },
    "Transport and stack: relative error": {
        "resistance": "resistance at 90°",
        "bias": "TMR at $V_h$",
        "demagnetisation": "$N_z$ of a cylinder, $t/d = 1/40$",
        "dipole": "field of a neighbour of half the moment",
        "temperature": "what depends on temperature",
    },
}
"""Rows by section: the key of a finding and what the row is called."""


def cell(finding: dict | None) -> str:
    """A residual as text: a word, mean ± standard error with the digits that it allows, or a number of two digits."""
    if finding is None:
        return "-"
    value, error = finding["value"], finding["error"]
    if isinstance(value, str):
        return value
    if error is not None:
        digits = max(0, 1 - math.floor(math.log10(error)))
        return f"{value:.{digits}f} ± {error:.{digits}f}"
    if abs(value) < ROUNDING:
        return "< 1e-12"
    return f"{value:.1e}" if abs(value) < 1e-2 or abs(value) >= 1000 else f"{value:.3g}"


def load(tool: str) -> dict:
    """The findings of a tool, with its release and how they were made."""
    return json.loads((Path(__file__).parent / f"{tool}.json").read_text())


def table() -> str:
    """The table as Markdown."""
    documents = {tool: load(tool) for tool in TOOLS}
    lines = ["| Check | Spinstream | cmtj | ARM | vgsot-sim |", "|---|---|---|---|---|"]
    for section, rows in ROWS.items():
        lines.append(f"| **{section}** | | | | |")
        for key, name in rows.items():
            cells = [cell(documents[tool]["findings"].get(key)) for tool in TOOLS]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def replace_table(page: str) -> str:
    """The page with its table, which begins with its heading and ends before a blank line, made anew."""
    before, _, rest = page.partition("| Check |")
    return before + table() + "\n\n" + rest.partition("\n\n")[2]


if __name__ == "__main__":
    page = Path(__file__).parent.parent / "mtj_accuracy.md"
    page.write_text(replace_table(page.read_text()))
