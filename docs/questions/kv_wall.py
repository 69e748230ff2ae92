"""Where does the KV wall stand against context length, in SRAM, in HBM, and split between them?"""

from tabulate import axes, picture, show

from sim.system import Request, build_system, evaluate, load_model
from sim.system.rate import kv_room
from sim.system.serve import user_bytes

MODEL = load_model("llama-3-70b")
CONTEXTS = [2**n for n in range(11, 21)]


def systems():
    tiles = build_system("mram-22nm", MODEL)
    return {
        "LPX rack": build_system("lpx", MODEL, chips=256, bits=8),
        f"{tiles.chips} MRAM chips": tiles,
        "with an HBM3E stack each": build_system("mram-22nm-hbm3e", MODEL, chips=tiles.chips),
        # An engine that divides a context between slots; TensorRT-LLM as it was measured does not.
        "4 H200": build_system("h200", MODEL, chips=4, bits=8, engine="vllm"),
    }


def main():
    rows, figure, plot = [], *axes("context, tokens", "tokens/s for one user", xscale="log", yscale="log")
    for name, system in systems().items():
        wall = int((kv_room(system) - MODEL.user_bytes) / MODEL.kv_bytes(system.kv_bits))
        users = int(kv_room(system) / user_bytes(system, 131072))
        reached = [context for context in CONTEXTS if context <= wall]
        asked = [Request(input=context // 2, output=64, context=context) for context in reached]
        rates = [1 / evaluate(system, one).token for one in asked]
        rows.append((name, f"{wall:,}", str(users), rates[0], rates[-1], f"{reached[-1]:,}"))
        plot.plot(reached, rates, "o-", label=name)
    columns = ("system", "longest context", "users of 131,072", "tokens/s at 2,048", "at the longest drawn", "which is")
    show(f"{MODEL.name}: KV takes {MODEL.kv_bytes(16) / 1e3:.0f} kB a token at 16 bits", columns, rows)
    plot.legend(frameon=False)
    picture("kv_wall", figure)


if __name__ == "__main__":
    main()
