"""Columns as sequences of a batch: each one's tokens are its golden's alone, cycles the predicted ones, words shared."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from devicemodels.errors import UserError
from rtl.formats import GROUP
from sim.accounts import MEASURED, events
from sim.compiler import compile_model, quantise_model
from sim.golden import Golden, greedy
from sim.sequences import BatchRun, batch_emissions, simulate_batches
from tests.interpreter import Interpreter
from tests.random_model import random_model
from tests.test_columns import CONTEXT, tile
from tests.test_program import SHAPE
from tests.test_schedule import faults
from tests.test_schedule import tile as timed_tile


def batch_tile(columns: int, **changes):
    """A small tile for so many sequences."""
    return tile(columns, batch=True, **changes)


def prompts_of(columns: int, seed: int = 5) -> list[list[int]]:
    """Prompts of different lengths, one of a single token and one over a page."""
    random = np.random.default_rng(seed)
    lengths = [1, GROUP + 5, *random.integers(2, 20, 14)][:columns]
    return [[int(token) for token in random.integers(SHAPE.vocab, size=length)] for length in lengths]


def check_hardware(config, folder):
    """Decode to the context's end with all columns in use, then something shorter with fewer on what was left."""
    model = random_model(SHAPE)
    integers = quantise_model(model, config.context, config.format)
    program = compile_model(model, config, integers)
    prompts = prompts_of(config.columns)
    for total, batches in ((CONTEXT, [prompts]), (GROUP + 8, [prompts[::-1], prompts[1:] or prompts])):
        runs = folder / str(total)
        runs.mkdir()
        for asked, found in zip(batches, simulate_batches(program, batches, total, runs), strict=True):
            check_run(program, integers, asked, total, found)


def check_run(program, integers, prompts, total, found):
    """Each sequence's tokens against its own golden; cycles and counts against schedule and accounts."""
    for column, prompt in enumerate(prompts):
        own = [token for token, c in zip(found["tokens"], found["token_columns"], strict=True) if c == column]
        assert own == greedy(integers, prompt, total - len(prompt) + 1), f"sequence {column}"
    config, run = program.config, BatchRun(given=tuple(map(len, prompts)), total=total)
    emissions = batch_emissions(program.queues, config, run)
    assert found["token_columns"] == [emission.column for emission in emissions]
    assert found["token_cycles"] == [emission.cycle for emission in emissions]
    assert found["cycles"] == emissions[-1].cycle
    counts = sum(
        (events(program.queues, config, s.position, emits=s.emits, columns=s.columns) for s in run.steps()), Counter()
    )
    assert {event: found[name] for event, name in MEASURED.items()} == {event: counts[event] for event in MEASURED}


@pytest.mark.parametrize("columns", [pytest.param(c, marks=[] if c < 8 else pytest.mark.slow) for c in (2, 4, 8)])
def test_hardware_equals_golden_and_prediction(columns, tmp_path):
    check_hardware(batch_tile(columns), tmp_path)
