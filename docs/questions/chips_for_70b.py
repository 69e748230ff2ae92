"""How many 230 MB chips does Llama-3-70B need, against two to four H200, and what silicon and power?"""

from tabulate import axes, picture, show

from sim.system import Request, answer

REQUEST = Request(input=1024, output=1024)
MACHINES = [("groq-v1", None), ("h200", 2), ("h200", 4), ("mram-22nm", None), ("sram-22nm", None)]


def main():
    answers = [answer(name, "llama-3-70b", REQUEST, chips=chips, bits=8) for name, chips in MACHINES]
    rows = [
        (
            f"{one.system.chips} x {one.machine}", one.silicon * 1e6, one.power / 1e3, 1 / one.token, one.energy,
            one.silicon * 1e6 * one.token,
        )
        for one in answers
    ]  # fmt: skip
    columns = ("machine", "silicon mm2", "power kW", "tokens/s/user", "J/token", "mm2 per token/s")
    show("Llama-3-70B, 8 bits, one user, 1024 + 1024 tokens", columns, rows)
    figure, plot = axes("silicon, mm²", "tokens/s for one user", xscale="log", yscale="log")
    for name, silicon, _, rate, *_ in rows:
        plot.plot(silicon, rate, "o", label=name)
    plot.legend(frameon=False)
    picture("chips_for_70b", figure)


if __name__ == "__main__":
    main()
