"""What does a rack of 256 LPUs do that hold their weights and KV in SRAM?"""

from tabulate import axes, picture, show

from devicemodels.errors import UserError
from sim.system import Request, answer, build_system
from sim.system.rate import kv_room
from sim.system.serve import user_bytes

MODELS = [("llama-3-8b", 8), ("llama-3-70b", 8), ("nemotron-3-super-120b", 8), ("llama-3-405b", 8), ("llama-3-405b", 2)]
CONTEXT = 8192


def row(model, bits):
    request = Request(input=CONTEXT - 1024, output=1024)
    try:
        system = build_system("lpx", model, chips=256, bits=bits, context=CONTEXT)
    except UserError as error:
        return (f"{model}, {bits} bits", "no: " + str(error).split(" needs ")[1].split(": take")[0], "", "", "")
    users = int(kv_room(system) / user_bytes(system, CONTEXT))
    one = answer("lpx", model, request, chips=256, bits=bits)
    many = answer("lpx", model, Request(input=CONTEXT - 1024, output=1024, users=users), chips=256, bits=bits)
    return (f"{model}, {bits} bits", str(users), 1 / one.token, 1 / many.token, many.tokens_per_s)


def main():
    rows = [row(*each) for each in MODELS]
    columns = ("model", f"users of {CONTEXT} tokens", "tokens/s alone", "tokens/s each", "tokens/s of all")
    show("256 LPUs with 128 GB of SRAM, 40 PB/s", columns, rows)
    figure, plot = axes("users", "tokens/s", xscale="log", yscale="log")
    for machine, chips in (("lpx", 256), ("h200", 8), ("rubin", 4)):
        system = build_system(machine, "llama-3-70b", chips=chips, bits=8, context=CONTEXT)
        most = int(kv_room(system) / user_bytes(system, CONTEXT))
        users = [n for n in (1, 2, 4, 8, 16, 32, 64, 128, 256) if n <= most]
        asked = [Request(input=CONTEXT - 1024, output=1024, users=n) for n in users]
        rates = [answer(machine, "llama-3-70b", one, chips=chips, bits=8).tokens_per_s for one in asked]
        plot.plot(users, rates, "o-", label=f"{chips} x {machine}")
    plot.legend(frameon=False)
    picture("rack_of_256", figure)


if __name__ == "__main__":
    main()
