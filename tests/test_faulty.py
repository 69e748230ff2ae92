"""A model through failing banks: what the golden is given, and what the simulated tile computes with."""

import dataclasses
import json

import numpy as np
import pytest

from rtl.export.verilog import top
from rtl.formats import CHEAP, DEFAULT, NumberFormat
from rtl.memory.code import CODES, DEC, NONE, SECDED
from rtl.memory.faults import FaultRates
from sim.cache import cache_root
from sim.checkpoint import load_model
from sim.compiler import compile_model, quantise_model
from sim.design import load_design
from sim.faulty import deliver
from sim.generate import verilog
from sim.golden import greedy
from sim.tile import build_tile
from testbench.bench_decode import PUBLIC
from testbench.runner import build, run
from tests.random_model import random_model
from tests.test_formats import SHAPE, TILE

ROOM = dataclasses.replace(TILE, bank_words=1024, kv_words=256, vector_words=256, constant_words=1024)
TOKENS, RATE = 6, 3e-3


def compiled(number_format=DEFAULT, **sizes):
    config = dataclasses.replace(ROOM, format=number_format, **sizes)
    integers = quantise_model(random_model(SHAPE), config.context, number_format)
    return config, integers, compile_model(random_model(SHAPE), config, integers)


def matrices(model):
    names = ("q", "k", "v", "o", "gate", "up", "down")
    return [model.embedding, model.head, *(getattr(layer, name) for layer in model.layers for name in names)]


@pytest.mark.parametrize(
    ("number_format", "sizes"),
    [(DEFAULT, {}), (NumberFormat(minima=True, scale_bits=10), {}), (CHEAP, {"banks_per_lane": 2})],
)
@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_sound_banks_deliver_what_was_compiled(number_format, sizes, code):
    _, integers, program = compiled(number_format, **sizes)
    delivered = deliver(integers, program, FaultRates(), code)
    assert (delivered.corrected, delivered.uncorrectable, delivered.silent) == (0, 0, 0)
    for before, after in zip(matrices(integers), matrices(delivered.model), strict=True):
        for name in ("codes", "group_scales", "minima", "row_scales"):
            assert np.array_equal(getattr(before, name), getattr(after, name)), name
        assert after.first_shift == before.first_shift
    assert delivered.words == program.weights.shape[0] * program.weights.shape[1]


def test_codes_save_what_they_can():
    """Words with one error, two and more, as often as the binomial says to within four standard deviations."""
    _, integers, program = compiled()
    rate, words = 2e-3, program.weights.shape[0] * program.weights.shape[1]
    for code in (SECDED, DEC):
        delivered = deliver(integers, program, FaultRates(retention_error_rate=rate, seed=1), code)
        n = code.code_bits(DEFAULT.word_bits)
        some = 1 - (1 - rate) ** n
        spoilt = delivered.corrected + delivered.uncorrectable
        assert abs(spoilt - words * some) < 4 * np.sqrt(words * some * (1 - some))
    plain = deliver(integers, program, FaultRates(retention_error_rate=rate, seed=1), NONE)
    assert (plain.corrected, plain.uncorrectable) == (0, 0) and plain.silent > 0


@pytest.mark.slow
def test_simulated_tile_computes_with_the_same_errors(tmp_path):
    """Tokens of the Verilog whose cells fail are the golden's on the weights that these cells deliver."""
    config, model = build_tile(load_design("mram-22nm")).config, load_model("verse")
    integers = quantise_model(model, config.context, config.format)
    program, prompt = compile_model(model, config, integers), model.tokenizer.encode("The king")
    sources = []
    for name, text in verilog(config).items():
        sources.append(tmp_path / name)
        sources[-1].write_text(text)
    program.write_images(tmp_path)
    request = {"prompt": prompt, "total": len(prompt) + TOKENS - 1}
    request |= {"vocabulary": program.vocabulary, "epsilon": program.epsilon}
    (tmp_path / "request.json").write_text(json.dumps(request))
    simulator = build(
        sources=sources,
        toplevel=top(config),
        simulator="verilator",
        cache_root=cache_root(),
        public=PUBLIC,
        no_inline=("lane",),
    )
    for rate, changed in ((0.0, False), (RATE, True)):
        rates = FaultRates(retention_error_rate=rate, seed=1)
        run(simulator, run_folder=tmp_path, test_module="testbench.bench_decode", plusargs=rates.plusargs)
        observed = json.loads((tmp_path / "observed.json").read_text())
        expected = greedy(deliver(integers, program, rates).model, prompt, TOKENS)
        assert observed["tokens"] == expected
        assert (expected != greedy(integers, prompt, TOKENS)) == changed
        assert (observed["uncorrectable_words"] > 0, observed["corrected_words"] > 0) == (changed, changed)
