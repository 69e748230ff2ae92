"""When does a GPU with tiles beat either alone? Silicon time per answer, at a speed that each user is promised."""

from tabulate import axes, picture, show

from sim.system import Request, build_system, evaluate
from sim.system.rate import kv_room, prefill_time
from sim.system.serve import user_bytes

MODEL = "llama-3-70b"
SPLITS = [(8192, 128), (2048, 512), (1024, 1024), (512, 4096)]
SPEEDS = (20, 50, 100, 400)


def prefill_cost(system, tokens):
    """Square millimetres times seconds of a prompt, eight at once."""
    return prefill_time(system, sequences=8, tokens=tokens) / 8 * system.chips * system.machine.silicon * 1e6


def decode_cost(system, request, speed):
    """Square millimetres times seconds of an answer, with as many users as still get their tokens per second."""
    room = int(kv_room(system) / user_bytes(system, request.input + request.output))
    best = float("inf")
    for users in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        if users > room:
            break
        one = evaluate(system, Request(input=request.input, output=request.output, users=users))
        if one.token * speed <= 1:
            best = min(best, request.output * one.token / users * one.silicon * 1e6)
    return best


def main():
    gpu, tiles = build_system("h200", MODEL, chips=4, bits=8), build_system("mram-22nm", MODEL)
    rows, figure, plot = [], *axes("tokens/s promised to each user", "mm² s per answer", xscale="log", yscale="log")
    for tokens, answers in SPLITS:
        request = Request(input=tokens, output=answers)
        costs = {name: [] for name in ("GPU", "tiles", "both")}
        for speed in SPEEDS:
            decode = {name: decode_cost(one, request, speed) for name, one in (("GPU", gpu), ("tiles", tiles))}
            costs["GPU"].append(prefill_cost(gpu, tokens) + decode["GPU"])
            costs["tiles"].append(prefill_cost(tiles, tokens) + decode["tiles"])
            costs["both"].append(prefill_cost(gpu, tokens) + decode["tiles"])
            last = {name: values[-1] for name, values in costs.items()}
            rows.append((f"{tokens} + {answers}", str(speed), *last.values(), min(last, key=last.get)))
        if (tokens, answers) == (1024, 1024):
            for name, values in costs.items():
                plot.plot(SPEEDS, values, "o-", label=name)
    columns = ("prompt + answer", "tokens/s each", "4 H200", "tiles", "prefill H200, decode tiles", "least")
    show(f"{MODEL}, 8 bits: mm2 s per answer (inf: not at that speed)", columns, rows)
    plot.legend(frameon=False)
    picture("gpu_and_tile", figure)


if __name__ == "__main__":
    main()
