"""What density can MRAM trade for bandwidth before the time per layer binds?"""

from dataclasses import replace

from tabulate import axes, picture, show

from sim.system import Request, build_system, evaluate

MODEL = "llama-3-70b"
DENSITIES = (0.5, 1, 2, 4, 8)  # MB/mm2
TIMES = {"this project's schedule": None, "5 us a layer": 5e-6, "23.5 us a layer (LPU)": 23.5e-6}


def traded(system, density, layer_time):
    """The system on chips of equal area whose bandwidth density is 0.4 TB/s/mm² ÷ (MB/mm²)."""
    machine, area = system.machine, system.machine.die_area
    chip = replace(machine, memory=density * 1e12 * area, bandwidth=0.4e18 / density * area)
    chip = replace(chip, compute_8=4 * chip.bandwidth, compute_16=4 * chip.bandwidth)
    engine = system.engine if layer_time is None else replace(system.engine, layer_time=layer_time)
    chips = -(-system.model.parameters * system.bits / 8 // chip.memory)
    return replace(system, machine=chip, engine=engine, chips=int(chips))


def main():
    system, request = build_system("mram-22nm", MODEL), Request(input=1024, output=1024)
    rows, figure, plot = [], *axes("MB/mm²", "tokens/s for one user", xscale="log", yscale="log")
    for name, layer_time in TIMES.items():
        found = [(density, evaluate(traded(system, density, layer_time), request)) for density in DENSITIES]
        for density, one in found:
            terms = one.terms()
            binds = "layers" if terms["layers"] + terms["sync"] > terms["bytes"] else "bytes"
            rows.append((name, density, 0.4 / density, one.silicon * 1e6, terms["bytes"] * 1e3, terms["layers"] * 1e3,
                         1 / one.token, 1 / one.token / (one.silicon * 1e6), binds))  # fmt: skip
        plot.plot(DENSITIES, [1 / one.token for _, one in found], "o-", label=name)
    columns = (
        "time per layer",
        "MB/mm2",
        "TB/s/mm2",
        "mm2",
        "bytes ms",
        "layers ms",
        "tokens/s",
        "tokens/s/mm2",
        "binds",
    )
    show(f"{MODEL} on MRAM whose bandwidth density times density is 0.4", columns, rows)
    plot.legend(frameon=False)
    picture("density_for_bandwidth", figure)


if __name__ == "__main__":
    main()
