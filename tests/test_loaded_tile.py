"""A tile loaded through AXI into banks whose cells fail: it decodes as one whose memories came with their contents."""

import dataclasses
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from rtl.host.packets import tile_targets
from rtl.host.token_queue import TAINTED
from rtl.host.top import TOP
from rtl.memory.code import word_code
from rtl.memory.faults import FaultRates, FaultyBank
from rtl.memory.writer import load
from rtl.tile.config import BankTiming, TileConfig
from rtl.tile.program import Alu, Constant, Destination, Instruction, Source
from sim.accounts import MEASURED, events
from sim.cache import cache_root
from sim.checkpoint import LlamaShape
from sim.compiler import compile_model, quantise_model
from sim.generate import hosted_verilog, verilog
from sim.golden import greedy
from sim.timing import emission_cycles
from testbench.host import PUBLIC
from testbench.runner import build, run
from tests.random_model import random_model

SHAPE = LlamaShape(
    dim=32, layers=1, heads=4, kv_heads=2, head_dim=8, ffn=32, vocab=40, context=64, rope_base=1e4, norm_eps=1e-5,
    tied=True,
)  # fmt: skip
CONFIG = TileConfig(
    lanes=4, vector_lanes=4, bank_words=60, bank=BankTiming(latency_cycles=2, cadence_cycles=2, write_cycles=3),
    banks_per_lane=2, kv_words=64, vector_words=128, constant_words=1024, activation_groups=32, program_words=128,
    context=64, code="dec", spare_words=4,
)  # fmt: skip
PROMPT, TOKENS, ATTEMPTS = [1, 5, 7], 4, 8
WEAK = FaultRates(stuck_rate=4e-5, write_error_rate=1e-4, seed=4)
WORSE = FaultRates(stuck_rate=1e-3, seed=3)
FORGETFUL = FaultRates(read_disturb_rate=1e-3, seed=5)


@pytest.fixture(scope="module")
def model():
    integers = quantise_model(random_model(SHAPE), CONFIG.context)
    return integers, compile_model(random_model(SHAPE), CONFIG, integers)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    folder, sources = tmp_path_factory.mktemp("sources"), []
    for name, text in {**verilog(CONFIG), **hosted_verilog(CONFIG)}.items():
        sources.append(folder / name)
        sources[-1].write_text(text)
    return build(
        sources=sources, toplevel=TOP, simulator="verilator", cache_root=cache_root() / "simulators", clock=None,
        public=PUBLIC, no_inline=("lane",),
    )  # fmt: skip


def integers_of(bits):
    """Words of bits, uint8 array [words, bits], as integers."""
    return [int.from_bytes(np.packbits(word, bitorder="little").tobytes(), "little") for word in bits]


def banks_of(program):
    """Data words of every bank, uint8 array [words, word bits]."""
    decode, lanes = word_code(CONFIG.code).decode, range(CONFIG.lanes)
    lanes = [decode(program.codewords(lane), CONFIG.format.word_bits)[0] for lane in lanes]
    return [lane[bank :: CONFIG.banks_per_lane] for lane in lanes for bank in range(CONFIG.banks_per_lane)]


