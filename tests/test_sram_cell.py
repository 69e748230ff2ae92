"""The 6T cell of a node: read current, spread, leakage, and margins in its own transistors."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from devicemodels.quantities import sheet_names
from devicemodels.sram import load_sram_cell
from devicemodels.sram.bitcell import draw_mismatch
from devicemodels.sram.butterfly import hold_margin, read_margin
from devicemodels.sram.cell import cell_circuit, leakage_current, read_current, read_current_sigma
from devicemodels.sram.n_curve import n_curve
from devicemodels.sram.rare_failure import array_yield
from devicemodels.sram.read_port import ReadPort, port_read_current
from devicemodels.sram.standby import retention_voltage, standby_current
from devicemodels.sram.yields import failure_probability, lowest_supply
from devicemodels.statistics import normal_tail
from devicemodels.technology import load_technology
from devicemodels.transistor import drain_current, off_current

NODE = load_technology("22nm").device
CELL = load_sram_cell("22nm").device
CELLS = sheet_names("sram")
HIGH_DENSITY = load_sram_cell("7nm_hd").device


def node_of(name):
    return load_technology(name.removesuffix("_hd")).device


def alone(width, node=NODE):
    supply = node.supply
    return drain_current(node, width=width, gate_source=supply, drain_source=supply, temperature=300.0)


# Read current and leakage.


@pytest.mark.parametrize("name", CELLS)
def test_the_read_current_goes_through_both_transistors(name):
    node, cell = node_of(name), load_sram_cell(name).device
    found, supply = read_current(node, cell, temperature=300.0), node.supply
    assert 0.3 * alone(cell.pass_gate_width, node) < found < alone(cell.pass_gate_width, node)
    through = lambda v: drain_current(  # noqa: E731
        node, width=cell.pull_down_width, gate_source=supply, drain_source=v, temperature=300.0
    )
    node_voltage = brentq(lambda v: through(v) - found, 0, supply)
    above = {"gate_source": supply - node_voltage, "drain_source": supply - node_voltage, "source_body": node_voltage}
    passed = drain_current(node, width=cell.pass_gate_width, temperature=300.0, **above)
    assert passed == pytest.approx(found, rel=1e-4)


def test_a_huge_pull_down_leaves_the_pass_gate_alone():
    wide = replace(CELL, pull_down_width=1e-3)
    assert read_current(NODE, wide, temperature=300.0) == pytest.approx(alone(CELL.pass_gate_width), rel=1e-3)


def test_read_current_falls_with_temperature_and_with_the_supply():
    here = read_current(NODE, CELL, temperature=300.0)
    assert read_current(NODE, CELL, temperature=358.0) < here
    assert read_current(replace(NODE, supply=0.8), CELL, temperature=300.0) < here


def test_many_cells_are_read_at_once():
    widths, heat = np.array([60e-9, 70e-9, 80e-9]), np.array([300.0, 330.0, 358.0])
    together = read_current(NODE, replace(CELL, pass_gate_width=widths), temperature=heat)
    for k in range(3):
        alone_ = read_current(NODE, replace(CELL, pass_gate_width=widths[k]), temperature=heat[k])
        assert together[k] == pytest.approx(alone_, rel=1e-5)


def test_spread_is_that_of_drawn_cells():
    shifts = draw_mismatch(cell_circuit(NODE, CELL), samples=4000, generator=np.random.default_rng(3))
    down, access = shifts[:, 0], shifts[:, 1]
    drawn = read_current(NODE, CELL, temperature=300.0, pass_gate_shift=access, pull_down_shift=down)
    found = read_current_sigma(NODE, CELL, temperature=300.0)
    assert found == pytest.approx(drawn.std() / drawn.mean(), rel=0.05)
    wider = replace(CELL, pass_gate_width=4 * CELL.pass_gate_width, pull_down_width=4 * CELL.pull_down_width)
    assert read_current_sigma(NODE, wider, temperature=300.0) == pytest.approx(found / 2, rel=1e-3)


@pytest.mark.parametrize("name", CELLS)
def test_leakage_is_that_of_three_transistors_that_are_off(name):
    node, cell = node_of(name), load_sram_cell(name).device
    width = cell.pull_down_width + cell.pass_gate_width + cell.pull_up_width
    found = leakage_current(node, cell, temperature=358.0)
    assert found == pytest.approx(off_current(node, width=width, temperature=358.0))
    # As a circuit, pull-up and node voltages solved, it is the same.
    circuit = standby_current(cell_circuit(node, cell), supply=node.supply, temperature=358.0)[0]
    assert circuit == pytest.approx(found, rel=0.05)


def test_a_megabit_at_3_nm_leaks_as_published():
    # NS-Cache's README gives 49.8 uW/Mb for a 3 nm macro, periphery included; not fitted.
    node, cell = load_technology("3nm").device, load_sram_cell("3nm").device
    cells = 2**20 * leakage_current(node, cell, temperature=298.15) * node.supply
    assert 0.5 < cells / 49.8e-6 < 1.5


# Margins at every node.


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_holds_reads_and_writes_at_its_supply(name):
    node, circuit = node_of(name), cell_circuit(node_of(name), load_sram_cell(name).device)
    given = {"supply": node.supply, "temperature": 300.0}
    hold, read = hold_margin(circuit, **given)[0], read_margin(circuit, **given)[0]
    # Half of the supply would be an ideal inverter's; a read costs about half of what is left.
    assert 0.3 * node.supply < hold < 0.5 * node.supply
    assert 0.1 * node.supply < read < 0.7 * hold
    curve = n_curve(circuit, **given)
    assert curve.read_bump[0] > 0 and curve.voltage_margin[0] > read
    assert curve.read_current[0] == pytest.approx(
        read_current(node, load_sram_cell(name).device, temperature=300.0), rel=0.05
    )


@pytest.mark.parametrize("name", ["7nm_hd", "7nm", "3nm_hd"])
def test_hot_or_at_a_lower_supply_a_cell_of_fins_has_less_margin(name):
    node, circuit = node_of(name), cell_circuit(node_of(name), load_sram_cell(name).device)
    for margin in (hold_margin, read_margin):
        here = margin(circuit, supply=node.supply, temperature=300.0)
        assert margin(circuit, supply=node.supply - 0.1, temperature=300.0) < here
        assert margin(circuit, supply=node.supply, temperature=358.0) < here


def test_an_8t_cell_of_fins_reads_as_its_two_transistors():
    node, cell = load_technology("7nm").device, load_sram_cell("7nm").device
    port = ReadPort(nmos=node.nmos, select_width=cell.pass_gate_width, drive_width=cell.pull_down_width)
    found = port_read_current(port, supply=node.supply, temperature=300.0)[0]
    assert found == pytest.approx(read_current(node, cell, temperature=300.0), rel=1e-3)


def test_a_retention_voltage_lies_above_the_thermal_limit():
    # Two inverters hold a bit above 2 ln 2 thermal voltages times the slope factor at best (Swanson and Meindl 1972).
    node = load_technology("7nm").device
    lowest = retention_voltage(cell_circuit(node, load_sram_cell("7nm").device), temperature=300.0)[0]
    assert 2 * math.log(2) * 0.02585 < lowest < 0.15


@pytest.mark.slow
def test_a_megabit_of_six_sigma_cells_yields_down_to_its_lowest_supply():
    node, circuit = load_technology("7nm").device, cell_circuit(load_technology("7nm").device, HIGH_DENSITY)
    limit, given = normal_tail(6.0), {"temperature": 300.0, "samples": 500}
    found = lowest_supply(circuit, failure_limit=limit, span=(0.45, node.supply), **given)
    assert 0.46 < found.supply < node.supply - 0.01
    assert array_yield(sum(p.estimate for p in found.probabilities.values()), bits=2**20) > 0.995
    below = failure_probability(circuit, found.limiting_mode, supply=found.supply - 0.02, **given)
    assert below.estimate > limit
