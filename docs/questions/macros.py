"""Which macros reach 0.1, 0.3 and 0.5 TB/s/mm², at what capacity, power, error rate and yield?"""

import numpy as np
from matplotlib.ticker import NullFormatter
from tabulate import axes, picture, show

from devicemodels.macro.explore import Bound, Space, front, search
from devicemodels.macro.sheets import bank_sheets

TARGETS = (0.1, 0.3, 0.5)  # TB/s/mm²
NODES = {"mram": ("22nm", "16nm", "14nm", "8nm"), "sram": ("22nm", "16nm", "7nm")}
BANK_BITS = tuple(2**power for power in range(14, 23))
WORDS = (64, 128, 256, 512, 1024)
TEMPERATURE = 358.15
GIGABIT = 2**30
BANDWIDTH, CAPACITY = "bandwidth_density_tb_per_s_mm2", "density_mb_per_mm2"


def banks(kind, node):
    """Every bank of a node that can be built: sizes from 16 kb to 4 Mb, with the SEC-DED code of its word."""
    found = []
    for bits in BANK_BITS:
        words = tuple(word for word in WORDS if bits >= 16 * word)
        space = Space(
            capacity_bits=bits, temperature=TEMPERATURE, word_bits=words, banks=(1,), mux=(1, 2, 4, 8, 16, 32),
            read_voltage_scales=(1.0,), diameter_scales=(1.0,),
        )  # fmt: skip
        found.append(list(search(space, bank_sheets(kind, node)))[-1].points)
    return {name: np.concatenate([points[name] for points in found]) for name in found[0]}


def densest(points, target):
    """Index of the bank of the highest capacity density that reaches a bandwidth density, or None."""
    best = front(points, objectives=(CAPACITY,), bounds=[Bound(figure=BANDWIDTH, below=False, value=target)])
    return best[0] if len(best) else None


def line(kind, node, target, points, index):
    """One row of the table."""
    if index is None:
        return (f"{kind} {node}", target, "none", *[""] * 10)
    one = {name: values[index].item() for name, values in points.items()}
    bits = one["words"] * one["word_bits"]
    return (
        f"{kind} {node}", target, f"{bits / 1024:.0f}", f"{one['word_bits']}", f"{one['rows']} x {one['mux']}",
        one[BANDWIDTH], one[CAPACITY] / 8, one["power_density_w_per_mm2"], one["read_energy_pj_per_bit"],
        one["read_cycle_ns"], one["read_error_rate"], one["write_error_rate"], one["yield"] ** (GIGABIT / bits),
    )  # fmt: skip


def main():
    rows, figure, plot = [], *axes("MB/mm²", "TB/s/mm²", xscale="log", yscale="log")
    figure.set_size_inches(7.2, 4.6)
    for kind, nodes in NODES.items():
        for node in nodes:
            points = banks(kind, node)
            most = np.max(points[BANDWIDTH])
            rows += [line(kind, node, target, points, densest(points, target)) for target in (*TARGETS, most)]
            edge = front(points, objectives=(CAPACITY, BANDWIDTH), bounds=())
            plot.plot(points[CAPACITY][edge] / 8, points[BANDWIDTH][edge], ".-" if kind == "mram" else ".:",
                      label=f"{kind.upper()} {node}")  # fmt: skip
    columns = ("macro", "asked", "kb", "word", "rows x mux", "TB/s/mm2", "MB/mm2", "W/mm2", "pJ/bit", "cycle ns",
               "read errors", "write errors", "yield of 1 Gb")  # fmt: skip
    show("The densest bank that reaches a bandwidth density; the fourth of each, the fastest", columns, rows)
    for target in TARGETS:
        plot.axhline(target, color="grey", linewidth=0.6)
    plot.set_xticks([0.2, 0.5, 1, 2, 4], labels=["0.2", "0.5", "1", "2", "4"])
    plot.xaxis.set_minor_formatter(NullFormatter())
    plot.legend(frameon=False, fontsize="small")
    picture("macros", figure)


if __name__ == "__main__":
    main()
