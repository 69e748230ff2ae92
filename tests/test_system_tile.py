"""This project's own tile in the system model, against compiled programs, cycle for cycle."""

import dataclasses
from functools import cache

import pytest

from rtl.tile.config import BankTiming
from sim.accounts import events
from sim.checkpoint import load_model
from sim.compiler import compile_model
from sim.design import load_design
from sim.rates import predict
from sim.system import Request, answer, build_system
from sim.system.model import load_model as load_language_model
from sim.system.own_chip import TILES, design_tile, own_engine, own_machine, shard
from sim.system.own_tile import tile_cycles
from sim.system.rate import decode_step, prefill_time
from sim.tile import build_tile
from sim.timing import emission_cycles, token_cycles
from tests.random_model import random_model
from tests.test_program import SHAPE, TILE

DESIGNS = ("mram-22nm", "sram-22nm")


@cache
def compiled(design):
    tile = build_tile(load_design(design))
    model = load_model("verse")
    return tile, model.shape, compile_model(model, tile.config)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("position", [0, 31, 32, 100, 255])
def test_the_terms_sum_to_the_cycles_of_the_shipped_program(design, position):
    tile, shape, program = compiled(design)
    cycles = tile_cycles(shape, tile.config, position)
    assert cycles.total == token_cycles(program.queues, tile.config, position, emits=True)
    assert tile.clock_hz / cycles.total == predict(tile, program, position=position).tokens_per_s


@pytest.mark.parametrize("design", DESIGNS)
def test_the_bytes_term_is_every_weight_word_once(design):
    tile, shape, program = compiled(design)
    config, groups = tile.config, -(-shape.dim // 32)
    words = events(program.queues, config, 0, emits=True)["weight reads"] - groups * config.lanes
    embedding = groups * config.beats  # cycles: read as a vector
    assert (tile_cycles(shape, config, 0).weights - embedding) * config.lanes / config.period == words


SHAPES = {
    "as it is": {},
    "untied head": {"tied": False},
    "four layers": {"layers": 4},
    "narrow heads": {"head_dim": 8},
    "wide heads": {"head_dim": 64, "heads": 2},
    "many heads": {"heads": 12, "kv_heads": 1, "head_dim": 8},
    "odd sizes": {"dim": 40, "ffn": 72, "vocab": 61},
}


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("bank", [BankTiming(latency_cycles=1, cadence_cycles=1), TILE.bank], ids=["fast", "slow"])
def test_the_cycles_are_exact_for_other_shapes(changes, bank):
    shape, config = dataclasses.replace(SHAPE, **changes), dataclasses.replace(TILE, bank=bank)
    program = compile_model(random_model(shape), config)
    for position in (0, 40, 95):
        assert tile_cycles(shape, config, position).total == token_cycles(program.queues, config, position, emits=True)


def test_deep_models_cost_no_more_to_schedule_and_stay_exact():
    shape = dataclasses.replace(SHAPE, layers=6)
    config = dataclasses.replace(TILE, kv_words=60000)
    program = compile_model(random_model(shape), config)
    assert tile_cycles(shape, config, 40).total == token_cycles(program.queues, config, 40, emits=True)


def test_a_model_that_no_simulator_holds_has_steps_that_follow_from_its_size():
    """A model of 135 million weights on one tile: its weights over the lanes, to the rows that fill the last block."""
    tile, *_ = compiled("mram-22nm")
    model = load_language_model("smollm2-135m")
    shape = dataclasses.replace(
        SHAPE, dim=model.dim, layers=model.layers, heads=model.heads, kv_heads=model.kv_heads, tied=model.tied,
        head_dim=model.head_dim, ffn=model.ffn, vocab=model.vocab,
    )  # fmt: skip
    config = dataclasses.replace(tile.config, lanes=32)
    embedding = model.dim // config.vector_lanes
    words = model.active_parameters / 32 / config.lanes
    assert tile_cycles(shape, config, 0).weights == words * config.period + embedding


def wide_shape():
    """Four layers as wide as SmolLM2-135M's, and a twelfth of its vocabulary."""
    model = load_language_model("smollm2-135m")
    return dataclasses.replace(
        SHAPE, dim=model.dim, layers=4, heads=model.heads, kv_heads=model.kv_heads, tied=True, context=256,
        head_dim=model.head_dim, ffn=model.ffn, vocab=4096,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("design", "changes", "least"),
    [
        ("mram-22nm", {}, 0.94),
        ("sram-22nm", {}, 0.89),
        ("mram-22nm", {"lanes": 32, "vector_lanes": 16}, 0.89),
        ("mram-22nm-4bit", {"vector_lanes": 16}, 0.76),
    ],
)
def test_a_model_of_width_576_keeps_the_banks_busy(design, changes, least):
    """Share of the cycles, with 255 positions before, in which weight banks deliver; the rest stands in docs/isa.md."""
    config = dataclasses.replace(build_tile(load_design(design)).config, **changes)
    cycles = tile_cycles(wide_shape(), config, 255)
    assert least < cycles.weights / cycles.total < least + 0.05


@pytest.mark.parametrize("design", DESIGNS)
def test_the_machine_of_one_tile_takes_the_cycles_of_the_shipped_program(design):
    tile, _, program = compiled(design)
    system = build_system(f"{design}-tile", "verse", context=256)
    for position in (0, 31, 32, 100, 255):
        step = decode_step(system, sequences=1, context=position)
        assert round(step.total * tile.clock_hz, 6) == token_cycles(program.queues, tile.config, position, emits=True)
        assert decode_step(system, sequences=3, context=position).total == pytest.approx(3 * step.total)
    for tokens in (1, 7, 40):
        prompt = prefill_time(system, sequences=1, tokens=tokens) * tile.clock_hz
        assert round(prompt, 6) == emission_cycles(program.queues, tile.config, tokens, tokens)[0]


def test_the_command_says_the_rate_that_a_decode_measures():
    """A token behind 31 others, for which the whole chain from design to schedule gives the same rate."""
    tile, _, program = compiled("mram-22nm")
    one = answer("mram-22nm-tile", "verse", Request(input=31, output=1))
    assert 1 / one.token == pytest.approx(predict(tile, program, position=31).tokens_per_s, rel=1e-12)
    assert one.system.model.parameters * 8.25 / 8 < one.system.machine.memory


@pytest.mark.parametrize("design", DESIGNS)
def test_a_chip_is_its_tiles(design):
    tile, machine = design_tile(design), own_machine(design)
    lanes = TILES * tile.config.lanes
    assert machine.bandwidth == lanes * tile.config.format.word_bytes * tile.clock_hz / tile.config.period
    assert machine.memory == lanes * tile.config.lane_words * tile.config.format.word_bytes
    assert machine.die_area > TILES * tile.macro_area


def test_rows_that_do_not_fill_the_lanes_cost_bandwidth():
    tile = design_tile("mram-22nm")
    even, uneven = (shard(tile, load_language_model(name)) for name in ("llama-3-70b", "llama-3-8b"))
    assert even.even_weights <= even.weights and uneven.even_weights < uneven.weights
    # 8,192 rows fill 4,096 lanes twice, and so do 28,672 seven times; only 1,024 rows of keys and values do not.
    keys_and_values = 2 * (1 - 1024 / 4096) * 8192 / 32 * tile.config.bank.cadence_cycles
    assert even.weights - even.even_weights == keys_and_values
    assert own_engine("mram-22nm", load_language_model("llama-3-8b")).bandwidth_fraction < 1
