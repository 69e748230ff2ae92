"""The host interface: its table and what is made from it here; the hardware in the simulator (testbench.bench_host)."""

import dataclasses
import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtl.export.registers import as_json, c_header, markdown
from rtl.export.verilog import component_sources
from rtl.host.interface import HostInterface
from rtl.host.packets import LoadTarget, PacketError, Target, packet, stream_bytes, unpack
from rtl.host.registers import ADDRESS_BITS, REGISTERS, Access, all_fields
from rtl.memory.macros import model_sources
from sim.cache import cache_root
from testbench.bench_host import PUBLIC
from testbench.runner import build, run

DOCS = Path(__file__).parent.parent / "docs"

TARGETS = (
    LoadTarget(target=Target.WEIGHTS, banks=3, words=40, bits=264),
    LoadTarget(target=Target.CONSTANTS, banks=1, words=20, bits=128),
    LoadTarget(target=Target.PROGRAM, banks=1, words=17, bits=176),
    LoadTarget(target=Target.PROMPT, banks=1, words=24, bits=16),
)
CONTEXT, LANES = 24, 3
COLUMNS = {"verilator": 4, "icarus": 1}
no_icarus = pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")


def test_registers_and_fields_have_places_of_their_own():
    offsets = [register.offset for register in REGISTERS]
    assert offsets == sorted(set(offsets)) and all(offset % 4 == 0 for offset in offsets)
    assert offsets[-1] < 1 << ADDRESS_BITS
    for register in REGISTERS:
        ends = [(field.low, field.low + field.bits) for field in register.fields]
        assert all(first[1] <= second[0] for first, second in pairwise(sorted(ends)))
        assert 0 <= min(low for low, _ in ends) and max(high for _, high in ends) <= 32
    names = [field.name for field in all_fields()]
    assert len(names) == len(set(names))


def test_only_settings_are_locked():
    locked = {register.name for register in REGISTERS if register.locked}
    assert locked == {
        "PROMPT_LENGTH", "TOTAL_LENGTH", "VOCABULARY", "EPSILON", "FIRST_POSITION", "DRAFTS", "COLUMNS",
    }  # fmt: skip
    assert all(register.writable for register in REGISTERS if register.locked)


def test_the_documented_map_is_that_of_the_table():
    assert (DOCS / "registers.md").read_text() == markdown(), "make it again: python -m rtl.export.registers docs"


def test_the_c_header_compiles_and_says_what_the_json_says(tmp_path):
    described = json.loads(as_json())
    (tmp_path / "spinstream_registers.h").write_text(c_header())
    checks = [f'_Static_assert(SPINSTREAM_{r["name"]} == {r["offset"]}, "");' for r in described["registers"]]
    packed = {"name": "PACKET", "fields": [{"name": n, **at} for n, at in described["packet"]["header"].items()]}
    for register in (*described["registers"], packed):
        for field in register["fields"]:
            name = f"SPINSTREAM_{register['name']}_{field['name'].upper()}"
            mask = sum(1 << bit for bit in range(field["low"], field["low"] + field["bits"]))
            checks.append(f'_Static_assert({name}_SHIFT == {field["low"]} && {name}_MASK == {mask}u, "");')
    source = tmp_path / "check.c"
    source.write_text('#include "spinstream_registers.h"\n' + "\n".join(checks).replace("u,", "ull,") + "\n")
    compile_it = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", str(source)]
    done = subprocess.run(compile_it, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@given(data=st.data())
def test_a_packet_unpacks_to_its_words(data):
    memory = data.draw(st.sampled_from(TARGETS))
    address = data.draw(st.integers(0, memory.words - 1))
    words = data.draw(
        st.lists(st.integers(0, (1 << memory.bits) - 1), min_size=1, max_size=min(5, memory.words - address))
    )
    bank = data.draw(st.integers(0, memory.banks - 1))
    beats = packet(memory, words, bank=bank, address=address)
    writes, error = unpack(beats, TARGETS)
    assert error is PacketError.NONE
    assert [write.word for write in writes] == words
    assert [write.address for write in writes] == list(range(address, address + len(words)))
    assert {(write.target, write.bank) for write in writes} == {(memory.target, bank)}
    assert len(stream_bytes(beats)) == 8 * (1 + len(words) * -(-memory.bits // 64))
    if len(words) > 1:
        assert unpack(beats[:-1], TARGETS) == (writes[:-1], PacketError.EARLY)
    assert unpack([*beats, 0], TARGETS) == (writes, PacketError.LATE)


def test_a_header_beat_is_laid_out_as_documented():
    (head, _) = packet(TARGETS[3], [0x1234], address=5)
    assert head == 4 | 0 << 8 | 5 << 24 | 1 << 44
    weights = packet(TARGETS[0], [1 << 263], bank=2, address=39)
    assert weights == [1 | 2 << 8 | 39 << 24 | 1 << 44, 0, 0, 0, 0, 1 << 7]


def test_a_word_too_wide_for_its_memory_is_refused():
    with pytest.raises(ValueError, match="a word of PROMPT has 16 bits, but 0x10000 has more"):
        packet(TARGETS[3], [1 << 16])


def test_commands_read_as_zero_and_events_have_enables():
    by_name = {register.name: register for register in REGISTERS}
    assert {field.access for field in by_name["CONTROL"].fields} == {Access.COMMAND}
    events = [(f.name, f.low) for f in by_name["INTERRUPT_STATUS"].fields]
    assert [(f"{name}_enable", low) for name, low in events] == [
        (f.name, f.low) for f in by_name["INTERRUPT_ENABLE"].fields
    ]


@pytest.fixture(scope="module", params=["verilator", pytest.param("icarus", marks=no_icarus)])
def simulator(request, tmp_path_factory):
    """The interface alone, built."""
    folder = tmp_path_factory.mktemp("sources")
    columns = COLUMNS[request.param]
    interface = HostInterface(context=CONTEXT, lanes=LANES, columns=columns, targets=TARGETS)
    texts = {**component_sources(interface, "host"), "sram.sv": model_sources()["sram.sv"]}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return build(
        sources=[folder / name for name in texts], toplevel="host", simulator=request.param,
        cache_root=cache_root() / "simulators", clock=None, public=PUBLIC,
    )  # fmt: skip


@pytest.mark.parametrize(("seed", "stalls"), [(1, 0.0), (2, 0.5), pytest.param(3, 0.9, marks=pytest.mark.slow)])
def test_the_hardware(simulator, seed, stalls, tmp_path):
    targets = [dataclasses.asdict(target) for target in TARGETS]
    columns = COLUMNS[simulator.options.simulator]
    request = {"context": CONTEXT, "lanes": LANES, "columns": columns, "targets": targets}
    request |= {"seed": seed, "stalls": stalls}
    (tmp_path / "request.json").write_text(json.dumps(request))
    run(simulator, run_folder=tmp_path, test_module="testbench.bench_host", timeout=600)
