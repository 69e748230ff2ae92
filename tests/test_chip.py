"""Several tiles, on one chip or two, emit the tokens of one tile, in the cycles that the schedule says."""

import dataclasses
import json

import pytest

from devicemodels.errors import UserError
from rtl.export.verilog import top
from sim.compiler import compile_model, quantise_model
from sim.generate import verilog
from sim.golden import greedy
from sim.timing import emission_cycles
from testbench.bench_decode import PUBLIC
from testbench.runner import build, run
from tests.random_model import random_model
from tests.test_program import SHAPE, TILE

SMALL = {"bank_words": 2048, "kv_words": 256, "vector_words": 512, "constant_words": 4096}
CONFIG = dataclasses.replace(TILE, **SMALL)
PROMPT, TOKENS = [1, 5, 7], 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tiles", "chips", "links"),
    [(1, 1, 1), (2, 1, 1), (4, 1, 5), (4, 2, 3)],
    ids=["one tile", "two tiles", "four tiles, long links", "two chips"],
)
def test_tokens_and_cycles(tiles, chips, links, tmp_path):
    config = dataclasses.replace(CONFIG, tiles=tiles, chips=chips, link_cycles=links, chip_link_cycles=7)
    model = random_model(SHAPE)
    integers = quantise_model(model, config.context, config.format)
    program = compile_model(model, config, integers)
    observed = simulated(config, program, tmp_path)
    assert observed["tokens"] == greedy(integers, PROMPT, TOKENS)
    total = len(PROMPT) + TOKENS - 1
    assert observed["token_cycles"] == emission_cycles(program.queues, config, len(PROMPT), total)


def simulated(config, program, folder):
    """What the bench observes of a program on the Verilog of these tiles."""
    paths = []
    for name, text in verilog(config).items():
        paths.append(folder / name)
        paths[-1].write_text(text)
    for name, text in program.images.items():
        (folder / name).write_text(text)
    request = {"prompt": PROMPT, "total": len(PROMPT) + TOKENS - 1, "vocabulary": program.vocabulary}
    (folder / "request.json").write_text(json.dumps(request | {"epsilon": program.epsilon}))
    simulator = build(
        sources=paths, toplevel=top(config), simulator="verilator", cache_root=folder, public=PUBLIC,
        no_inline=("lane", "tile"),
    )  # fmt: skip
    run(simulator, run_folder=folder, test_module="testbench.bench_decode")
    return json.loads((folder / "observed.json").read_text())


@pytest.mark.parametrize(
    ("change", "words"), [({"tiles": 3}, "take 4 tiles"), ({"tiles": 4, "link_cycles": 1}, "to 2 or more")]
)
def test_refused(change, words):
    with pytest.raises(UserError, match=words):
        dataclasses.replace(CONFIG, **change)
