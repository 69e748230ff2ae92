"""Columns as sequences of a batch: tokens of each equal its own golden's, cycles the predicted ones."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from devicemodels.errors import UserError
from rtl.formats import GROUP
from sim.accounts import MEASURED, events
from sim.compiler import compile_model, quantise_model
from sim.console import Silent
from sim.decode import prepare
from sim.design import DESIGNS, load_design
from sim.generate import hosted_verilog
from sim.golden import Golden, greedy
from sim.sequences import Batch, batch_emissions, simulate_batches
from sim.tile import build_tile
from tests.interpreter import Interpreter
from tests.random_model import random_model
from tests.test_columns import CONTEXT
from tests.test_program import SHAPE, TILE
from tests.test_schedule import faults
from tests.test_schedule import tile as timed_tile


def batch_tile(columns: int, **changes):
    """A small tile for so many sequences."""
    small = {"bank_words": 2048, "kv_words": 512, "vector_words": 256, "constant_words": 2048, "program_words": 512}
    small |= {"vector_lanes": 4, "context": CONTEXT, "columns": columns, "batch": True}
    return dataclasses.replace(TILE, **small | changes)


def prompts_of(columns: int, seed: int = 5) -> tuple[tuple[int, ...], ...]:
    """Prompts of different lengths, one of a single token and one over a page."""
    random = np.random.default_rng(seed)
    lengths = [1, GROUP + 5, *random.integers(2, 20, 14)][:columns]
    return tuple(tuple(int(token) for token in random.integers(SHAPE.vocab, size=length)) for length in lengths)


def check_hardware(config, folder):
    """Decode to the context's end with all columns in use, then something shorter with fewer on what was left there."""
    model = random_model(SHAPE)
    integers = quantise_model(model, config.context, config.format)
    program = compile_model(model, config, integers)
    prompts = prompts_of(config.columns)
    batches = [Batch(prompts=prompts, total=CONTEXT), Batch(prompts=prompts[:0:-1], total=GROUP + 8)]
    for batch, found in zip(batches, simulate_batches(program, batches, folder), strict=True):
        check_run(program, integers, batch, found)


def check_run(program, integers, batch, found):
    """Each sequence's tokens against its own golden; cycles and counts against schedule and accounts."""
    for column, prompt in enumerate(batch.prompts):
        own = [token for token, c in zip(found["tokens"], found["token_columns"], strict=True) if c == column]
        assert own == greedy(integers, list(prompt), batch.total - len(prompt) + 1), f"sequence {column}"
    config = program.config
    emissions = batch_emissions(program.queues, config, batch)
    assert found["token_columns"] == [emission.column for emission in emissions]
    assert found["token_cycles"] == [emission.cycle for emission in emissions]
    assert found["cycles"] == emissions[-1].cycle
    counts = sum(
        (events(program.queues, config, s.position, emits=s.emits, columns=s.columns) for s in batch.steps()), Counter()
    )
    assert {event: found[name] for event, name in MEASURED.items()} == {event: counts[event] for event in MEASURED}


@pytest.mark.parametrize("columns", [pytest.param(c, marks=[] if c == 4 else pytest.mark.slow) for c in (2, 4, 8)])
def test_hardware_equals_golden_and_prediction(columns, tmp_path):
    check_hardware(batch_tile(columns), tmp_path)


@pytest.mark.slow
def test_a_batch_on_two_tiles(tmp_path):
    check_hardware(batch_tile(2, tiles=2), tmp_path)


def test_a_tile_without_time_decodes_every_sequence():
    """The numbers do not depend on which queue goes first, nor on the sequences beside one."""
    columns, model = 4, random_model(SHAPE)
    config = batch_tile(columns)
    integers = quantise_model(model, config.context, config.format)
    program = compile_model(model, config, integers)
    goldens = [Golden(integers) for _ in range(columns)]
    interpreters = [Interpreter(program, config, streams_first=order) for order in (True, False)]
    tokens = [(7 * column) % SHAPE.vocab for column in range(columns)]
    for position in range(GROUP + 2):
        logits = [golden.step(token) for golden, token in zip(goldens, tokens, strict=True)]
        expected = [(int(own.argmax()), int(own.max())) for own in logits]
        assert [interpreter.steps(tokens) for interpreter in interpreters] == [expected] * 2, f"position {position}"
        tokens = [best if position % 3 else (best + column) % SHAPE.vocab for column, (best, _) in enumerate(expected)]


@pytest.mark.parametrize(
    ("columns", "used", "bank", "size", "tiles"),
    [
        (2, 2, (1, 1, 1), (8, 8, 16), 1),
        (2, 2, (2, 2, 1), (8, 8, 16), 2),
        (4, 1, (3, 4, 4), (16, 4, 32), 1),
        (4, 4, (15, 15, 2), (8, 4, 24), 1),
        (8, 8, (3, 4, 4), (16, 16, 32), 1),
        (8, 2, (15, 15, 2), (32, 4, 32), 1),
        (16, 16, (2, 2, 2), (16, 8, 16), 4),
        (16, 16, (15, 15, 2), (32, 4, 32), 1),
    ],
)
def test_no_word_is_late(columns, used, bank, size, tiles):
    """Whatever the number of sequences in use: all that the program is for, or one."""
    (latency, cadence, banks), (lanes, width, head_dim) = bank, size
    config = dataclasses.replace(
        timed_tile(lanes, latency, cadence, CONTEXT, width, banks),
        columns=columns, batch=True, tiles=tiles, link_cycles=max(1, tiles),
    )  # fmt: skip
    shape = dataclasses.replace(SHAPE, head_dim=head_dim, ffn=32, vocab=33)
    assert not faults(compile_model(random_model(shape), config, columns=used), config)


