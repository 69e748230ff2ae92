"""What would SpinPU-E's 0.1 to 0.3 TB/s/mm² mean against an H100, per die and per package?"""

from tabulate import axes, picture, show

from sim.system import load_machine
from sim.system.own_chip import own_machine

TB_PER_MM2 = 1e18
CLAIM = (0.1, 0.3)


def main():
    names = ("h100", "h200", "b200", "rubin", "groq-v1", "wse-3", "spinpu-e")
    machines = [load_machine(name) for name in names] + [own_machine(name) for name in ("mram-22nm", "sram-22nm")]
    die = {m.name: m.bandwidth / m.die_area / TB_PER_MM2 for m in machines}
    package = {m.name: m.bandwidth / m.silicon / TB_PER_MM2 for m in machines}
    rows = [
        (m.name, die[m.name], package[m.name], m.memory / m.die_area / 1e12, m.sweep_time * 1e6, CLAIM[0] / die[m.name],
         CLAIM[1] / die[m.name], CLAIM[0] / package[m.name], CLAIM[1] / package[m.name])
        for m in machines
    ]  # fmt: skip
    columns = (
        "machine",
        "die TB/s/mm2",
        "package",
        "MB/mm2",
        "sweep us",
        "claim/die: low",
        "high",
        "claim/package: low",
        "high",
    )
    show("Peak bandwidth over area; a package includes its memory stacks", columns, rows)
    figure, plot = axes("MB/mm² of die", "TB/s/mm² of die", xscale="log", yscale="log")
    for machine in machines:
        plot.plot(machine.memory / machine.die_area / 1e12, die[machine.name], "o", label=machine.name)
    plot.axhspan(*CLAIM, alpha=0.2)
    plot.legend(frameon=False, fontsize="small")
    picture("bandwidth_density", figure)


if __name__ == "__main__":
    main()
