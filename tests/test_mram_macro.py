"""The MRAM bank: every direction in which physics pushes it, and what it refuses."""

import math
import re
from dataclasses import replace
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devicemodels.errors import UserError
from devicemodels.macro import Organisation, mram_macro
from devicemodels.macro.current_sense import amplifier_offset, error_rate, load_current_sense
from devicemodels.macro.memory_macro import total
from devicemodels.macro.mram import read_cycle, read_time_parts
from devicemodels.macro.mram_bank import mram_bank
from devicemodels.macro.mram_cell import load_mram_cell
from devicemodels.macro.write_path import available_current
from devicemodels.mtj import load_mtj
from devicemodels.technology import load_technology
from devicemodels.transistor import drain_current

NODE = load_technology("22nm").device
MTJ = load_mtj("mram22").device
CELL = load_mram_cell("22nm").device
SENSE = load_current_sense("22nm").device
LAYOUT = Organisation(words=4608, data_bits=264, check_bits=10, rows=512, mux=9)


def given_bank(**changes):
    base = {"technology": NODE, "mtj": MTJ, "organisation": LAYOUT, "temperature": 300.0}
    return mram_bank(**{**base, **changes})


def macro(**changes):
    base = {"technology": NODE, "mtj": MTJ, "organisation": LAYOUT, "temperature": 300.0}
    return mram_macro(**{**base, **changes})


def sensing(bank):
    parts = dict(read_time_parts(bank))
    return parts["bitline settling"] + parts["sense margin"] + parts["amplifier"]


def with_tmr(factor):
    return replace(MTJ, tmr_zero_bias=MTJ.tmr_zero_bias * factor)


def test_parts_sum_to_totals():
    found = macro()
    assert total(found.read_time_parts) == pytest.approx(found.read_access)
    assert total(found.read_energy_parts) == pytest.approx(found.read_energy)
    assert total(found.area_parts) == pytest.approx(found.area)
    assert all(value > 0 for _, value in found.read_time_parts + found.read_energy_parts + found.area_parts)


def test_the_first_bank_is_of_the_right_size():
    found = macro()
    assert 2.5e-9 < found.read_cycle < 3.5e-9
    assert found.read_cycle >= found.read_access
    assert dict(found.area_parts)["cells"] == pytest.approx(4608 * 274 * 0.0456e-12)
    assert 0.4 < dict(found.area_parts)["cells"] / found.area < 0.75
    assert found.write_cycle > found.write_pulse == 20e-9
    assert found.bandwidth == pytest.approx(33 / found.read_cycle)


@pytest.mark.parametrize("temperature", [300.0, 358.0])
def test_half_the_tmr_takes_one_and_a_half_to_three_times_as_long_to_sense(temperature):
    full = given_bank(temperature=temperature)
    half = given_bank(temperature=temperature, mtj=with_tmr(0.5))
    assert 1.4 < sensing(half) / sensing(full) < 3
    assert read_cycle(half) > 1.2 * read_cycle(full)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.5, 1.5), st.floats(0.5, 1.5))
def test_less_tmr_reads_slower(first, second):
    low, high = sorted((first, second))
    assert sensing(given_bank(mtj=with_tmr(low))) >= sensing(given_bank(mtj=with_tmr(high)))


@settings(deadline=None, max_examples=20)
@given(st.floats(0.7, 1.05), st.floats(0.7, 1.05))
def test_more_resistance_reads_slower(first, second):
    low, high = sorted((first, second))
    banks = [given_bank(mtj=replace(MTJ, resistance_area=MTJ.resistance_area * f)) for f in (low, high)]
    assert sensing(banks[0]) <= sensing(banks[1])


@pytest.mark.parametrize("rows", [128, 256, 512])
def test_longer_bitlines_read_slower(rows):
    short = given_bank(organisation=replace(LAYOUT, rows=rows))
    long = given_bank(organisation=replace(LAYOUT, rows=2 * rows))
    assert sensing(long) > 1.05 * sensing(short)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.2, 2.0), st.floats(0.2, 2.0))
def test_a_smaller_input_pair_has_more_offset_and_reads_slower(first, second):
    small, large = (replace(SENSE, amplifier_input_width=0.3e-6 * f) for f in sorted((first, second)))
    assert amplifier_offset(NODE, small) >= amplifier_offset(NODE, large)
    assert given_bank(sense=small).development_time >= given_bank(sense=large).development_time


@settings(deadline=None, max_examples=20)
@given(st.floats(260.0, 390.0), st.floats(260.0, 390.0))
def test_heat_reads_slower(first, second):
    cold, hot = sorted((first, second))
    assert read_cycle(given_bank(temperature=cold)) <= read_cycle(given_bank(temperature=hot))


def test_the_margin_is_what_it_was_designed_for():
    # Without guard the signal is exactly margin_sigmas of all spreads when the amplifier is enabled.
    bank = given_bank()
    found = error_rate(NODE, SENSE, bank.currents, duration=bank.development_time)
    assert found == pytest.approx(NormalDist().cdf(-SENSE.margin_sigmas), rel=1e-6)
    assert macro().read_error_rate < found


