"""The behavioural bank fails as its golden function says, in both simulators, and at the rates it is given."""

import json

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from scipy.stats import binom

from devicemodels.errors import UserError
from rtl.memory.faults import FaultRates, FaultyBank
from rtl.memory.macros import model_sources, weight_bank
from rtl.tile.config import BankTiming
from sim.cache import cache_root
from testbench.runner import SimulationError, build, run

WORDS, BITS, INDEX = 32, 40, 5
TIMING = BankTiming(latency_cycles=2, cadence_cycles=3, write_cycles=4)
RATES = {
    "read_error_rate": 0.02,
    "read_disturb_rate": 0.01,
    "write_error_rate": 0.03,
    "retention_error_rate": 0.05,
    "stuck_rate": 0.04,
}


class Top(wiring.Component):
    """One bank between ports."""

    enable: In(1)
    write: In(1)
    address: In(5)
    write_data: In(BITS)
    data: Out(BITS)

    def elaborate(self, platform):
        m = Module()
        m.submodules.bank = weight_bank(
            index=INDEX,
            words=WORDS,
            bits=BITS,
            timing=TIMING,
            enable=self.enable,
            write=self.write,
            address=self.address,
            write_data=self.write_data,
            data=self.data,
        )
        return m


@pytest.fixture(scope="module", params=["verilator", "icarus"])
def simulator(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    text = verilog.convert(Top(), name="top", emit_src=False, strip_internal_attrs=True)
    (folder / "top.sv").write_text(text)
    (folder / "weight_bank.sv").write_text(model_sources()["weight_bank.sv"])
    return build(
        sources=[folder / "top.sv", folder / "weight_bank.sv"],
        toplevel="top",
        simulator=request.param,
        cache_root=cache_root() / "simulators",
        public=["clk", "enable", "write", "address", "write_data", "data"],
    )


def contents():
    return np.random.default_rng(1).integers(0, 2, (WORDS, BITS)).astype(np.uint8)


def integer(bits):
    return int("".join(map(str, bits[::-1])), 2)


def accesses(count=300):
    """Reads, and a write in three."""
    random = np.random.default_rng(2)
    words = random.integers(0, 2, (count, BITS)).astype(np.uint8)
    return [
        (int(address), word if choice == 0 else None)
        for address, word, choice in zip(
            random.integers(0, WORDS, count), words, random.integers(0, 3, count), strict=True
        )
    ]


def observed(simulator, folder, rates, cadence=TIMING.cadence_cycles):
    octets = [integer(word).to_bytes(-(-BITS // 8), "big") for word in contents()]
    (folder / "top.bank.bin").write_bytes(b"".join(octets))
    listed = [(address, None if word is None else integer(word)) for address, word in accesses()]
    request = {"accesses": listed, "cadence": cadence, "write": TIMING.write_cycles}
    (folder / "request.json").write_text(json.dumps(request))
    run(simulator, run_folder=folder, test_module="tests.bank_bench", plusargs=rates.plusargs)
    return json.loads((folder / "observed.json").read_text())


def expected(rates):
    bank, seen = FaultyBank(contents(), rates, INDEX), []
    for address, word in accesses():
        if word is None:
            seen.append(integer(bank.read(address)))
        else:
            bank.write(address, word)
    return seen


@pytest.mark.parametrize("kind", ["none", *RATES, "all"])
def test_bank_fails_as_the_golden_says(simulator, tmp_path, kind):
    chosen = RATES if kind == "all" else {name: rate for name, rate in RATES.items() if name == kind}
    rates = FaultRates(**chosen, seed=7)
    assert observed(simulator, tmp_path, rates) == expected(rates)
    assert (expected(rates) == expected(FaultRates())) == (kind == "none")


def test_an_access_too_early_stops_the_simulation(simulator, tmp_path):
    with pytest.raises(SimulationError, match="an access begins 1 cycles before the last one ends"):
        observed(simulator, tmp_path, FaultRates(), cadence=TIMING.cadence_cycles - 1)


def counted(kind, rate, *, words=800, bits=100, seed=0, fill=0):
    """Wrong bits of one read of each word, or of the cells after it."""
    bank = FaultyBank(np.full((words, bits), fill, np.uint8), FaultRates(**{kind: rate}, seed=seed), 1)
    if kind == "write_error_rate":
        for address in range(words):
            bank.write(address, np.full(bits, 1 - fill, np.uint8))
        return int((bank.cells == fill).sum())
    read = sum(int((bank.read(address) != fill).sum()) for address in range(words))
    return int((bank.cells != fill).sum()) if kind == "read_disturb_rate" else read


@pytest.mark.parametrize("kind", RATES)
@pytest.mark.parametrize("rate", [1e-3, 0.1])
def test_rates_are_those_asked_for(kind, rate):
    """Within the binomial's central 99.99 %; half of the stuck cells hold what is written anyway."""
    low, high = binom.interval(0.9999, 80_000, rate / 2 if kind == "stuck_rate" else rate)
    assert low <= counted(kind, rate) <= high
    assert counted(kind, rate) != counted(kind, rate, seed=1)


def test_a_read_disturbs_only_zeros():
    assert counted("read_disturb_rate", 0.5, words=100, fill=1) == 0


def test_every_bit_can_fail_and_certain_faults_are_certain():
    assert counted("read_error_rate", 1.0, words=3) == 300
    assert counted("write_error_rate", 1.0, words=3) == 300


def test_probabilities_are_checked():
    with pytest.raises(UserError, match=r"the read error rate is 1\.5; give a probability from 0 to 1"):
        FaultRates(read_error_rate=1.5)
