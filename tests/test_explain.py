"""The chain of numbers: complete, sourced, and equal to the macro's."""

import pytest

from devicemodels.explain import device_rows
from devicemodels.macro import Organisation, mram_macro, sram_macro
from devicemodels.mtj import load_mtj
from devicemodels.quantities import KINDS
from devicemodels.row import Row
from devicemodels.sram import load_sram_cell
from devicemodels.technology import load_technology

LAYOUT = Organisation(words=4608, data_bits=264, check_bits=10, rows=256, mux=9)
CHOICE = {"organisation": LAYOUT, "temperature": 358.0}


def rows_of(memory) -> list[Row]:
    return device_rows(technology=load_technology("22nm"), memory=memory, **CHOICE)


def value(rows, group, name):
    (found,) = [row.value for row in rows if (row.group, row.name) == (group, name)]
    return found


@pytest.mark.parametrize("memory", [load_mtj("mram22"), load_sram_cell("22nm")])
def test_every_row_has_unit_source_and_kind(memory):
    rows = rows_of(memory)
    assert len({(row.group, row.name) for row in rows}) == len(rows)
    assert all(row.unit and row.source and row.kind in KINDS for row in rows)
    assert {row.kind for row in rows} == set(KINDS)


def test_mram_rows_end_in_the_macros_numbers():
    rows = rows_of(load_mtj("mram22"))
    found = mram_macro(technology=load_technology("22nm").device, mtj=load_mtj("mram22").device, **CHOICE)
    assert value(rows, "bank", "read cycle") == found.read_cycle
    assert value(rows, "bank", "area") == found.area
    assert value(rows, "stack", "diameter") == 45e-9
    assert value(rows, "write", "current available, P to AP") > value(rows, "write", "write current needed")


def test_sram_rows_end_in_the_macros_numbers():
    rows = rows_of(load_sram_cell("22nm"))
    found = sram_macro(technology=load_technology("22nm").device, cell=load_sram_cell("22nm").device, **CHOICE)
    assert value(rows, "bank", "read energy per word") == found.read_energy
    assert value(rows, "cell", "area") == 0.108e-12