def test_the_checker_sees_sums_of_sequences_that_are_late():
    """A program for one sequence does not wait for the matrices' sums of eight."""
    config = dataclasses.replace(timed_tile(8, 2, 2, CONTEXT, 4), columns=8, batch=True)
    one = compile_model(random_model(SHAPE), config, columns=1)
    assert faults(dataclasses.replace(one, columns=8), config)


def test_a_weight_word_is_read_once_for_all_sequences():
    """Eight sequences read what one does, and seven more rows of the embedding; keys and values are each one's own."""
    config = batch_tile(8)
    program = compile_model(random_model(SHAPE), config)
    one, eight = (events(program.queues, config, 40, emits=True, columns=columns) for columns in (1, 8))
    embedding = SHAPE.dim // config.format.codes_per_word * config.lanes
    assert eight["weight reads"] - 7 * embedding == one["weight reads"]
    for event in ("KV reads", "KV writes", "column words", "vector steps", "constant writes"):
        assert eight[event] == 8 * one[event] > 0


def test_steps_of_a_batch():
    """A step emits a token of every sequence whose prompt is over."""
    run = Batch(prompts=((1, 2), (1, 2, 3, 4), (1,)), total=5)
    assert [run.emitting(step.position) for step in run.steps()] == [[2], [0, 2], [0, 2], [0, 1, 2], [0, 1, 2]]
    assert [(step.columns, step.tokens) for step in run.steps()] == [(3, 1), (3, 2), (3, 2), (3, 3), (3, 3)]


def test_a_batch_needs_columns():
    with pytest.raises(UserError, match="batch is true and columns is 1, but each sequence of a batch has a column"):
        batch_tile(1)


@pytest.mark.parametrize("sequences", [1, 4])
def test_a_design_file_says_that_columns_are_a_batch(sequences, tmp_path):
    path, tables = tmp_path / "mine.toml", (DESIGNS / "mram-22nm.toml").read_text(encoding="utf-8")
    path.write_text(tables.replace("[tile]", f"[tile]\ncolumns = {sequences}\nbatch = true"), encoding="utf-8")
    if sequences == 1:
        with pytest.raises(UserError, match="batch is true and columns is 1"):
            build_tile(load_design(path))
        return
    one, several = build_tile(load_design("mram-22nm")), build_tile(load_design(path))
    assert (several.config.sequences, several.config.positions) == (4, 1)
    for name in ("KV", "prompt"):
        words = [tile.srams[name].macro.words * tile.srams[name].count for tile in (one, several)]
        assert words[1] == 4 * words[0]


def test_a_batch_has_no_registers_of_a_host():
    with pytest.raises(UserError, match="a tile with batch has no host interface over AXI"):
        hosted_verilog(batch_tile(2))


def test_a_decode_of_one_prompt_is_refused():
    design = load_design("mram-22nm")
    design = dataclasses.replace(design, tile=dataclasses.replace(design.tile, columns=2, batch=True))
    with pytest.raises(UserError, match=r'design "mram-22nm" has tile.batch, and a decode has one prompt'):
        prepare(
            design, random_model(SHAPE), prompt="a", tokens=1, simulator="verilator", waves=False, progress=Silent(),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("prompts", "total", "message"),
    [
        ((), 8, "a batch has 0 sequences and the program is for 2: give 1 to 2 prompts"),
        (((1,), (2,), (3,)), 8, "a batch has 3 sequences and the program is for 2: give 1 to 2 prompts"),
        (((1,), ()), 8, "the prompt of sequence 1 has 0 tokens and the run 8 positions: give it 1 to 8"),
        (((1, 2, 3), (1,)), 2, "the prompt of sequence 0 has 3 tokens and the run 2 positions: give it 1 to 2"),
        (((1,),), CONTEXT + 1, f"the sequences go to {CONTEXT + 1} positions and the context is {CONTEXT}"),
    ],
)
def test_a_batch_without_room_is_refused(prompts, total, message, tmp_path):
    program = compile_model(random_model(SHAPE), batch_tile(2))
    with pytest.raises(UserError, match=message):
        simulate_batches(program, [Batch(prompts=prompts, total=total)], tmp_path)


def test_drafts_are_not_a_batch(tmp_path):
    program = compile_model(random_model(SHAPE), batch_tile(2, batch=False))
    with pytest.raises(UserError, match="the columns of this tile belong to one sequence, not to a batch"):
        simulate_batches(program, [Batch(prompts=((1,),), total=2)], tmp_path)
