"""A tile loaded through AXI into banks whose cells fail: it decodes as one whose memories came with their contents."""

import dataclasses
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from rtl.host.packets import Target, tile_targets
from rtl.host.token_queue import TAINTED
from rtl.host.top import TOP
from rtl.memory.faults import FaultRates, FaultyBank
from rtl.memory.writer import load
from rtl.tile.config import BankTiming, TileConfig
from rtl.tile.program import Alu, Constant, Destination, Instruction, Source
from sim.accounts import MEASURED, events
from sim.cache import cache_root
from sim.checkpoint import LlamaShape
from sim.compiler import compile_model, quantise_model
from sim.compiler.packets import load_packets
from sim.generate import hosted_verilog, verilog
from sim.golden import greedy
from sim.timing import emission_cycles
from testbench.host import PUBLIC
from testbench.runner import build, run
from tests.random_model import random_model

SHAPE = LlamaShape(
    dim=32, layers=1, heads=4, kv_heads=2, head_dim=8, ffn=32, vocab=40, context=64, rope_base=1e4, norm_eps=1e-5,
    tied=False,
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


def compiled(config):
    """The model in integers and its program."""
    integers = quantise_model(random_model(SHAPE), config.context)
    return integers, compile_model(random_model(SHAPE), config, integers)


def built(config, folder):
    """The simulator of a configuration behind its host interface."""
    sources = []
    for name, text in {**verilog(config), **hosted_verilog(config)}.items():
        sources.append(folder / name)
        sources[-1].write_text(text)
    return build(
        sources=sources, toplevel=TOP, simulator="verilator", cache_root=cache_root() / "simulators", clock=None,
        public=PUBLIC, no_inline=("lane", "tile") if config.tiles > 1 else ("lane",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return compiled(CONFIG)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    return built(CONFIG, tmp_path_factory.mktemp("sources"))


def packets(program):
    """Everything that the host sends: (memory, bank, words)."""
    return [
        *([memory.target, bank, words] for memory, bank, words in load_packets(program)),
        [Target.PROMPT, 0, PROMPT],
    ]


def illegal_programs(config):
    """Packets of programs with one address beyond a memory each, and one with none but a wait for ever."""
    read, vector = Instruction(source=Source.WEIGHTS), Instruction(source=Source.VECTOR)
    stop, end = Instruction(source=Source.END, after=2047), Instruction(source=Source.END, after=1, lag=100)
    streaming = [
        replace(read, memory=config.lane_words),
        replace(read, activations=config.activation_groups),
        replace(read, source=Source.KV, memory=config.kv_words),
        replace(read, constant=config.constant_words, constant_mode=Constant.WORD),
        replace(read, d=config.vector_words, destination=Destination.VECTOR),
        replace(read, blocks=config.lane_words + 1, memory_stride=1),
        read,
    ]
    working = [
        replace(vector, a=config.vector_words),
        replace(vector, b=config.vector_words, alu=Alu.ADD),
        replace(vector, d=config.activation_groups, destination=Destination.ACTIVATION),
        replace(vector, memory=config.kv_words, destination=Destination.VALUE),
        replace(vector, source=Source.KEEP, constant=config.constant_words),
        replace(vector, after=9),
    ]
    pairs = [(one, vector) for one in streaming[:-1]] + [(streaming[-1], one) for one in working]
    return [
        [[Target.PROGRAM, 0, [one.encode(), stop.encode()]], [Target.PROGRAM, 1, [other.encode(), end.encode()]]]
        for one, other in pairs
    ]


def simulated(simulator, program, rates, folder, *, total, sent, illegal=(), wrong=(), filled=False):
    """What the host sees; if not `filled`, every memory begins with zeros or the simulator's pattern."""
    config = program.config
    empty = bytes((config.bank_words + config.spare_words) * -(-config.code_bits // 8))
    for name, contents in program.images():
        nothing = empty if name.endswith(".bin") else b"0\n"
        (folder / f"{TOP}.{name}").write_bytes(contents if filled else nothing)
    request = {
        "targets": [dataclasses.asdict(one) for one in tile_targets(config)], "packets": sent,
        "wrong": wrong, "illegal": illegal,
        "prompt": PROMPT, "total": total, "vocabulary": program.vocabulary, "epsilon": program.epsilon,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    run(simulator, run_folder=folder, test_module="testbench.bench_loaded_tile", plusargs=rates.plusargs)
    return json.loads((folder / "observed.json").read_text())


def loaded(config, rates, sent):
    """The golden of loading: counts of each tile, with banks counted over all tiles."""
    blank = np.zeros((config.bank_words + config.spare_words, config.code_bits), np.uint8)
    words = [
        (bank, at, np.array([word >> bit & 1 for bit in range(config.format.word_bits)], np.uint8))
        for target, bank, words in sent
        if target == Target.WEIGHTS
        for at, word in enumerate(words)
    ]
    found = []
    each = config.banks_per_lane
    for tile in range(config.tiles):
        own = [lane * each + bank for lane in config.lanes_of(tile) for bank in range(each)]
        banks = {bank: FaultyBank(blank, rates, index) for index, bank in enumerate(own)}
        found.append(
            load(
                banks, [word for word in words if word[0] in banks], code=config.word_code, attempts=ATTEMPTS,
                bank_words=config.bank_words, spares=config.spare_words,
            )[0]
        )  # fmt: skip
    return found


def check_loading(observed, tiles):
    names = ("retries", "repaired", "unrepairable")
    assert [observed[name] for name in names] == [sum(getattr(tile, name) for tile in tiles) for name in names]


def check_decode(observed, integers, program, total):
    """Tokens, cycles and counts of a run whose words need no code."""
    first = len(PROMPT) - 1
    assert observed["tokens"] == greedy(integers, PROMPT, total - first)
    counts = sum((events(program.queues, program.config, at, emits=at >= first) for at in range(total)), Counter())
    assert observed["counters"]["cycles"] == emission_cycles(program.queues, program.config, len(PROMPT), total)[-1]
    assert {name: observed["counters"][name] for name in MEASURED.values()} == {
        name: counts[event] for event, name in MEASURED.items()
    }
    assert observed["counters"]["corrected_words"] == observed["counters"]["uncorrectable_words"] == 0
    assert observed["events"] == ["done"]


def test_a_decode_from_repaired_banks(simulator, model, tmp_path):
    """Tokens are the golden's, cycles and words the schedule's, and no word needs the code: spares have no errors.

    Illegal programs that were tried before leave nothing behind.
    """
    integers, program = model
    total, illegal, sent = len(PROMPT) + TOKENS - 1, illegal_programs(CONFIG), packets(program)
    observed = simulated(simulator, program, WEAK, tmp_path, total=total, sent=sent, illegal=illegal)
    for cycles, seen, tokens in observed["illegal"]:
        assert (seen, tokens) == (["done", "illegal_program"], 0) and cycles < 500
    assert len(observed["illegal"]) == len(illegal)
    (counts,) = loaded(CONFIG, WEAK, sent)
    assert counts.repaired > 1 and counts.retries > counts.repaired * (ATTEMPTS - 1) and not counts.unrepairable
    check_loading(observed, [counts])
    assert observed["load_events"] == []
    check_decode(observed, integers, program, total)


def test_words_that_do_not_hold_are_reported(simulator, model, tmp_path):
    _, program = model
    sent = packets(program)
    observed = simulated(simulator, program, WORSE, tmp_path, total=0, sent=sent)
    (counts,) = loaded(CONFIG, WORSE, sent)
    assert counts.unrepairable > 0 and counts.repaired > 0
    check_loading(observed, [counts])
    assert (observed["failed"]["load_failed_bank"], observed["failed"]["load_failed_address"]) == counts.failed
    assert observed["load_events"] == ["unrepairable"]


def test_tokens_from_words_beyond_repair_are_marked(simulator, model, tmp_path):
    """Banks that lose a bit in a thousand with each read: the code gives up soon, and the host knows at once."""
    _, program = model
    total, sent = len(PROMPT) + TOKENS - 1, packets(program)
    observed = simulated(simulator, program, FORGETFUL, tmp_path, total=total, sent=sent)
    assert observed["counters"]["uncorrectable_words"] > 0 and observed["counters"]["corrected_words"] > 0
    assert observed["events"] == ["done", "uncorrectable"]
    assert observed["uncorrectable_bank"] < CONFIG.banks and observed["uncorrectable_address"] < CONFIG.bank_words
    marks = [token >> TAINTED for token in observed["tokens"]]
    assert marks[-1] == 1 and marks == sorted(marks)
