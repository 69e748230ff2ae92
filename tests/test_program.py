"""Programs of random models of many shapes, played without time, against the golden decode."""

import dataclasses

import numpy as np
import pytest

from devicemodels.errors import UserError
from rtl.formats import ACCURATE, CHEAP, GROUP, NumberFormat
from rtl.tile.config import BankTiming, TileConfig
from sim.checkpoint import LlamaShape
from sim.compiler import compile_model, quantise_model
from sim.golden import Golden
from tests.interpreter import Interpreter
from tests.random_model import random_model

POSITIONS = GROUP + 4
"""Enough for a second page of keys and values."""

SHAPE = LlamaShape(
    dim=64,
    layers=1,
    heads=4,
    kv_heads=2,
    head_dim=16,
    ffn=96,
    vocab=100,
    context=96,
    rope_base=1e4,
    norm_eps=1e-5,
    tied=True,
)

TILE = TileConfig(
    lanes=8,
    vector_lanes=8,
    bank_words=60000,
    bank=BankTiming(latency_cycles=2, cadence_cycles=2),
    kv_words=16000,
    vector_words=1024,
    constant_words=8192,
    activation_groups=256,
    program_words=4096,
    context=96,
)

LANES_AND_HEADS = [
    (lanes, width, head_dim)
    for lanes in (4, 8, 16, 32)
    for width in (4, 8, 16, 32)
    for head_dim in (8, 12, 16, 24, 32, 64, 96)
    if head_dim % lanes == 0 and width <= lanes
]


def check_every_step(
    shape: LlamaShape,
    config: TileConfig = TILE,
    *,
    positions: int = POSITIONS,
    seed: int = 0,
    four_bits: bool = False,
):
    """Largest logit and its index at every position, for tokens that are partly the model's own choice.

    Returns the program, so that a test can say which of the compiler's cases it has met.
    """
    model = random_model(shape, seed=seed, four_bits=four_bits)
    integers = quantise_model(model, config.context, config.format)
    program = compile_model(model, config, integers)
    golden = Golden(integers)
    interpreters = [Interpreter(program, config, streams_first=order) for order in (True, False)]
    random, token = np.random.default_rng(1), 1
    for position in range(positions):
        logits = golden.step(token)
        expected = int(logits.argmax()), int(logits.max())
        found = [interpreter.step(token) for interpreter in interpreters]
        assert found == [expected] * 2, f"position {position}"
        token = expected[0] if position % 3 else int(random.integers(shape.vocab))
    return program


@pytest.mark.parametrize(("lanes", "width", "head_dim"), LANES_AND_HEADS)
def test_lanes_and_head_dimensions(lanes, width, head_dim):
    shape = dataclasses.replace(SHAPE, head_dim=head_dim)
    check_every_step(shape, dataclasses.replace(TILE, lanes=lanes, vector_lanes=width))


FORMATS = {
    "accurate": ACCURATE,
    "cheap": CHEAP,
    "four bits, signed scales": dataclasses.replace(CHEAP, minima=False),
    "eight bits, two groups": NumberFormat(groups_per_word=2),
    "eight bits, keys of twelve": NumberFormat(kv_bits=12, scale_bits=9, groups_per_word=2),
    "activations of sixteen": NumberFormat(activation_bits=16, minima=True),
}


@pytest.mark.parametrize("lanes", [8, 16])
@pytest.mark.parametrize("number_format", FORMATS.values(), ids=FORMATS)
def test_formats(number_format, lanes):
    """96 columns are three groups: with two or four to a word the last word of a row is not filled."""
    shape = dataclasses.replace(SHAPE, dim=96, head_dim=16)
    banks = {"banks_per_lane": 2, "bank_words": 30000}
    config = dataclasses.replace(TILE, lanes=lanes, vector_lanes=4, format=number_format, **banks)
    check_every_step(shape, config, four_bits=number_format.weight_bits == 4)


def test_minima_need_whole_groups():
    config = dataclasses.replace(TILE, format=CHEAP)
    with pytest.raises(UserError, match="FFN width 33 is not a multiple of 32, and a group's minimum would count"):
        check_every_step(dataclasses.replace(SHAPE, ffn=33), config, four_bits=True)


