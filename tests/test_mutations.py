"""Planted hardware faults: each one makes the smallest bench that ought to notice it fail.

A fault is a text of a gateware file and what stands there instead. The packages are copied, the fault is planted in the
copy, and the bench runs there; the benches have passed in the unhurt copy before.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COPIED = ("rtl", "testbench", "tests")
LINKED = ("sim", "devicemodels", "docs", "pyproject.toml")
FAILED = 1
"""Exit status of pytest when a test failed; others say that it could not run."""

ARITHMETIC = "tests/test_arithmetic.py::test_{}_equals_golden".format
DOT = "tests/test_formats.py::test_dot_product_equals_exact_sums[accurate]"
LANE = "tests/test_formats.py::test_lanes_multiply_every_key_code[accurate]"
EMBEDDING = "tests/test_units.py::test_embedding"
QUEUE = "tests/test_formal_sequencer.py"
STEPS = "tests/test_units.py::test_a_few_random_programs"
COUNTS = "tests/test_formal_host.py::test_the_token_queue_loses_none"
ORDER = "tests/test_formal_host.py::test_the_token_queue_keeps_their_order"
REGISTERS = "tests/test_formal_host.py::test_register_port"
LOADER = "tests/test_formal_host.py::test_loader"
SECDED = "tests/test_secded.py::test_gateware_equals_golden"
DECODERS = "tests/test_bch.py::test_decoder_equals_golden"
GATE = "tests/test_clock_gate.py::test_a_decoder_whose_clock_stops_equals_golden[secded-verilator]"
VECTOR = "tests/test_units.py::test_vector_steps"


@dataclass(frozen=True)
class Fault:
    """`text`, which a file holds once or more, becomes `instead` where it stands first; `bench` notices."""

    file: str
    text: str
    instead: str
    bench: str


FAULTS = (
    Fault("rtl/arithmetic/dot.py", "Mux(first[3], 0, self.sum)", "self.sum", DOT),
    Fault("rtl/arithmetic/dot.py", "(s.as_signed() if f.signed_scales else s)", "s.as_signed()", DOT),
    Fault("rtl/arithmetic/dot.py", "m.d.sync += late.eq(early)", "m.d.comb += late.eq(early)", DOT),
    Fault("rtl/tile/lane.py", "part ^ (1 << (f.weight_bits - 1))", "part", LANE),
    Fault("rtl/tile/lane.py", "Mux(self.from_kv, f.kv_offset, minima)", "minima", LANE),
    Fault("rtl/tile/queue.py", "ready.eq(self.other_done >= current.after)", "ready.eq(1)", STEPS),
    Fault("rtl/tile/queue.py", "waited.eq(0), self", "self", STEPS),
    Fault("rtl/tile/queue.py", "(coming != following.lag)", "(coming == following.lag)", STEPS),
    Fault("rtl/tile/queue.py", "Mux(self.restart, 0, counter + advance)", "(counter + advance)", STEPS),
    Fault(
        "rtl/tile/sequencer.py", "self.position + 1 >= self.prompt_length", "self.position >= self.prompt_length", STEPS
    ),
    Fault("rtl/tile/sequencer.py", "queue.last & (left != 0)", "queue.last & (left > 1)", STEPS),
    Fault("rtl/tile/queue.py", "(lagged >= current.lag)", "1", STEPS),
    Fault("rtl/tile/queue.py", "self.fetching.eq(0)", "self.fetching.eq(self.done[0])", QUEUE),
    Fault("rtl/tile/vector_unit.py", "crossed if odd else -crossed", "crossed", VECTOR),
    Fault(
        "rtl/tile/vector_unit.py",
        "saturate_value(kept + addend, VECTOR_BITS)",
        "saturate_value(kept - addend, VECTOR_BITS)",
        VECTOR,
    ),
    Fault(
        "rtl/tile/vector_unit.py",
        "mode == Constant.BROADCAST, own, self.constant[i]",
        "mode == Constant.BROADCAST, self.constant[i], own",
        VECTOR,
    ),
    Fault(
        "rtl/arithmetic/requantise.py",
        "narrow * self.factor",
        "narrow + self.factor",
        ARITHMETIC("requantiser"),
    ),
    Fault(
        "rtl/arithmetic/integers.py",
        "((doubled >> shift) + 1) >> 1",
        "(doubled >> shift) >> 1",
        ARITHMETIC("requantiser"),
    ),
    Fault("rtl/arithmetic/scale.py", "Mux(empty, 8, 0)", "0", ARITHMETIC("normaliser")),
    Fault("rtl/arithmetic/scale.py", "fits = doubled >= before", "fits = doubled > before", ARITHMETIC("normaliser")),
    Fault("rtl/arithmetic/root.py", "fits = taken >= trial", "fits = taken > trial", ARITHMETIC("root_gateware")),
    Fault("rtl/arithmetic/exponential.py", "self.masked | (power", "(power", ARITHMETIC("exponential_gateware")),
    Fault(
        "rtl/arithmetic/exponential.py",
        "-(below >> SCORE_FRACTION_BITS)",
        "-below >> SCORE_FRACTION_BITS",
        ARITHMETIC("exponential_gateware"),
    ),
    Fault(
        "rtl/arithmetic/silu.py", "Mux(x[1] < 0, (1 << SIGMOID_BITS) - half, half)", "half", ARITHMETIC("silu_gateware")
    ),
    Fault("rtl/memory/correction.py", "word[: len(upper)] ^ upper", "word[: len(upper)] | upper", SECDED),
    Fault("rtl/memory/correction.py", "valid.eq(arrived)", "valid.eq(self.valid)", DECODERS),
    Fault("rtl/memory/correction.py", "wanted | error", "wanted", DECODERS),
    Fault("rtl/memory/clock_gate.sv", "clk && open", "clk && enable", GATE),
    Fault("rtl/tile/embedding.py", "* scale + minimum", "* scale - minimum", EMBEDDING),
    Fault("rtl/tile/embedding.py", "self.beat >> exact_log2(self.config.beats)", "self.beat[:1]", EMBEDDING),
    Fault("rtl/host/token_queue.py", "self.write & ~full", "self.write", COUNTS),
    Fault("rtl/host/token_queue.py", "(~self.m_axis_tvalid | self.m_axis_tready)", "1", ORDER),
    Fault("rtl/host/loader.py", "free = ~self.load_valid | self.load_ready", "free = 1", LOADER),
    Fault(
        "rtl/host/register_port.py",
        'has_address & has_data & ~self._axi("bvalid")',
        "has_address & has_data",
        REGISTERS,
    ),
    Fault("rtl/host/register_port.py", 'self._axi("arready").eq(~waits)', 'self._axi("arready").eq(1)', REGISTERS),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The packages; what holds no gateware is linked."""
    folder = tmp_path_factory.mktemp("mutations")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "golden"))
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    return folder


def status(folder, benches):
    """Exit status of pytest in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *benches]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout[-2000:] + result.stderr[-2000:]


@pytest.fixture(scope="module")
def passing(copy):
    """The copy, in which all benches pass."""
    code, output = status(copy, sorted({fault.bench for fault in FAULTS}))
    assert code == 0, f"the benches fail without a fault:\n{output}"
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{Path(fault.file).stem}: {fault.text}")
def test_a_planted_fault_is_noticed(fault, passing):
    file = passing / fault.file
    whole = file.read_text()
    assert fault.text in whole, f"{fault.file} no longer holds {fault.text!r}: plant this fault elsewhere"
    try:
        file.write_text(whole.replace(fault.text, fault.instead, 1))
        code, output = status(passing, [fault.bench])
    finally:
        file.write_text(whole)
    assert code == FAILED, f"{fault.bench} does not notice, or does not run:\n{output}"


def test_faults_are_many_and_spread():
    assert len(FAULTS) >= 20
    assert {Path(fault.file).stem for fault in FAULTS} >= {
        *("dot", "lane", "queue", "sequencer", "requantise", "scale", "root", "exponential", "silu"),
        *("correction", "embedding", "token_queue", "loader", "register_port"),
    }
