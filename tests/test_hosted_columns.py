"""A host lets a tile with columns verify drafts, over AXI alone: tokens of the golden, cycles of the schedule."""

import dataclasses
import json

from rtl.host.top import TOP
from sim.cache import cache_root
from sim.compiler import compile_model, quantise_model
from sim.generate import hosted_verilog, verilog
from sim.timing import Run, run_emissions
from testbench.host import PUBLIC
from testbench.runner import build, run
from tests.random_model import random_model
from tests.test_columns import greedy_tokens
from tests.test_loaded_tile import CONFIG, SHAPE

COLUMNS = 2
TILE = dataclasses.replace(CONFIG, columns=COLUMNS, code="secded", spare_words=0)
PROMPT, TOTAL = [1, 5, 7, 2, 9], 16

ILLEGAL = [
    {"columns": 0}, {"columns": COLUMNS + 1}, {"first_position": 5}, {"drafts": 5}, {"first_position": 3, "drafts": 2},
    {"total_length": TILE.context + 1},
]  # fmt: skip


def runs_of(tokens: list[int], vocabulary: int) -> list[dict]:
    """The prompt; a draft that is wrong and one that is right; a draft and greedy tokens after it, in one column."""

    def one(given, first, total, drafts=0, columns=COLUMNS):
        return {
            "tokens": given, "first_position": first, "total_length": total, "drafts": drafts, "columns": columns,
        }  # fmt: skip

    return [
        one(tokens[:5], 0, 6),
        one([tokens[6], (tokens[7] + 1) % vocabulary], 6, 8, drafts=1),
        one(tokens[6:8], 6, 8, drafts=1),
        one(tokens[8:10], 8, 14, drafts=1, columns=1),
    ]


def test_drafts_are_verified_over_axi(tmp_path):
    """What is illegal is refused and hinders nothing; a token before a wrong draft is right all the same."""
    integers = quantise_model(random_model(SHAPE), TILE.context)
    program = compile_model(random_model(SHAPE), TILE, integers)
    tokens, after = greedy_tokens(integers, PROMPT, TOTAL)
    runs, sources = runs_of(tokens, program.vocabulary), []
    for name, text in {**verilog(TILE), **hosted_verilog(TILE)}.items():
        sources.append(tmp_path / name)
        sources[-1].write_text(text)
    program.write_images(tmp_path, TOP)
    simulator = build(
        sources=sources, toplevel=TOP, simulator="verilator", cache_root=cache_root() / "simulators", clock=None,
        public=PUBLIC, no_inline=("lane",),
    )  # fmt: skip
    legal = {"prompt_length": 5, "total_length": 6, "first_position": 0, "drafts": 0, "columns": COLUMNS}
    request = {"context": TILE.context, "vocabulary": program.vocabulary, "epsilon": program.epsilon}
    request |= {"illegal": [legal | settings for settings in ILLEGAL], "runs": runs}
    (tmp_path / "request.json").write_text(json.dumps(request))
    run(simulator, run_folder=tmp_path, test_module="testbench.bench_hosted_columns", timeout=600)
    observed = json.loads((tmp_path / "observed.json").read_text())
    assert (observed["built"], observed["refused"]) == (COLUMNS, [True] * len(ILLEGAL))
    for one, found in zip(runs, observed["runs"], strict=True):
        first, total, given = one["first_position"], one["total_length"], len(one["tokens"])
        emitted = first + given - 1 - one["drafts"]
        wrong = one["tokens"] != tokens[first : first + given]
        right = 1 if wrong else total - emitted
        assert found["tokens"][:right] == after[emitted : emitted + right]
        assert len(found["tokens"]) == found["counted"] == total - emitted
        played = Run(given=first + given, total=total, columns=one["columns"], first=first, emitted=emitted)
        assert found["cycles"] == run_emissions(program.queues, TILE, played)[-1]
