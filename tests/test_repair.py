"""Loading banks whose cells fail: the hardware does what the golden says, and what is read back is what was sent."""

import json

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import Array, ClockDomain, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.code import DEC, NONE, SECDED
from rtl.memory.faults import FaultRates, FaultyBank
from rtl.memory.macros import model_sources, weight_bank
from rtl.memory.repair import RepairTable
from rtl.memory.report import ErrorReport
from rtl.memory.writer import BankWriter, load
from rtl.tile.config import BankTiming
from sim.cache import cache_root
from testbench.runner import build, run
from tests.gateware import stream
from tests.load_bench import STATUS

DATA_BITS, BANKS, WORDS, SPARES, ATTEMPTS = 16, 3, 32, 6, 4
TIMING = BankTiming(latency_cycles=2, cadence_cycles=3, write_cycles=4)
READ_CYCLES = {code.name: TIMING.latency_cycles + code.Decoder.LATENCY for code in (NONE, SECDED, DEC)}


class Top(wiring.Component):
    """Writer, table, banks and decoders, with a read port beside the writer."""

    def __init__(self, code):
        self._code = code
        super().__init__(
            {
                "clk": In(1),
                "rst": In(1),
                "valid": In(1),
                "ready": Out(1),
                "bank": In(range(BANKS)),
                "address": In(range(WORDS)),
                "data": In(DATA_BITS),
                "busy": Out(1),
                "retries": Out(32),
                "repaired": Out(32),
                "unrepairable": Out(32),
                "failed": Out(1),
                "failed_bank": Out(range(BANKS)),
                "failed_address": Out(range(WORDS)),
                "read": In(1),
                "word": Out(DATA_BITS),
                "corrected": Out(1),
                "uncorrectable": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = sync = ClockDomain(local=True)
        m.d.comb += [sync.clk.eq(self.clk), sync.rst.eq(self.rst)]
        m.submodules.writer = writer = BankWriter(
            code=self._code,
            data_bits=DATA_BITS,
            banks=BANKS,
            words=WORDS,
            timing=TIMING,
            read_cycles=READ_CYCLES[self._code.name],
            attempts=ATTEMPTS,
        )
        m.submodules.table = table = RepairTable(words=WORDS, entries=SPARES, banks=BANKS)
        read, bank = Signal(), Signal(range(BANKS))
        m.d.sync += [read.eq(self.read), bank.eq(Mux(writer.busy, writer.bank, self.bank))]
        m.d.comb += [
            writer.words.valid.eq(self.valid),
            writer.words.payload.bank.eq(self.bank),
            writer.words.payload.address.eq(self.address),
            writer.words.payload.data.eq(self.data),
            self.ready.eq(writer.words.ready),
            writer.full.eq(table.full),
            table.address.eq(Mux(writer.busy, writer.address, self.address)),
            table.assign.eq(writer.assign),
            table.assign_bank.eq(writer.bank),
            table.assign_address.eq(writer.address),
            self.busy.eq(writer.busy),
            *(getattr(self, name).eq(getattr(writer, name)) for name in STATUS),
        ]
        decoders = [self._bank(m, index, writer, table, read, bank) for index in range(BANKS)]
        for name, port in (("data", "word"), ("corrected", "corrected"), ("uncorrectable", "uncorrectable")):
            value = Array(getattr(decoder, name) for decoder in decoders)[bank]
            m.d.comb += [getattr(writer, name).eq(value), getattr(self, port).eq(value)]
        return m

    def _bank(self, m, index, writer, table, read, bank):
        m.submodules[f"decoder_{index}"] = decoder = self._code.Decoder(DATA_BITS)
        chosen, enable = bank == index, Signal(name=f"enable_{index}")
        m.d.comb += enable.eq((writer.read | read) & chosen)
        arrived = enable
        for _ in range(TIMING.latency_cycles):
            after = Signal(name="arrived")
            m.d.sync += after.eq(arrived)
            arrived = after
        m.submodules[f"bank_{index}"] = weight_bank(
            index=index,
            words=WORDS + SPARES,
            bits=self._code.code_bits(DATA_BITS),
            timing=TIMING,
            enable=enable,
            write=writer.write & chosen,
            address=table.addresses[index],
            write_data=writer.code,
            data=decoder.code,
            has_file=False,
        )
        m.d.comb += decoder.valid.eq(arrived)
        return decoder


def simulator_of(code, name, folder):
    top = Top(code)
    text = verilog.convert(top, name="top", emit_src=False, strip_internal_attrs=True)
    # As the exporter does: `always @*` alone would leave Icarus's constant blocks unknown.
    (folder / "top.sv").write_text(text.replace("always @* begin", "always_comb begin"))
    (folder / "weight_bank.sv").write_text(model_sources()["weight_bank.sv"])
    return build(
        sources=[folder / "top.sv", folder / "weight_bank.sv"],
        toplevel="top",
        simulator=name,
        cache_root=cache_root() / "simulators",
        public=list(top.signature.members),
    )


def words(seed):
    """Every address of every bank, in a random order, some of them twice."""
    random = np.random.default_rng(seed)
    places = [(bank, address) for bank in range(BANKS) for address in range(WORDS)]
    order = [*random.permutation(len(places)), *random.integers(0, len(places), 20)]
    data = random.integers(0, 2, (len(order), DATA_BITS)).astype(np.uint8)
    return [(*places[place], word) for place, word in zip(order, data, strict=True)]


def integer(bits):
    return int("".join(map(str, bits[::-1])), 2)


def loaded(code, rates, seed):
    """The golden: counts, and what each word reads as."""
    blank = np.zeros((WORDS + SPARES, code.code_bits(DATA_BITS)), np.uint8)
    banks = [FaultyBank(blank, rates, index) for index in range(BANKS)]
    counts, moved = load(banks, words(seed), code=code, attempts=ATTEMPTS, bank_words=WORDS, spares=SPARES)
    read = []
    for bank, address, _ in words(seed):
        raw = banks[bank].read(moved.get((bank, address), address))
        data, corrected, bad = code.decode(raw[None], DATA_BITS)
        read.append([integer(data[0]), int(corrected[0]), int(bad[0])])
    return counts, read


def simulated(simulator, folder, code, rates, seed):
    random = np.random.default_rng(seed + 100)
    listed = [[int(random.integers(0, 12)) * int(random.integers(0, 2)), b, a, integer(w)] for b, a, w in words(seed)]
    (folder / "request.json").write_text(json.dumps({"words": listed, "read_cycles": READ_CYCLES[code.name]}))
    run(simulator, run_folder=folder, test_module="tests.load_bench", plusargs=rates.plusargs)
    return json.loads((folder / "observed.json").read_text())


RATES = {
    "sound": FaultRates(),
    "weak writes": FaultRates(write_error_rate=0.02, seed=3),
    "stuck cells": FaultRates(stuck_rate=0.002, seed=4),
    "too many": FaultRates(write_error_rate=0.01, stuck_rate=0.02, seed=5),
    "everything": FaultRates(write_error_rate=0.01, stuck_rate=0.002, read_error_rate=0.002, read_disturb_rate=1e-4),
}


@pytest.mark.parametrize(
    ("code", "name"), [(SECDED, "icarus"), (DEC, "icarus"), (NONE, "icarus"), (SECDED, "verilator")]
)
def test_loading_equals_the_golden(code, name, tmp_path):
    simulator = simulator_of(code, name, tmp_path)
    for seed, rates in enumerate(RATES.values()):
        observed = simulated(simulator, tmp_path, code, rates, seed)
        counts, read = loaded(code, rates, seed)
        assert observed["read"] == read
        assert [observed[key] for key in STATUS[:3]] == [counts.retries, counts.repaired, counts.unrepairable]
        assert observed["failed"] == (counts.failed is not None)
        assert not observed["failed"] or (observed["failed_bank"], observed["failed_address"]) == counts.failed


@pytest.mark.parametrize("kind", RATES)
def test_what_was_verified_reads_as_it_was_sent(kind):
    """The golden against what loading is for: the last word sent to each place."""
    counts, read = loaded(SECDED, RATES[kind], 0)
    last = {(bank, address): integer(word) for bank, address, word in words(0)}
    wrong = {place for place, (word, _, _) in zip([w[:2] for w in words(0)], read, strict=True) if word != last[place]}
    assert (counts.unrepairable > 0) == (kind == "too many")
    assert len(wrong) <= counts.unrepairable
    assert (counts.retries > 0) == (kind != "sound")
    assert (counts.repaired > 0) == (kind in ("stuck cells", "too many", "everything"))
    assert counts.repaired <= SPARES


def test_table_moves_one_address_of_one_bank():
    table = RepairTable(words=10, entries=2, banks=3)
    look = {"assign": 0}
    inputs = [
        {"address": 4, "assign": 1, "assign_bank": 1, "assign_address": 4},
        {"address": 4, **look},
        {"address": 5, "assign": 1, "assign_bank": 1, "assign_address": 4},  # its spare was no good
        {"address": 4, **look},
        {"address": 4, "assign": 1, "assign_bank": 2, "assign_address": 9},  # full: ignored
        {"address": 9, **look},
    ]
    seen = stream(table, inputs, ["addresses", "used", "full"], RepairTable.LATENCY)
    assert [(list(addresses), used, full) for addresses, used, full in seen] == [
        ([4, 4, 4], 1, 0),
        ([4, 10, 4], 1, 0),
        ([5, 5, 5], 2, 1),
        ([4, 11, 4], 2, 1),
        ([4, 11, 4], 2, 1),
        ([9, 9, 9], 2, 1),
    ]


def test_report_counts_and_says_where():
    report = ErrorReport(lanes=4, address_bits=6)
    names = ["corrected_words", "uncorrectable_words", "failed", "lost", "lost_lane", "lost_address"]
    inputs = [
        {"corrected": 0b0101, "uncorrectable": 0, "address": 1, "clear": 0},
        {"corrected": 0b0001, "uncorrectable": 0b1100, "address": 33, "clear": 0},
        {"corrected": 0, "uncorrectable": 0b0001, "address": 5, "clear": 0},
        {"corrected": 0, "uncorrectable": 0, "address": 6, "clear": 1},
    ]
    expected = [(2, 0, 0, 0, 0, 0), (3, 2, 1, 1, 2, 33), (3, 3, 1, 1, 0, 5), (0, 0, 0, 0, 0, 5)]
    assert stream(report, inputs, names, 1) == expected
