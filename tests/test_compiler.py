"""Numbers, placement and schedule of a model on a tile, without a simulator."""

import dataclasses

import numpy as np
import pytest

from devicemodels.errors import UserError
from rtl.formats import NumberFormat
from rtl.memory.secded import decode
from rtl.memory.timing import bank_timing
from rtl.tile.program import INSTRUCTION_BITS, Destination, Instruction, Second, Source
from sim.chain import load_sheets
from sim.checkpoint import load_model
from sim.compiler import compile_model, quantise_model
from sim.compiler.quantise import integer_matrix, to_integers
from sim.design import load_design
from sim.evaluate import accuracy, held_out_tokens, reference
from sim.golden import Golden
from sim.rates import predict
from sim.reference import logits
from sim.tile import build_tile

HELD_OUT_TOKENS = 700


@pytest.fixture(scope="module")
def verse():
    return load_model("verse")


@pytest.fixture(scope="module")
def tile():
    return build_tile(load_design("mram-22nm"))


def test_integer_matrices_are_close(verse):
    """8-bit group scales under 16-bit row scales: 0.2 % of the group's scale at most."""
    matrix = verse.layers[0].down
    integers = integer_matrix(matrix, NumberFormat())
    scales = integers.row_scales[:, None] * 2.0**-integers.exponent * integers.group_scales
    assert (integers.codes == matrix.codes).all()
    largest = matrix.scales.max(axis=1, keepdims=True)
    assert (np.abs(scales - matrix.scales) <= largest * (0.51 / 255 + 2e-4)).all()


def test_negative_group_scales_turn_the_codes(verse):
    source = verse.layers[0].k
    negative = dataclasses.replace(source, codes=np.maximum(-source.codes, -127).astype(np.int8), scales=-source.scales)
    both = [integer_matrix(m, NumberFormat()) for m in (source, negative)]
    assert (both[0].weights == both[1].weights).all()


def test_to_integers_fills_the_range():
    values, exponent = to_integers(np.array([0.3, -1.7, 0.0]), 32767)
    assert 16383 < np.abs(values).max() <= 32767
    assert values * 2.0**-exponent == pytest.approx([0.3, -1.7, 0.0], abs=2.0**-exponent)


def test_images_hold_the_matrices(verse, tile):
    """Row r of a matrix is in lane r mod 8, and its words decode to its codes and scales."""
    integers = quantise_model(verse, tile.config.context)
    program = compile_model(verse, tile.config, integers)
    matrix, place = integers.layers[2].gate, program.placement.layers[2].matrices["gate"]
    row = 45
    start = place.weights + row // 8 * place.groups
    data, corrected, lost = decode(
        program.codewords(row % 8, slice(start, start + place.groups)), tile.config.format.word_bits
    )
    assert not corrected.any() and not lost.any()
    words = np.packbits(data, axis=1, bitorder="little")
    assert (words[:, :32].reshape(-1).view(np.int8) == matrix.codes[row]).all()
    assert (words[:, 32] == matrix.group_scales[row]).all()


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (4000, "needs 4352 words of each weight bank and the design has 4000: 352 too few; .*, or 2 such tiles on a"),
        (2000, "or 4 such tiles on a chip"),  # 4,352 words are over twice as many
        (1000, "8 such tiles would hold it, which is beyond the 32 lanes"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(words, way_out, verse, tile):
    with pytest.raises(UserError, match=way_out):
        compile_model(verse, dataclasses.replace(tile.config, bank_words=words))


def test_instructions_refuse_what_does_not_fit():
    with pytest.raises(UserError, match="the program needs blocks = 20000, and an instruction has 14 bits for it"):
        Instruction(source=Source.VECTOR, blocks=20000)
    instruction = Instruction(source=Source.VECTOR, destination=Destination.KEY, scale_shift=-3, second=Second.SQUARES)
    assert instruction.by_position and instruction.encode() >> INSTRUCTION_BITS - 2 == Second.SQUARES


def test_half_the_tmr_costs_cycles_and_bandwidth(verse):
    design = load_design("mram-22nm")
    sheets = load_sheets(design)
    mtj = dataclasses.replace(sheets.mtj.device, tmr_zero_bias=sheets.mtj.device.tmr_zero_bias / 2)
    weak = dataclasses.replace(sheets, mtj=dataclasses.replace(sheets.mtj, device=mtj))
    tiles = [build_tile(design, s) for s in (sheets, weak)]
    assert tiles[1].bank.read_access > 1.3 * tiles[0].bank.read_access
    predictions = [predict(t, compile_model(verse, t.config), position=40) for t in tiles]
    assert predictions[1].cycles > 1.3 * predictions[0].cycles
    assert predictions[1].bandwidth_density < 0.8 * predictions[0].bandwidth_density


def test_bank_times_are_rounded_up(tile):
    timing = bank_timing(tile.bank, 1e9)
    assert timing.cadence_cycles - 1 < tile.bank.read_cycle * 1e9 <= timing.cadence_cycles
    exact = dataclasses.replace(tile.bank, read_access=3e-9, read_cycle=4e-9, write_cycle=30.5e-9)
    assert dataclasses.astuple(bank_timing(exact, 1e9)) == (3, 4, 31)
    with pytest.raises(UserError, match="the tile waits at most 15"):
        bank_timing(tile.bank, 50e9)


def test_golden_logits_follow_fp32(verse):
    tokens = verse.tokenizer.encode("And the LORD spake unto Moses, saying, Speak unto the children of Israel")
    golden = Golden(quantise_model(verse, 256))
    for token, exact in zip(tokens, logits(verse, tokens), strict=True):
        assert np.corrcoef(golden.step(token), exact)[0, 1] > 0.9999


@pytest.mark.slow
def test_golden_perplexity_is_within_one_per_cent(verse):
    """On the first tokens of the held-out text; `sim/models/verse.md` has the figure for all of it."""
    exact = reference(verse, held_out_tokens(verse)[:HELD_OUT_TOKENS])
    assert abs(accuracy(verse, exact).perplexity) < 0.01
