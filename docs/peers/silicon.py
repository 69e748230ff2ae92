"""Published macros beside the model, and the error of each fitted constant with one macro left out.

Prints the two tables of docs/theory_macros.md as Markdown: ``python docs/peers/silicon.py``.
"""

import numpy as np

from devicemodels.macro.silicon import FITTED, deviations, evaluated, fit, silicon_macros

FIGURES = {
    "read_access": ("access", 1e9, "ns"),
    "read_cycle": ("cycle", 1e9, "ns"),
    "read_energy": ("read energy", 1e12, "pJ per word"),
    "area": ("area", 1e6, "mm²"),
}


def macros_table() -> str:
    """One row per published figure."""
    lines = ["| Macro | Figure | Model | Silicon | Deviation |", "|---|---|---|---|---|"]
    for macro in silicon_macros():
        model, _ = evaluated(macro)
        for name, off in deviations(macro).items():
            words, scale, unit = FIGURES[name]
            here, there = getattr(model, name) * scale, macro.measured[name] * scale
            row = f"{macro.name} {{cite:p}}`{macro.source}` | {words} | {here:.3g} {unit} | {there:.3g} | {off:+.0%}"
            lines.append(f"| {row} |")
    return "\n".join(lines)


def medians() -> str:
    """The median of the sizes of the deviations, by kind and figure, over all macros that give it."""
    found = []
    for kind, name in (("mram", "read_access"), ("mram", "area"), ("sram", "read_access"), ("sram", "area")):
        off = [abs(deviations(m)[name]) for m in silicon_macros() if m.kind == kind and name in m.measured]
        found.append(f"{kind.upper()} {FIGURES[name][0]} {np.median(off):.0%} ({len(off)} macros)")
    return "In the median: " + ", ".join(found) + "."


def fits_table() -> str:
    """One row per fitted constant."""
    lines = ["| Constant | Value | Macros | Median deviation | with the macro itself left out | worst, left out |"]
    lines.append("|---|---|---|---|---|---|")
    for constant in FITTED:
        found = fit(constant)
        inside, outside = (np.abs(list(d.values())) for d in (found.deviation, found.left_out))
        tail = f"{np.median(outside):.0%} | {np.max(outside):.0%}" if len(outside) else "one macro only | "
        lines.append(f"| `{constant}` | {found.value:.3g} | {len(inside)} | {np.median(inside):.0%} | {tail} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(macros_table(), medians(), fits_table(), sep="\n\n")
