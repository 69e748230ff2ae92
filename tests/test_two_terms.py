"""Eight-bit matrices beside four-bit ones: two groups of a word for the same 32 columns."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from devicemodels.errors import UserError
from rtl.formats import ACCURATE, CHEAP, DEFAULT
from sim.accounts import events, filled_part
from sim.checkpoint import LlamaShape
from sim.compiler import compile_model, quantise_model
from sim.compiler.emit import Emitter
from sim.compiler.place import place_model
from sim.design import load_design
from sim.golden import Golden
from sim.system.own_tile import hollow_model
from sim.tile import build_tile
from sim.timing import token_cycles
from tests.hardware import SMALL, check_hardware
from tests.interpreter import Interpreter
from tests.random_model import mixed_model, random_model
from tests.test_program import SHAPE, TILE
from tests.test_schedule import TimingChecker, faults, tile

TWO_GROUPS, FOUR_GROUPS = CHEAP, ACCURATE
FORMATS = {
    "two groups": TWO_GROUPS,
    "four groups": FOUR_GROUPS,
    "two groups, signed scales": dataclasses.replace(TWO_GROUPS, minima=False),
    "four groups, signed scales": dataclasses.replace(FOUR_GROUPS, minima=False),
}
every_format = pytest.mark.parametrize("number_format", FORMATS.values(), ids=FORMATS)
MODELS = {
    "tied": mixed_model(dataclasses.replace(SHAPE, dim=96)),  # three groups: the last word is not filled
    "untied": mixed_model(dataclasses.replace(SHAPE, tied=False, layers=2), bytes_in=("v", "down")),
    "all but one": mixed_model(dataclasses.replace(SHAPE, dim=96), bytes_in=("q", "k", "v", "o", "gate", "down")),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@every_model
@every_format
@pytest.mark.parametrize(("lanes", "width"), [(8, 4), (16, 16)])
def test_programs_equal_the_golden(number_format, model, lanes, width):
    config = dataclasses.replace(TILE, lanes=lanes, vector_lanes=width, format=number_format, banks_per_lane=2,
                                 bank_words=30000)  # fmt: skip
    integers = quantise_model(model, config.context, number_format)
    assert integers.two_terms
    golden, interpreter = Golden(integers), Interpreter(compile_model(model, config, integers), config)
    for token in np.random.default_rng(2).integers(SHAPE.vocab, size=6):
        logits = golden.step(int(token))
        assert interpreter.step(int(token)) == (logits.argmax(), logits.max())


@every_model
@pytest.mark.parametrize("number_format", [TWO_GROUPS, FOUR_GROUPS], ids=["two groups", "four groups"])
@pytest.mark.parametrize(
    ("lanes", "width", "cadence", "banks"), [(16, 4, 2, 2), (16, 16, 15, 1), (16, 16, 3, 1), (16, 8, 4, 4)]
)
def test_no_word_is_late(number_format, model, lanes, width, cadence, banks):
    config = dataclasses.replace(tile(lanes, 2, cadence, context=128, width=width, banks=banks), format=number_format)
    assert not faults(compile_model(model, config), config)


@pytest.mark.parametrize("cadence", range(1, 9))
def test_a_last_word_that_is_not_filled_is_not_read_too_soon(cadence):
    """Activations of whole words are read as slowly as they are written, and those of the last word sooner."""
    config = dataclasses.replace(tile(32, 2, cadence, context=128), format=FOUR_GROUPS)
    shape = dataclasses.replace(SHAPE, dim=160, head_dim=32, ffn=416)
    assert not faults(compile_model(random_model(shape, four_bits=True), config), config)


def test_what_fills_up_a_row_is_no_weight():
    """Rows of 96 columns have 3 groups in a word of 4, of 64 columns (o) 2; in two terms 6 in two words."""
    config = dataclasses.replace(TILE, format=FOUR_GROUPS)
    narrow, o, head = 64 + 2 * 32 + 3 * 96, 96, 104  # rows, those of the head in whole blocks of 8
    filled, words = 3 * narrow + 2 * o + 6 * head, narrow + o + 2 * head
    assert filled_part(compile_model(MODELS["tied"], config), config) == filled / (4 * words)


def test_an_embedding_has_a_pass_for_each_term():
    """The second adds to the first; a word whose groups are pairs takes half as many groups of activations."""
    config = dataclasses.replace(TILE, format=FOUR_GROUPS)
    twice, once = (compile_model(m, config).stream for m in (MODELS["tied"], random_model(MODELS["tied"].shape)))
    assert [i.term for i in twice if i.phase == "embedding"] == [0, 1]
    assert [i.term for i in once if i.phase == "embedding"] == [0]
    assert (twice[-2].pairs, twice[-2].groups, once[-2].pairs, once[-2].groups) == (True, 2, False, 1)


def test_smollm2_fits_its_tile():
    """Thirty layers in every memory of the design and every field of an instruction, and no word late at the end."""
    config = build_tile(load_design("mram-16nm-135m")).config
    shape = LlamaShape(
        dim=576, layers=30, heads=9, kv_heads=3, head_dim=64, ffn=1536, vocab=49152, context=8192,
        rope_base=1e5, norm_eps=1e-5, tied=True,
    )  # fmt: skip
    model = hollow_model(shape, embedding_terms=2)
    place = place_model(model, config)
    queues = Emitter(model, place, config).token()
    assert max(map(len, queues)) <= config.program_words
    # 9 words for 18 groups and 24 for 48 in the layers, 18 for two terms of 18 in the embedding and the head.
    layer = (576 + 2 * 192 + 576 + 2 * 1536) * 9 + 576 * 24
    assert place.used["each weight bank"] * config.lanes == 30 * layer + 49152 * 18
    counts = events(queues, config, 0, emits=True)
    embedding = 2 * 18 * config.lanes
    assert counts["weight reads"] == 30 * layer + 49152 * 18 + embedding
    checker, last = (
        TimingChecker(SimpleNamespace(stream=queues[0], vector=queues[1], queues=queues, columns=1), config),
        config.context - 1,
    )
    assert checker.token(last, emits=True) == token_cycles(queues, config, last, emits=True)
    assert not checker.faults


def test_words_of_one_group_hold_no_two_terms():
    model = MODELS["tied"]
    integers = quantise_model(model, TILE.context, TWO_GROUPS)
    with pytest.raises(UserError, match=r'model "random" has 8-bit matrices beside 4-bit ones, .* holds one: set for'):
        compile_model(model, TILE, integers)
    assert not quantise_model(model, TILE.context, dataclasses.replace(DEFAULT, minima=True)).two_terms


def test_hardware_equals_the_golden(tmp_path):
    config = dataclasses.replace(TILE, lanes=4, vector_lanes=4, format=FOUR_GROUPS, **SMALL)
    check_hardware(MODELS["untied"], config, tmp_path, tokens=3)


@pytest.mark.slow
@every_model
@every_format
def test_hardware_of_every_format_equals_the_golden(number_format, model, tmp_path):
    config = dataclasses.replace(TILE, vector_lanes=8, format=number_format, **SMALL)
    check_hardware(model, config, tmp_path, tokens=33)