def test_read_currents_follow_ohms_law():
    bank = given_bank(sense=replace(SENSE, clamp_offset=0.0))
    high = MTJ.resistance(math.pi, CELL.read_voltage) - MTJ.resistance(0.0, CELL.read_voltage)
    difference = CELL.read_voltage / bank.currents.antiparallel - CELL.read_voltage / bank.currents.parallel
    assert difference == pytest.approx(high)


def test_a_tiny_tmr_is_refused_with_the_numbers():
    # A small TMR also raises the write current, so that this cell gets voltages with which it could be written.
    strong = replace(CELL, write_overdrive=1.01, write_voltage=2.5, wordline_write_voltage=3.0)
    with pytest.raises(UserError, match=r"the read margin is too small: .* 0\.\d\d uA, but 5 sigma .* raise the TMR"):
        given_bank(mtj=with_tmr(0.08), cell=strong)


def test_a_margin_under_the_offset_is_refused_with_the_numbers():
    rough = replace(SENSE, amplifier_input_width=1e-9)
    with pytest.raises(UserError, match=r"under the sense amplifier's offset: the signal reaches \d+\.\d mV, but 5"):
        given_bank(sense=rough)


def test_a_transistor_too_small_to_write_is_refused_with_the_numbers():
    small = replace(CELL, access_fingers=1, finger_spacing=120e-9)
    message = "the access transistor is too small to write mram22: 87 nm in a cell of 0.0456 um2 carry"
    with pytest.raises(UserError, match=re.escape(message)) as error:
        given_bank(cell=small)
    assert "1.8 x Ic0 is 92.4 uA at 300 K" in str(error.value)


def test_a_cell_without_room_for_a_transistor_is_refused():
    with pytest.raises(UserError, match="leaves no width for an access transistor"):
        given_bank(cell=replace(CELL, finger_spacing=300e-9))


def test_an_in_plane_layer_is_refused():
    with pytest.raises(UserError, match=r"lies in the plane at 300 K \(no energy barrier\)"):
        given_bank(mtj=replace(MTJ, interface_anisotropy=0.5e-3))


def test_a_disturbing_read_is_refused_with_the_numbers():
    with pytest.raises(UserError, match=r"reading disturbs mram22: \d+\.\d uA against an Ic0 of 51\.4 uA"):
        given_bank(cell=replace(CELL, read_voltage=0.3))


def test_the_lifted_source_makes_one_direction_weaker():
    bank = given_bank()
    setting = {"technology": NODE, "mtj": MTJ, "cell": CELL, "series": bank.series_resistance, "temperature": 300.0}
    towards_parallel = available_current(**setting, degenerated=False)
    towards_antiparallel = available_current(**setting, degenerated=True)
    assert bank.write_current < towards_antiparallel < towards_parallel


def test_the_solved_write_current_obeys_kirchhoff():
    setting = {"technology": NODE, "mtj": MTJ, "cell": CELL, "series": 0.0, "temperature": 300.0}
    current = available_current(**setting, degenerated=True)
    source = current * MTJ.resistance(0.0)
    through = drain_current(
        NODE,
        width=CELL.access_width,
        gate_source=CELL.wordline_write_voltage - source,
        drain_source=CELL.write_voltage - source,
        temperature=300.0,
        source_body=source,
    )
    assert through == pytest.approx(current, rel=1e-6)


def test_write_energy_is_mostly_current_times_voltage_times_pulse():
    bank = given_bank()
    pulse = 274 * bank.write_current * CELL.write_voltage * CELL.write_pulse
    assert pulse < macro().write_energy < 1.1 * pulse


def test_a_longer_pulse_makes_fewer_write_errors():
    long = macro(cell=replace(CELL, write_pulse=25e-9))
    assert long.write_error_rate < 0.1 * macro().write_error_rate
    assert long.write_cycle == pytest.approx(macro().write_cycle + 5e-9)


def test_cells_do_not_leak():
    double = macro(organisation=replace(LAYOUT, words=9216))
    assert double.leakage < 2 * macro().leakage
    assert macro(temperature=358.0).leakage > 5 * macro().leakage


@pytest.mark.parametrize("temperature", [25.0, 500.0])
def test_a_temperature_out_of_range_is_refused(temperature):
    with pytest.raises(UserError, match=f"the temperature is {temperature:g} K, but the models hold from 200 to 450 K"):
        given_bank(temperature=temperature)


def test_no_tmr_cannot_be_written():
    with pytest.raises(UserError, match="Ic0 is inf uA"):
        given_bank(mtj=with_tmr(0.0))


def test_a_layer_above_its_curie_temperature_is_refused():
    with pytest.raises(UserError, match="no energy barrier"):
        given_bank(mtj=replace(MTJ, curie_temperature=290.0))
