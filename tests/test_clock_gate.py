"""Decoders behind their clock gates, in Verilog: nothing is lost when the clock stops, and nothing stays."""

import json
import shutil

import numpy as np
import pytest
from amaranth.hdl import Cat, ClockDomain, DomainRenamer, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.export.verilog import component_sources
from rtl.memory.code import DEC, SECDED
from rtl.memory.macros import clock_gate, model_sources
from sim.cache import cache_root
from testbench.runner import build, run

DATA_BITS, CYCLES = 64, 3000
no_icarus = pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")


class Top(wiring.Component):
    """A decoder whose clock runs while a word is in it, as in a tile; within, its locator has a gate of its own."""

    def __init__(self, code):
        self._code = code
        ports = {"code": In(code.code_bits(DATA_BITS)), "valid": In(1), "data": Out(DATA_BITS)}
        super().__init__(ports | {"corrected": Out(1), "uncorrectable": Out(1)})

    def elaborate(self, platform):
        m = Module()
        decoder, recent = self._code.Decoder(DATA_BITS, gated=True), Signal(self._code.Decoder.LATENCY)
        m.d.sync += recent.eq(Cat(self.valid, recent))
        m.domains.word = word = ClockDomain(local=True, reset_less=True)
        m.submodules.gate = clock_gate(enable=self.valid | recent.any(), gated=word.clk)
        m.submodules.decoder = DomainRenamer("word")(decoder)
        m.d.comb += [decoder.code.eq(self.code), decoder.valid.eq(self.valid)]
        m.d.comb += [getattr(self, name).eq(getattr(decoder, name)) for name in ("data", "corrected", "uncorrectable")]
        return m


def integer(bits):
    return int("".join(map(str, bits[::-1])), 2)


def codewords(code):
    """Words with up to three errors, most of them with none."""
    random = np.random.default_rng(5)
    stored = code.encode(random.integers(0, 2, (CYCLES, DATA_BITS)).astype(np.uint8))
    for word, errors in zip(stored, random.choice(4, CYCLES, p=(0.7, 0.1, 0.1, 0.1)), strict=True):
        word[random.choice(len(word), errors, replace=False)] ^= 1
    return stored


def given():
    """Whether a word comes in a cycle: runs and gaps of up to a dozen cycles."""
    random = np.random.default_rng(6)
    runs = np.concatenate([np.full(random.integers(1, 13), turn % 2) for turn in range(CYCLES)])[:CYCLES]
    return runs.astype(bool)


@pytest.mark.parametrize("simulator", ["verilator", pytest.param("icarus", marks=no_icarus)])
@pytest.mark.parametrize("code", [SECDED, DEC], ids=lambda code: code.name)
def test_a_decoder_whose_clock_stops_equals_golden(code, simulator, tmp_path):
    sources = []
    for name, text in (component_sources(Top(code), "top") | model_sources()).items():
        sources.append(tmp_path / name)
        sources[-1].write_text(text)
    public = ("clk", "rst", "code", "valid", "data", "corrected", "uncorrectable")
    built = build(sources=sources, toplevel="top", simulator=simulator, cache_root=cache_root(), public=public)
    stored, comes = codewords(code), given()
    words = [integer(word) if valid else None for word, valid in zip(stored, comes, strict=True)]
    (tmp_path / "request.json").write_text(json.dumps(words + [None] * code.Decoder.LATENCY))
    run(built, run_folder=tmp_path, test_module="tests.gate_bench")
    seen = json.loads((tmp_path / "observed.json").read_text())[code.Decoder.LATENCY - 1 :]
    data, corrected, uncorrectable = code.decode(stored, DATA_BITS)
    for cycle in range(CYCLES):
        if comes[cycle]:
            expected = [integer(data[cycle]), int(corrected[cycle]), int(uncorrectable[cycle])]
        else:
            expected = [expected[0] if cycle else 0, 0, 0]  # the last word stays, without its flags
        assert seen[cycle] == expected, cycle
