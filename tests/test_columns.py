"""Several columns: tokens equal the golden's, cycles the predicted ones, and a weight word is read once for all."""

import dataclasses
import json
import random

import numpy as np
import pytest

from rtl.arithmetic.dot import DotProduct
from rtl.formats import CHEAP, DEFAULT, GROUP
from rtl.memory.secded import SecdedDecoder
from rtl.tile.lane import Lane
from sim.accounts import events
from sim.compiler import compile_model, quantise_model
from sim.decode import build_simulator, write_request
from sim.design import load_design
from sim.generate import verilog
from sim.golden import Golden
from sim.tile import build_tile
from sim.timing import Run, run_emissions
from testbench.runner import run as simulate
from tests.gateware import stream
from tests.random_model import random_model
from tests.test_formats import codeword, packed, pick, row_sum, weight_word
from tests.test_program import SHAPE

CONTEXT = 64


def small_design(columns: int):
    """A design whose tile, with so many columns, has room for the shipped model and a short context."""
    design = load_design("mram-22nm")
    changes = {"vector_lanes": 4, "constant_words": 4096, "context": CONTEXT, "columns": columns}
    return dataclasses.replace(design, tile=dataclasses.replace(design.tile, **changes))


def tile(columns: int):
    """The tile of that design."""
    return build_tile(small_design(columns)).config


def greedy_tokens(integers, prompt: list[int], total: int) -> tuple[list[int], list[int]]:
    """All tokens of a decode, and what comes after each of them."""
    golden, tokens, after = Golden(integers), list(prompt), []
    for position in range(total):
        after.append(int(golden.step(tokens[position]).argmax()))
        if position + 1 == len(tokens):
            tokens.append(after[-1])
    return tokens, after


def runs_of(tokens: list[int], columns: int, vocabulary: int) -> list[dict]:
    """Prompt and greedy decode; drafts of which some are wrong, the same that are right; and the context's end."""

    def one(first, given, total, emitted, columns=columns):
        return {
            "tokens": given, "first": first, "total": total, "emitted": emitted, "columns": columns,
        }  # fmt: skip

    wrong = [tokens[16], *((token + 1) % vocabulary for token in tokens[17 : 16 + columns])]
    first = CONTEXT - 3
    return [
        one(0, tokens[:13], 16, 12),
        one(16, wrong, 16 + columns, 16 + columns - 1),
        one(16, tokens[16 : 16 + columns], 16 + columns, 16),
        one(16 + columns, tokens[16 + columns : first], first, first - 1),
        one(first, tokens[first:CONTEXT], CONTEXT, first),
        one(CONTEXT - 2, tokens[CONTEXT - 2 : CONTEXT], CONTEXT, CONTEXT - 2, columns=1),
    ]


def check_hardware(config, folder, model=None):
    """Play all kinds of runs on simulated hardware."""
    model = model or random_model(SHAPE)
    integers = quantise_model(model, config.context, config.format)
    program = compile_model(model, config, integers)
    tokens, after = greedy_tokens(integers, [int(t) for t in np.random.default_rng(3).integers(100, size=13)], CONTEXT)
    runs = runs_of(tokens, config.columns, program.vocabulary)
    write_request(program, folder, runs=runs)
    simulator = build_simulator(config, verilog(config), "verilator")
    simulate(simulator, run_folder=folder, test_module="testbench.bench_columns")
    observed = json.loads((folder / "observed.json").read_text())["runs"]
    for number, (request, found) in enumerate(zip(runs, observed, strict=True)):
        run = Run(
            given=request["first"] + len(request["tokens"]), total=request["total"], columns=request["columns"],
            first=request["first"], emitted=request["emitted"],
        )  # fmt: skip
        if number != 1:  # what follows wrong drafts is of no use
            assert found["tokens"] == after[request["emitted"] : request["total"]], f"run {number}"
        steps = run.steps()
        assert found["token_columns"] == [c for s in steps for c in range(s.columns - s.tokens, s.columns)]
        assert found["token_cycles"] == run_emissions(program.queues, config, run)
        assert found["cycles"] == found["token_cycles"][-1]
        counts = [events(program.queues, config, s.position, emits=s.emits, columns=s.columns) for s in steps]
        for counter, event in (("weight_words", "weight reads"), ("lane_words", "lane words")):
            assert found[counter] == sum(count[event] for count in counts)


@pytest.mark.parametrize("columns", [pytest.param(c, marks=[] if c == 4 else pytest.mark.slow) for c in (2, 4, 8, 16)])
def test_hardware_equals_golden_and_prediction(columns, tmp_path):
    check_hardware(tile(columns), tmp_path)


@pytest.mark.parametrize("number_format", [DEFAULT, CHEAP], ids=["no minima", "minima"])
def test_a_lane_multiplies_a_word_with_every_column(number_format):
    """Columns that are not in use keep their sums."""
    f, source, columns, late, stage = number_format, random.Random(1), 4, SecdedDecoder.LATENCY, DotProduct.SUMS_STAGE
    limit, width, kept, expected = f.activation_limit, f.codes_per_word, [0] * 4, []
    inputs = [{"code_valid": 0, "valid": 0} for _ in range(40 + late + stage)]
    for n in range(40):
        word, used = weight_word(f, source, False), source.getrandbits(columns) if n else 15
        values = [pick(source, -limit, limit, width, False) for _ in range(columns)]
        kept = [row_sum(f, [word], [values[c]]) if used >> c & 1 else kept[c] for c in range(columns)]
        sums = [sum(own[g : g + GROUP]) for own in values for g in range(0, width, GROUP)]
        inputs[n] |= {"code": codeword(f, word), "code_valid": 1}
        inputs[n + late] |= {
            "valid": used,
            "first": 1,
            "activations": packed([a for own in values for a in own], f.activation_bits),
        }
        inputs[n + late + stage] |= {"activation_sums": sums} if f.needs_sums else {}
        expected.append(packed(kept, f.accumulator_bits))
    seen = stream(Lane(f, columns=columns), inputs, ["sum"], DotProduct.LATENCY)
    assert [total for (total,) in seen[late : late + 40]] == expected


def test_a_weight_word_is_read_once_for_all_columns():
    """Eight columns read what one does, and seven more rows of the embedding."""
    config = tile(8)
    program = compile_model(random_model(SHAPE), config)
    one, eight = (events(program.queues, config, 20, emits=True, columns=columns) for columns in (1, 8))
    embedding = SHAPE.dim // config.format.codes_per_word * config.lanes
    assert eight["weight reads"] - 7 * embedding == one["weight reads"]
    assert (eight["lane words"], eight["KV reads"]) == (one["lane words"], one["KV reads"])
    assert eight["column words"] == 8 * one["column words"]


def test_steps_of_a_run():
    """As many columns as tokens are given; what a step emits are its last ones."""
    run = Run(given=13, total=15, columns=4, first=2, emitted=9)
    assert [(s.position, s.columns, s.tokens) for s in run.steps()] == [
        (2, 4, 0), (6, 4, 1), (10, 3, 3), (13, 1, 1), (14, 1, 1),
    ]  # fmt: skip
