"""The node sheets: what they say of density, wires and speed, each beside another way to obtain it."""

import math
from dataclasses import replace

import pytest

from devicemodels.errors import UserError
from devicemodels.quantities import sheet_names
from devicemodels.sram import load_sram_cell
from devicemodels.technology import check_temperature, load_technology
from devicemodels.transistor import effective_current

NODES = ("65nm", "40nm", "28nm", "22nm", "16nm", "14nm", "8nm", "7nm", "5nm", "3nm")
SHEETS = {name: load_technology(name).device for name in NODES}

# Million transistors per mm2, as the makers or who measured their chips give it.
TRANSISTOR_DENSITY = {"16nm": 28.9, "14nm": 32.9, "8nm": 61.2, "7nm": 91.2, "5nm": 137.6}

# um2; the smallest published 1T1MTJ cell of the node.
MRAM_CELLS = {"28nm": 0.0364, "22nm": 0.0456, "16nm": 0.033, "8nm": 0.017}


def copper_line(pitch):
    """Resistance per metre of a copper line, twice as high as wide, by Mayadas and Shatzkes (1970) and Fuchs.

    Mean free path 39 nm, grains as wide as the line reflecting 0.3, walls specular for 0.2 of what hits them; a barrier
    of 2.5 nm (pitches of 60 nm and more), 2 (34 and more) or 1.5 on either side.
    """
    barrier = 2.5e-9 if pitch >= 60e-9 else 2e-9 if pitch >= 34e-9 else 1.5e-9
    width, height = pitch / 2 - 2 * barrier, pitch - barrier
    alpha = 39e-9 / width * 0.3 / 0.7
    grains = 1 / (1 - 1.5 * alpha + 3 * alpha**2 - 3 * alpha**3 * math.log1p(1 / alpha))
    walls = 0.375 * 0.8 * (1 + width / height) * 39e-9 / width
    return 1.72e-8 * (grains + walls) / (width * height)


def test_every_node_is_there():
    assert set(sheet_names("technology")) == set(NODES)


@pytest.mark.parametrize("name", TRANSISTOR_DENSITY)
def test_four_transistors_of_a_nand2_are_as_dense_as_the_node(name):
    assert 4 / SHEETS[name].nand2_area == pytest.approx(TRANSISTOR_DENSITY[name] * 1e12, rel=0.12)


@pytest.mark.parametrize("name", NODES)
def test_a_nand2_is_three_gate_pitches_of_four_to_nine_metal_pitches(name):
    node = SHEETS[name]
    tracks = node.nand2_area / (3 * node.transistor_pitch * node.wire_pitch)
    assert 5.5 < tracks < 9.5


@pytest.mark.parametrize("name", NODES)
def test_the_fo4_delay_is_that_of_its_transistors(name):
    # C V / 2 I_eff of an inverter whose P is wider by the ratio, driving four like it.
    node = SHEETS[name]
    load = (4 * node.gate_capacitance + node.junction_capacitance) * (1 + 1 / node.pmos_ratio)
    step = load * node.supply / (2 * effective_current(node, width=1.0, temperature=300.0))
    assert 0.85 < node.fo4_delay / step < 1.15


@pytest.mark.parametrize("name", NODES)
def test_wires_have_the_resistance_of_narrow_copper(name):
    assert SHEETS[name].wire_resistance == pytest.approx(copper_line(SHEETS[name].wire_pitch), rel=0.2)


def test_a_smaller_node_is_denser_faster_and_thriftier():
    nodes = list(SHEETS.values())
    for fact in ("nand2_area", "nand2_energy", "transistor_pitch", "matching", "supply"):
        values = [getattr(node, fact) for node in nodes]
        assert values == sorted(values, reverse=True), fact
    # The 8 nm node is a low-power one, slower than the two before it.
    delays = [node.fo4_delay for node in nodes if node.name != "8nm"]
    assert delays == sorted(delays, reverse=True)


@pytest.mark.parametrize("name", NODES)
def test_the_logic_leaks_what_half_its_width_does(name):
    node = SHEETS[name]
    width = node.nand2_area / (6 * node.transistor_pitch)
    assert node.nand2_leakage == pytest.approx(width * node.off_current * node.supply, rel=0.1)


@pytest.mark.parametrize("name", NODES)
def test_a_fin_is_the_narrowest_transistor(name):
    node = SHEETS[name]
    assert node.minimum_width == (node.fin_pitch or node.minimum_width)
    assert bool(node.fin_pitch) == (node.feature_size < 20e-9)
    assert node.supply < node.voltage_limit < 1.7 * node.supply


@pytest.mark.parametrize("name", [*NODES, *(f"{name}_hd" for name in NODES)])
def test_the_transistors_of_an_sram_cell_fit_it(name):
    cell, node = load_sram_cell(name).device, SHEETS[name.removesuffix("_hd")]
    assert cell.height == pytest.approx(2 * node.transistor_pitch)
    # Side by side: both pull-downs (each in line with its pass gate) and both pull-ups, at least a fin apart.
    assert 2 * (cell.pull_down_width + cell.pull_up_width) < cell.width
    assert cell.pull_down_width >= cell.pass_gate_width >= cell.pull_up_width
    if node.fin_pitch:
        for width in (cell.pass_gate_width, cell.pull_down_width, cell.pull_up_width):
            assert width / node.fin_pitch == pytest.approx(round(width / node.fin_pitch))
    assert cell.bitline_resistance == pytest.approx(copper_line(cell.width / 4), rel=0.01)
    assert cell.wordline_resistance == pytest.approx(copper_line(cell.height / 2), rel=0.01)


@pytest.mark.parametrize("name", NODES)
def test_high_density_is_denser(name):
    assert load_sram_cell(f"{name}_hd").device.area < load_sram_cell(name).device.area


@pytest.mark.parametrize("name", MRAM_CELLS)
def test_published_mram_cells_can_be_drawn(name):
    assert 0.3 * MRAM_CELLS[name] < SHEETS[name].smallest_mram_cell * 1e12 < MRAM_CELLS[name]


@pytest.mark.parametrize(("temperature", "node"), [(25.0, "22nm"), (430.0, "22nm"), (410.0, "7nm")])
def test_a_temperature_outside_the_sheet_is_refused(temperature, node):
    low, high = SHEETS[node].lowest_temperature, SHEETS[node].highest_temperature
    message = f"the temperature is {temperature:g} K, but technology '{node}' holds from {low:g} to {high:g} K; give it"
    with pytest.raises(UserError, match=message):
        check_temperature(temperature, SHEETS[node])
    check_temperature(high, SHEETS[node])


def test_an_unknown_node_is_refused_with_those_that_exist():
    with pytest.raises(UserError, match=r"no technology sheet is called '10nm'; there are 14nm, 16nm, 22nm, "):
        load_technology("10nm")


def test_figures_that_no_transistor_has_are_refused():
    with pytest.raises(UserError, match=r"transistor '22nm n-channel' cannot have an on-current of 5000 A/m at 0.8 V"):
        _ = replace(SHEETS["22nm"], on_current=5000.0).nmos
