"""What does speculation buy, on GPUs, SRAM machines and tiles?"""

from dataclasses import replace

from tabulate import axes, picture, show

from sim.system import Request, build_system, evaluate

COLUMNS = (1, 2, 4, 8, 16)


def systems():
    tiles = build_system("mram-22nm", "llama-3-70b")
    # As built, a lane multiplies each weight once; with 16 columns it multiplies it with 16 vectors.
    wide = replace(tiles.machine, compute_8=16 * tiles.machine.compute_8, compute_16=16 * tiles.machine.compute_16)
    return {
        "4 H200": build_system("h200", "llama-3-70b", chips=4),
        "576 Groq LPU v1": build_system("groq-v1", "llama-3-70b", chips=576, engine="groq-2024"),
        "4 WSE-3": build_system("wse-3", "llama-3-70b", chips=4),
        "MRAM chips, 1 column": tiles,
        "MRAM chips, 16 columns": replace(tiles, machine=wide),
    }


def rates(system, acceptance):
    asked = [Request(input=1024, output=1024, columns=columns, acceptance=acceptance) for columns in COLUMNS]
    return [1 / evaluate(system, one).token for one in asked]


def main():
    rows, figure, plot = [], *axes("columns", "gain over one column")
    for name, system in systems().items():
        for acceptance in (0.6, 0.8, 0.9):
            found = rates(system, acceptance)
            rows.append((name, acceptance, *found, max(found) / found[0]))
            if acceptance == 0.8:
                plot.plot(COLUMNS, [rate / found[0] for rate in found], "o-", label=name)
    columns = ("system", "acceptance", *(f"{n} columns" for n in COLUMNS), "best gain")
    show("Llama-3-70B, tokens/s of one user", columns, rows)
    plot.legend(frameon=False)
    picture("speculation", figure)


if __name__ == "__main__":
    main()
