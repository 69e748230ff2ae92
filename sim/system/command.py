"""The commands ``spinstream system`` and ``spinstream claim``, for the command line to register."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.console import output as console
from sim.console import table

MODEL = typer.Argument(metavar="MODEL", help="Name of a model, or path of a config.json.")
MACHINES = typer.Argument(
    metavar="MACHINE...", help="Names like h100, 4xh100, h200+groq-v1 (prefill+decode), lp30:rubin (ffn:attention)."
)
COLUMNS = ("Machine", "Chips", "ms/token", "bytes", "layers", "sync", "tokens/s/user", "tokens/s", "first token s",
           "J/token", "mm2", "Fits")  # fmt: skip


def system(
    model: Annotated[str, MODEL],
    machines: Annotated[list[str], MACHINES],
    chips: Annotated[int | None, typer.Option(metavar="N", help="Chips; without it, the fewest that hold it.")] = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="Software, such as tensorrt-llm or vllm.")] = None,
    bits: Annotated[float | None, typer.Option(metavar="B", help="Bits of a weight; else the machine's own.")] = None,
    input: Annotated[int | None, typer.Option("--input", metavar="N", help="Tokens of the prompt; else 1024.")] = None,
    output: Annotated[
        int | None, typer.Option("--output", metavar="N", help="Tokens of the answer; else 1024.")
    ] = None,
    context: Annotated[int, typer.Option(metavar="N", help="Largest context of a user; 0: prompt and answer.")] = 0,
    users: Annotated[int, typer.Option(metavar="N", help="Users who ask at once.")] = 1,
    columns: Annotated[int | None, typer.Option(metavar="M", help="Tokens that a step verifies; else 1.")] = None,
    acceptance: Annotated[float, typer.Option(metavar="A", help="Chance that a draft token is right.")] = 0.8,
    workload: Annotated[
        str | None, typer.Option(metavar="NAME", help="chat, tree-search ...: its tokens, if not given.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the terms as a picture.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list and nothing else.")] = False,
) -> None:
    """Set machines side by side: tokens/s, the three terms, joules per token, silicon."""
    from sim.system.machine import load_engine
    from sim.system.mixed import ask, parse
    from sim.system.workload import Workload, load_workload

    kind = load_workload(workload) if workload else Workload(input=1024, output=1024)
    given = {"input": input, "output": output, "columns": columns}
    kind = replace(kind, **{name: value for name, value in given.items() if value is not None})
    request = kind.request(users, context=context, acceptance=acceptance)
    if engine and not any(_knows(name, engine) for name in machines):
        load_engine(parse(machines[0])[0].name, engine)  # says which engines there are
    answers = [
        ask(name, model, request, chips=chips, engine=engine if _knows(name, engine) else None, bits=bits)
        for name in machines
    ]
    if plot:
        from sim.system.picture import draw_terms

        draw_terms(answers, plot)
    if as_json:
        print(json.dumps(answers, allow_nan=False))
    else:
        _show(answers)


def _knows(text: str, engine: str | None) -> bool:
    """A machine of the specification has that engine; it is for GPUs, beside which others keep their own."""
    from sim.system.machine import known_engine
    from sim.system.mixed import parse

    return any(known_engine(part.name, engine) for part in parse(text))


def _show(answers: list[dict[str, Any]]) -> None:
    title = f"{answers[0]['model']}, {answers[0]['users']} at once"
    console().print(table(title, COLUMNS, [_cells(one) for one in answers], right=COLUMNS[1:]))


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    terms = one["terms_ms"]
    chips = one["chips"] if isinstance(one["chips"], int) else " + ".join(map(str, one["chips"]))
    figures = (one["ms_per_token"], terms["bytes"], terms["layers"], terms["sync"], one["tokens_per_s_per_user"],
               one["tokens_per_s"], one["ttft_s"], one["joules_per_token"])  # fmt: skip
    fits = "yes" if one["fits"] else f"{one['users_at_once']} at a time"
    return (one["machine"], str(chips), *(f"{x:.3g}" for x in figures), f"{one['silicon_mm2']:.0f}", fits)


def claim(
    model: Annotated[str, typer.Option(metavar="NAME", help="Name of a model, or path of a config.json.")],
    machine: Annotated[str, typer.Option(metavar="NAME", help="Machine that the claim is about.")],
    tokens_per_s: Annotated[float, typer.Option("--tokens-per-s", metavar="X", help="Claimed rate of one user.")],
    chips: Annotated[int | None, typer.Option(metavar="N", help="Chips; without it, the fewest that hold it.")] = None,
    bits: Annotated[float | None, typer.Option(metavar="B", help="Bits of a weight; else the machine's own.")] = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="Software.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Say what a claimed rate implies: bandwidth, time per layer, speculation, and whether the machine can hold it."""
    from sim.system.claim import as_dict, check_claim

    found = check_claim(
        machine=machine, model=model, tokens_per_s=tokens_per_s, chips=chips, bits=bits, engine=engine
    )  # fmt: skip
    if as_json:
        print(json.dumps(as_dict(found), allow_nan=False))
        return
    for sentence in found.verdict():
        console().print(sentence, highlight=False, soft_wrap=True)
