"""The SRAM bank, from a 16-word register file to a weight bank, and organisations."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devicemodels.errors import UserError
from devicemodels.macro import (
    MemoryMacro,
    Organisation,
    sram_macro,
    sram_organisation,
    usual_organisation,
)
from devicemodels.macro.memory_macro import total
from devicemodels.sram import load_sram_cell
from devicemodels.technology import load_technology

NODE = load_technology("22nm").device
CELL = load_sram_cell("22nm").device
LAYOUT = Organisation(words=4608, data_bits=264, check_bits=10, rows=256, mux=9)


def macro(**changes) -> MemoryMacro:
    base = {"technology": NODE, "cell": CELL, "organisation": LAYOUT, "temperature": 300.0}
    return sram_macro(**{**base, **changes})


def test_parts_sum_to_totals():
    found = macro()
    assert total(found.read_time_parts) == pytest.approx(found.read_access)
    assert total(found.read_energy_parts) == pytest.approx(found.read_energy)
    assert total(found.area_parts) == pytest.approx(found.area)


@pytest.mark.parametrize("temperature", [300.0, 358.0])
def test_the_weight_bank_reads_within_a_nanosecond(temperature):
    found = macro(temperature=temperature, organisation=replace(LAYOUT, rows=128, mux=12))
    assert 0.3e-9 < found.read_access <= found.read_cycle < 1e-9
    assert dict(found.area_parts)["cells"] == pytest.approx(4608 * 274 * 0.108e-12)
    assert 0.6 < dict(found.area_parts)["cells"] / found.area < 0.85


def test_longer_bitlines_are_slower_and_cost_more_energy():
    short, long = (macro(organisation=replace(LAYOUT, rows=rows)) for rows in (128, 512))
    assert long.read_cycle > short.read_cycle
    assert long.read_energy > short.read_energy


def test_heat_is_slower_and_leaks_more():
    hot = macro(temperature=358.0)
    assert hot.read_cycle > macro().read_cycle
    assert 5 * macro().leakage < hot.leakage


def test_a_larger_offset_is_slower():
    rough = macro(cell=replace(CELL, amplifier_input_width=CELL.amplifier_input_width / 4))
    assert dict(rough.read_time_parts)["bitline swing"] > 1.5 * dict(macro().read_time_parts)["bitline swing"]


def test_an_unreadable_cell_is_refused_with_the_numbers():
    with pytest.raises(UserError, match=r"cannot be read: its current is \d+\.\d uA, but 6 sigma"):
        macro(technology=replace(NODE, matching=50e-9))


def test_three_ports_are_refused():
    with pytest.raises(UserError, match="an SRAM bank with 3 ports is not modelled; use 1"):
        macro(ports=3)


def test_a_second_port_costs_the_8t_cell_and_another_periphery():
    one, two = macro(), macro(ports=2)
    ratio = dict(two.area_parts)["cells"] / dict(one.area_parts)["cells"]
    assert ratio == pytest.approx(CELL.two_port_area_ratio)
    assert dict(two.area_parts)["sense amplifiers"] == pytest.approx(2 * dict(one.area_parts)["sense amplifiers"])


@settings(deadline=None, max_examples=40)
@given(st.integers(16, 8192), st.integers(16, 600), st.sampled_from([1, 2]))
def test_every_small_sram_can_be_built(words, bits, ports):
    organisation = sram_organisation(words=words, data_bits=bits)
    found = macro(organisation=organisation, ports=ports, temperature=358.0)
    assert organisation.rows * organisation.mux * organisation.subarrays >= words
    assert found.area > words * bits * CELL.area
    assert 0.1e-9 < found.read_cycle < 2e-9
    assert found.read_energy > 0


def test_more_words_share_one_control():
    small, large = (macro(organisation=sram_organisation(words=w, data_bits=64)) for w in (256, 2048))
    assert 4 < large.area / small.area < 8


def test_an_impossible_count_is_refused():
    with pytest.raises(UserError, match="organisation: words is 0, but must be at least 1"):
        Organisation(words=0, data_bits=8)
    with pytest.raises(UserError, match="check_bits is -1"):
        Organisation(words=8, data_bits=8, check_bits=-1)


def test_cells_count_unused_ones():
    part = Organisation(words=100, data_bits=8, rows=64, mux=1)
    assert (part.subarrays, part.cells, part.spare_cells) == (2, 1024, 32)


def test_a_word_wider_than_the_macro_is_refused_with_both_sizes():
    with pytest.raises(UserError, match="a word has 2048 data bits, but the macro holds 1024; make the word narrower"):
        usual_organisation(capacity_bits=1024, data_bits=2048)


@given(st.integers(10, 30), st.integers(3, 10), st.sampled_from(["mram", "sram"]))
def test_the_usual_organisation_holds_the_capacity_without_waste(capacity, width, kind):
    found = usual_organisation(capacity_bits=2**capacity, data_bits=2 ** min(width, capacity), kind=kind)
    assert found.cells == 2**capacity
    assert found.rows * found.mux <= 65536


def test_a_margin_under_the_offset_is_refused_with_the_numbers():
    rough = replace(CELL, amplifier_input_width=1e-10)
    with pytest.raises(UserError, match=r"6 sigma of it are \d+ mV, but the bitline falls by no more than .* 850 mV"):
        macro(cell=rough)