@pytest.mark.parametrize("banks", [1, 2, 4])
def test_several_banks_a_lane(banks):
    check_every_step(SHAPE, dataclasses.replace(TILE, lanes=16, banks_per_lane=banks, bank_words=60000 // banks))


@pytest.mark.parametrize(
    ("heads", "kv_heads", "at_once"),
    [(1, 1, 1), (6, 6, 6), (8, 8, 8), (16, 2, 16), (16, 4, 16), (18, 9, 13), (27, 27, 1)],
)
def test_heads(heads, kv_heads, at_once):
    """More query heads than registers are worked off in several turns, the last of which may be shorter."""
    shape = dataclasses.replace(SHAPE, heads=heads, kv_heads=kv_heads, head_dim=8)
    program = check_every_step(shape)
    assert program.placement.heads_at_once == at_once


@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 40, "heads": 5, "kv_heads": 5, "head_dim": 8},
        {"dim": 36, "heads": 3, "kv_heads": 1, "head_dim": 8},
        {"vocab": 77},
        {"vocab": 101},
        {"ffn": 33},
        {"ffn": 50},
        {"tied": False},
        {"tied": False, "vocab": 77, "dim": 36, "ffn": 33},
        {"layers": 2},
        {"layers": 3, "dim": 32, "tied": False},
    ],
    ids=lambda changes: " ".join(f"{name}={value}" for name, value in changes.items()),
)
def test_sizes(changes):
    check_every_step(dataclasses.replace(SHAPE, **changes))


@pytest.mark.parametrize(
    ("columns", "lanes", "width", "banks"), [(2, 8, 8, 1), (4, 16, 4, 2), (8, 8, 4, 1), (16, 16, 16, 2)]
)
def test_columns_are_positions_behind_each_other(columns, lanes, width, banks):
    """Steps of every size, over a page's end and up to the context's; rejected drafts are written over."""
    config = dataclasses.replace(
        TILE,
        columns=columns,
        lanes=lanes,
        vector_lanes=width,
        banks_per_lane=banks,
        bank_words=60000 // banks,
        context=64,
    )
    integers = quantise_model(random_model(SHAPE), config.context)
    golden, random = Golden(integers), np.random.default_rng(1)
    tokens = [int(token) for token in random.integers(SHAPE.vocab, size=config.context)]
    logits = [golden.step(token) for token in tokens]
    interpreter = Interpreter(compile_model(random_model(SHAPE), config, integers), config)
    while interpreter.first < config.context:
        at = interpreter.first
        size = min(int(random.integers(1, columns + 1)), config.context - at)
        drafts = tokens[at : at + size]
        if at > 16:
            interpreter.steps([drafts[0], *(int(token) for token in random.integers(SHAPE.vocab, size=size - 1))])
        interpreter.first = at
        expected = [(int(row.argmax()), int(row.max())) for row in logits[at : at + size]]
        assert interpreter.steps(drafts) == expected, f"position {at}"


@pytest.mark.parametrize("columns", [3, 32])
def test_columns_that_cannot_be(columns):
    with pytest.raises(UserError, match=f"a tile has 1, 2, 4, 8 or 16 columns, not {columns}"):
        dataclasses.replace(TILE, columns=columns)


def test_a_program_for_more_columns_than_there_are():
    with pytest.raises(UserError, match="a program for 4 columns does not run on a tile of 2"):
        compile_model(random_model(SHAPE), dataclasses.replace(TILE, columns=2), columns=4)


@pytest.mark.parametrize("context", [40, 64, 1000])
def test_a_context_that_is_not_the_designs(context):
    program = check_every_step(dataclasses.replace(SHAPE, context=context))
    assert program.context == min(context, TILE.context)


def test_the_whole_context():
    """The last position fills the last word of keys, values and scores."""
    check_every_step(SHAPE, dataclasses.replace(TILE, context=64), positions=64)


def test_logits_that_are_all_negative_beat_the_rows_beyond_the_vocabulary():
    """Those rows give zero, and do not count."""
    shape, seed = dataclasses.replace(SHAPE, vocab=3, tied=False), 1
    golden = Golden(quantise_model(random_model(shape, seed=seed), TILE.context))
    assert golden.step(1).max() < 0
    check_every_step(shape, seed=seed)


def test_uninitialised_memories_do_not_matter():
    """The same numbers whatever the memories held before."""
    model = random_model(dataclasses.replace(SHAPE, layers=2, dim=36, heads=3, kv_heads=1, head_dim=8, ffn=33))
    program = compile_model(model, TILE)
    interpreters = [Interpreter(program, TILE, seed=seed) for seed in range(4)]
    assert not np.array_equal(interpreters[0].own.vectors, interpreters[1].own.vectors)
    for token in (1, 5, 0, 99):
        assert len({interpreter.step(token) for interpreter in interpreters}) == 1
