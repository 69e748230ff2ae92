"""Several tiles and chips loaded through AXI into banks whose cells fail, with the packets of one tile."""

import random
from dataclasses import replace

import pytest

from rtl.host.packets import BANK_BITS, Target
from rtl.host.registers import PacketError, register
from rtl.host.token_queue import TAINTED
from rtl.memory.faults import FaultRates
from rtl.tile.config import LANES
from rtl.tile.program import Destination, Instruction, Source
from sim.compiler.packets import load_packets
from tests.test_loaded_tile import (
    CONFIG,
    PROMPT,
    TOKENS,
    built,
    check_decode,
    check_loading,
    compiled,
    illegal_programs,
    loaded,
    packets,
    simulated,
)

TOTAL = len(PROMPT) + TOKENS - 1
WIDE = replace(CONFIG, lanes=8, vector_lanes=8, bank_words=40, code="secded")
SPREAD = {
    "two chips": replace(WIDE, tiles=4, chips=2, link_cycles=2, chip_link_cycles=3),
    "two tiles": replace(WIDE, tiles=2),
    "four tiles": replace(WIDE, tiles=4, link_cycles=3),
}
WEAK, WORSE = FaultRates(stuck_rate=1e-4, write_error_rate=1e-4, seed=4), FaultRates(stuck_rate=1e-3)


@pytest.fixture(
    scope="module", params=["two chips", *(pytest.param(name, marks=pytest.mark.slow) for name in list(SPREAD)[1:])]
)
def chip(request, tmp_path_factory):
    """Simulator, model in integers, program."""
    config = SPREAD[request.param]
    return built(config, tmp_path_factory.mktemp("sources")), *compiled(config)


def shuffled(program):
    """All packets, banks in any order; before them what goes to all tiles, each of which has to be there for it."""
    sent = packets(program)
    random.Random(1).shuffle(sent)
    return sorted(sent, key=lambda packet: packet[0] == Target.WEIGHTS)


def beyond(program):
    """Packets for a bank behind the last of each memory."""
    return [[Target.WEIGHTS, program.config.banks, [1]], [Target.CONSTANTS, 1, [1]], [Target.PROGRAM, 2, [1]]]


def key_beyond(config):
    """A program whose key lies beyond the memory: at the first position, in the tile that has its row."""
    read, key = Instruction(source=Source.WEIGHTS), Instruction(source=Source.VECTOR, destination=Destination.KEY)
    queues = (
        [read, Instruction(source=Source.END, after=2047)],
        [replace(key, memory=config.kv_words, after=0, lag=20), Instruction(source=Source.END, after=1, lag=100)],
    )
    return [[Target.PROGRAM, queue, [one.encode() for one in listed]] for queue, listed in enumerate(queues)]


def test_packets_do_not_depend_on_the_tiles():
    """But for programs, which wait for what comes over links."""
    one, *others = ([*load_packets(compiled(config)[1])] for config in (WIDE, *SPREAD.values()))
    same = [[packet for packet in each if packet[0].target != Target.PROGRAM] for each in (one, *others)]
    assert same[1:] == [same[0]] * len(others)
    assert [(memory.target, bank) for memory, bank, _ in same[0]] == [
        *((Target.WEIGHTS, bank) for bank in range(WIDE.banks)),
        (Target.CONSTANTS, 0),
    ]


def test_the_header_and_the_records_have_room_for_every_bank():
    """Of the widest tiles with the most banks a lane."""
    most = replace(WIDE, lanes=LANES[-1], vector_lanes=LANES[-1], banks_per_lane=8).banks
    fields = [field for name in ("LOAD_FAILED", "UNCORRECTABLE") for field in register(name).fields]
    assert most <= 1 << min(BANK_BITS, *(field.bits for field in fields if field.name.endswith("_bank")))


def test_a_decode_from_repaired_banks(chip, tmp_path):
    """As of one tile. Packets for no bank change nothing; programs that cannot be played end in all tiles at once."""
    simulator, integers, program = chip
    sent = shuffled(program)
    illegal = [*illegal_programs(program.config), key_beyond(program.config)]
    observed = simulated(
        simulator, program, WEAK, tmp_path, total=TOTAL, sent=sent, wrong=beyond(program), illegal=illegal
    )
    assert observed["wrong"] == [[["packet_error"], PacketError.BANK]] * 3
    assert [ended for _, *ended in observed["illegal"]] == [[["done", "illegal_program"], 0]] * len(illegal)
    tiles = loaded(program.config, WEAK, sent)
    assert sum(tile.repaired > 0 for tile in tiles) > 1 and not any(tile.unrepairable for tile in tiles)
    check_loading(observed, tiles)
    assert observed["load_events"] == []
    check_decode(observed, integers, program, TOTAL)


def test_the_first_word_that_does_not_hold_is_reported(chip, tmp_path):
    """First in time, whichever tile has it."""
    simulator, _, program = chip
    sent = shuffled(program)
    tiles = loaded(program.config, WORSE, sent)
    order = [bank for target, bank, _ in sent if target == Target.WEIGHTS]
    failed = [tile.failed for tile in tiles if tile.failed]
    first = min(failed, key=lambda at: (order.index(at[0]), at[1]))
    assert len(failed) > 1 and first != failed[0]
    observed = simulated(simulator, program, WORSE, tmp_path, total=0, sent=sent)
    check_loading(observed, tiles)
    assert (observed["failed"]["load_failed_bank"], observed["failed"]["load_failed_address"]) == first
    assert observed["load_events"] == ["unrepairable"]


def test_a_word_beyond_repair_is_found_where_it_lies(chip, tmp_path):
    """Two wrong bits in a word of the last tile's last lane, read at every position."""
    simulator, _, program = chip
    config, weights = program.config, program.weights.copy()
    lane, word = config.lanes_of(config.tiles - 1)[-1], program.placement.layers[0].matrices["q"].weights + 1
    weights[lane, word, 0] ^= 3
    sent = [packet for packet in packets(program) if packet[0] != Target.WEIGHTS]
    observed = simulated(
        simulator, replace(program, weights=weights), FaultRates(), tmp_path, total=TOTAL, sent=sent, filled=True
    )
    bank, address = word % config.banks_per_lane, word // config.banks_per_lane
    assert observed["uncorrectable_bank"] == lane * config.banks_per_lane + bank
    assert observed["uncorrectable_address"] == address
    assert observed["counters"]["uncorrectable_words"] == TOTAL and observed["counters"]["corrected_words"] == 0
    assert observed["events"] == ["done", "uncorrectable"]
    assert [token >> TAINTED for token in observed["tokens"]] == [1] * TOKENS