def packets(program):
    """Everything that the host sends: (memory, bank, words)."""
    weights, constants, programs, prompt = tile_targets(CONFIG)
    mask = (1 << CONFIG.constant_word_bits // CONFIG.vector_lanes) - 1
    bits = mask.bit_length()
    words = [sum((int(v) & mask) << bits * n for n, v in enumerate(word)) for word in program.constants]
    return [
        *([weights.target, bank, integers_of(words)] for bank, words in enumerate(banks_of(program))),
        [constants.target, 0, words],
        *([programs.target, queue, [one.encode() for one in listed]] for queue, listed in enumerate(program.queues)),
        [prompt.target, 0, PROMPT],
    ]


def illegal_programs():
    """Packets of programs with one address beyond a memory each, and one with none but a wait for ever."""
    programs = tile_targets(CONFIG)[2].target
    read, vector = Instruction(source=Source.WEIGHTS), Instruction(source=Source.VECTOR)
    stop, end = Instruction(source=Source.END, after=2047), Instruction(source=Source.END, after=1, lag=100)
    streaming = [
        replace(read, memory=CONFIG.lane_words),
        replace(read, activations=CONFIG.activation_groups),
        replace(read, source=Source.KV, memory=CONFIG.kv_words),
        replace(read, constant=CONFIG.constant_words, constant_mode=Constant.WORD),
        replace(read, d=CONFIG.vector_words, destination=Destination.VECTOR),
        replace(read, blocks=CONFIG.lane_words + 1, memory_stride=1),
        read,
    ]
    working = [
        replace(vector, a=CONFIG.vector_words),
        replace(vector, b=CONFIG.vector_words, alu=Alu.ADD),
        replace(vector, d=CONFIG.activation_groups, destination=Destination.ACTIVATION),
        replace(vector, memory=CONFIG.kv_words, destination=Destination.VALUE),
        replace(vector, source=Source.KEEP, constant=CONFIG.constant_words),
        replace(vector, after=9),
    ]
    pairs = [(one, vector) for one in streaming[:-1]] + [(streaming[-1], one) for one in working]
    return [
        [[programs, 0, [one.encode(), stop.encode()]], [programs, 1, [other.encode(), end.encode()]]]
        for one, other in pairs
    ]


def simulated(simulator, program, rates, folder, *, total, illegal=()):
    """What the host sees; every memory begins with zeros or the simulator's pattern."""
    empty = bytes((CONFIG.bank_words + CONFIG.spare_words) * -(-CONFIG.code_bits // 8))
    for name, _ in program.images():
        (folder / f"{TOP}.{name}").write_bytes(empty if name.endswith(".bin") else b"0\n")
    request = {
        "targets": [dataclasses.asdict(one) for one in tile_targets(CONFIG)], "packets": packets(program),
        "illegal": illegal,
        "prompt": PROMPT, "total": total, "vocabulary": program.vocabulary, "epsilon": program.epsilon,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    run(simulator, run_folder=folder, test_module="testbench.bench_loaded_tile", plusargs=rates.plusargs)
    return json.loads((folder / "observed.json").read_text())


def loaded(program, rates):
    """The golden of loading."""
    code = word_code(CONFIG.code)
    blank = np.zeros((CONFIG.bank_words + CONFIG.spare_words, CONFIG.code_bits), np.uint8)
    banks = [FaultyBank(blank, rates, index) for index in range(CONFIG.banks)]
    words = [(bank, at, word) for bank, words in enumerate(banks_of(program)) for at, word in enumerate(words)]
    return load(banks, words, code=code, attempts=ATTEMPTS, bank_words=CONFIG.bank_words, spares=CONFIG.spare_words)[0]


def check_loading(observed, counts):
    assert [observed[name] for name in ("retries", "repaired", "unrepairable")] == [
        counts.retries,
        counts.repaired,
        counts.unrepairable,
    ]


def test_a_decode_from_repaired_banks(simulator, model, tmp_path):
    """Tokens are the golden's, cycles and words the schedule's, and no word needs the code: spares have no errors.

    Illegal programs that were tried before leave nothing behind.
    """
    integers, program = model
    total, first, illegal = len(PROMPT) + TOKENS - 1, len(PROMPT) - 1, illegal_programs()
    observed = simulated(simulator, program, WEAK, tmp_path, total=total, illegal=illegal)
    for cycles, seen, tokens in observed["illegal"]:
        assert (seen, tokens) == (["done", "illegal_program"], 0) and cycles < 500
    assert len(observed["illegal"]) == len(illegal)
    counts = loaded(program, WEAK)
    assert counts.repaired > 1 and counts.retries > counts.repaired * (ATTEMPTS - 1) and not counts.unrepairable
    check_loading(observed, counts)
    assert observed["load_events"] == []
    assert observed["tokens"] == greedy(integers, PROMPT, TOKENS)
    counts = sum((events(program.queues, CONFIG, at, emits=at >= first) for at in range(total)), Counter())
    assert observed["counters"]["cycles"] == emission_cycles(program.queues, CONFIG, len(PROMPT), total)[-1]
    assert {name: observed["counters"][name] for name in MEASURED.values()} == {
        name: counts[event] for event, name in MEASURED.items()
    }
    assert observed["counters"]["corrected_words"] == observed["counters"]["uncorrectable_words"] == 0
    assert observed["events"] == ["done"]


def test_words_that_do_not_hold_are_reported(simulator, model, tmp_path):
    _, program = model
    observed = simulated(simulator, program, WORSE, tmp_path, total=0)
    counts = loaded(program, WORSE)
    assert counts.unrepairable > 0 and counts.repaired > 0
    check_loading(observed, counts)
    assert (observed["failed"]["load_failed_bank"], observed["failed"]["load_failed_address"]) == counts.failed
    assert observed["load_events"] == ["unrepairable"]


def test_tokens_from_words_beyond_repair_are_marked(simulator, model, tmp_path):
    """Banks that lose a bit in a thousand with each read: the code gives up soon, and the host knows at once."""
    _, program = model
    observed = simulated(simulator, program, FORGETFUL, tmp_path, total=len(PROMPT) + TOKENS - 1)
    assert observed["counters"]["uncorrectable_words"] > 0 and observed["counters"]["corrected_words"] > 0
    assert observed["events"] == ["done", "uncorrectable"]
    assert observed["uncorrectable_bank"] < CONFIG.banks and observed["uncorrectable_address"] < CONFIG.bank_words
    marks = [token >> TAINTED for token in observed["tokens"]]
    assert marks[-1] == 1 and marks == sorted(marks)
