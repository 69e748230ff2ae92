"""The MRAM bank: every direction in which physics pushes it, and what it refuses."""

import math
import re
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devicemodels.error_correction import allowed_bit_error, secded, word_failure
from devicemodels.errors import UserError
from devicemodels.macro import Organisation, bank_sheets, mram_macro
from devicemodels.macro.current_sense import amplifier_offset, amplifier_width, error_rate
from devicemodels.macro.memory_macro import total
from devicemodels.macro.mram import mram_bank, read_cycle, read_time_parts
from devicemodels.macro.mram_cell import access_width, load_mram_cell
from devicemodels.macro.write_path import available_current, junction_voltage, transistor_current
from devicemodels.transistor import drain_current

SHEETS = bank_sheets("mram", "22nm")
NODE, MTJ, CELL, SENSE = (getattr(SHEETS, name).device for name in ("technology", "mtj", "cell", "sense"))
LAYOUT = Organisation(words=4608, data_bits=264, check_bits=10, rows=512, mux=9)


def given_bank(**changes):
    base = {"technology": NODE, "mtj": MTJ, "organisation": LAYOUT, "temperature": 300.0}
    return mram_bank(**{**base, **changes})


def macro(**changes):
    base = {"technology": NODE, "mtj": MTJ, "organisation": LAYOUT, "temperature": 300.0}
    return mram_macro(**{**base, **changes})


def cycle(**changes):
    bank = given_bank(**changes)
    return float(read_cycle(bank, read_time_parts(bank)))


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
    assert 2e-9 < found.read_cycle < 4e-9
    assert found.read_cycle >= found.read_access
    assert dict(found.area_parts)["cells"] == pytest.approx(4608 * 274 * 0.0456e-12)
    assert 0.4 < dict(found.area_parts)["cells"] / found.area < 0.75
    assert found.write_cycle > found.write_pulse == CELL.write_pulse
    assert found.bandwidth == pytest.approx(33 / found.read_cycle)


@pytest.mark.parametrize("temperature", [300.0, 358.0])
def test_half_the_tmr_takes_one_and_a_half_to_three_times_as_long_to_sense(temperature):
    full = given_bank(temperature=temperature)
    half = given_bank(temperature=temperature, mtj=with_tmr(0.5))
    assert 1.4 < sensing(half) / sensing(full) < 3
    assert cycle(temperature=temperature, mtj=with_tmr(0.5)) > 1.2 * cycle(temperature=temperature)


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
    small, large = (replace(SENSE, input_pitches=SENSE.input_pitches * f) for f in sorted((first, second)))
    assert amplifier_offset(NODE, small) >= amplifier_offset(NODE, large)
    assert amplifier_width(NODE, small) <= amplifier_width(NODE, large)
    assert given_bank(sense=small).development_time >= given_bank(sense=large).development_time


def test_the_offset_costs_the_square_of_its_area():
    # Pelgrom: half the offset takes four times the gate area.
    large = replace(SENSE, input_pitches=4 * SENSE.input_pitches)
    assert amplifier_offset(NODE, large) == pytest.approx(amplifier_offset(NODE, SENSE) / 2)
    assert dict(macro(sense=large).area_parts)["sense amplifiers"] > dict(macro().area_parts)["sense amplifiers"]


@settings(deadline=None, max_examples=20)
@given(st.floats(240.0, 420.0), st.floats(240.0, 420.0))
def test_heat_reads_slower(first, second):
    cold, hot = sorted((first, second))
    assert cycle(temperature=cold) <= cycle(temperature=hot)


def test_the_margin_is_what_the_array_and_its_code_need():
    # Without guard the signal is exactly so many sigmas of all spreads when the amplifier is enabled.
    bank = given_bank()
    bearable = allowed_bit_error(SENSE.read_loss, code=secded(264), words=4608)
    assert NormalDist().cdf(-float(bank.sigmas)) == pytest.approx(bearable, rel=1e-6)
    found = error_rate(NODE, SENSE, bank.currents, duration=bank.development_time)
    assert found == pytest.approx(bearable, rel=1e-6)
    assert macro().read_error_rate < found


def test_a_word_without_check_bits_needs_more_margin_and_time():
    plain = replace(LAYOUT, check_bits=0)
    assert given_bank(organisation=plain).sigmas > given_bank().sigmas + 1
    assert cycle(organisation=plain) > 1.1 * cycle()


def test_read_currents_follow_ohms_law():
    bank = given_bank(sense=replace(SENSE, clamp_offset=0.0))
    high = MTJ.resistance(math.pi, CELL.read_voltage) - MTJ.resistance(0.0, CELL.read_voltage)
    difference = CELL.read_voltage / bank.currents.antiparallel - CELL.read_voltage / bank.currents.parallel
    assert difference == pytest.approx(high)


def test_a_tiny_tmr_is_refused_with_the_numbers():
    # A small TMR also raises the write current, so that this cell gets voltages with which it could be written.
    strong = replace(CELL, write_overdrive=1.02, write_voltage=3.5, wordline_write_voltage=4.0, write_pulse=2e-6)
    with pytest.raises(
        UserError, match=r"the read margin is too small: .* 0\.\d\d uA, but 4\.8 sigma .* raise the TMR"
    ):
        macro(technology=replace(NODE, voltage_limit=4.0), mtj=with_tmr(0.08), cell=strong)


def test_a_margin_under_the_offset_is_refused_with_the_numbers():
    rough = replace(SENSE, input_pitches=0.01)
    with pytest.raises(UserError, match=r"under the sense amplifier's offset: the signal reaches \d+\.\d mV, but 4"):
        macro(sense=rough)


def test_a_transistor_too_small_to_write_is_refused_with_the_numbers():
    small = replace(CELL, access_fingers=1, finger_spacing=120e-9)
    message = "the access transistor is too small to write mram22: 87 nm in a cell of 0.0456 um2 carry"
    with pytest.raises(UserError, match=re.escape(message)) as error:
        macro(cell=small)
    need = 1.5e6 * MTJ.critical_current(300.0)
    assert f"uA from P to AP, against its source (slow), but 1.5 x Ic0 is {need:.1f} uA at 300 K" in str(error.value)


def test_a_transistor_that_only_its_slow_kind_fails_is_refused():
    strong = given_bank().write_path
    corner = available_current(strong, direction=1, slow=True)
    between = (corner + available_current(strong, direction=1)) / 2
    cell = replace(CELL, write_overdrive=float(between / MTJ.critical_current(300.0)))
    with pytest.raises(UserError, match=r"P to AP, against its source \(slow\), but"):
        macro(cell=cell)


def test_the_cold_corner_is_the_harder_one_for_a_write():
    # The critical current grows in the cold faster than the transistor's.
    cases = dict(given_bank(temperature=350.0).write_path.corners)
    margins = {name: available_current(p, direction=1, slow=True) / p.required for name, p in cases.items()}
    assert margins["slow, cold"] < margins["slow"] < margins["slow, hot"]


def test_a_cell_without_room_for_a_transistor_is_refused():
    with pytest.raises(UserError, match="leaves no width for an access transistor"):
        macro(cell=replace(CELL, finger_spacing=300e-9))


def test_a_cell_that_its_node_cannot_draw_is_refused_with_both_areas():
    tiny = replace(CELL, area=0.02e-12)
    smallest = NODE.smallest_mram_cell * 1e12
    with pytest.raises(UserError, match=rf"of 0\.0200 um2 cannot be drawn at 22nm: .* at least {smallest:.4f} um2"):
        macro(cell=tiny)


def test_a_wordline_above_what_the_oxide_bears_is_refused():
    with pytest.raises(UserError, match=r"is written with 1\.6 V, but the transistors of 22nm bear 1\.3 V"):
        macro(cell=replace(CELL, wordline_write_voltage=1.6))


def test_a_pulse_too_short_for_the_array_is_refused():
    with pytest.raises(
        UserError, match=r"the write window of mram22 is closed: 1\.5 x Ic0 for 5 ns, up to 3 times, leaves"
    ):
        macro(cell=replace(CELL, write_pulse=5e-9))


@settings(deadline=None, max_examples=8)
@given(st.floats(15e-9, 40e-9), st.floats(1.3, 1.6))
def test_more_attempts_widen_the_write_window(pulse, overdrive):
    once, often = (
        given_bank(cell=replace(CELL, write_pulse=pulse, write_overdrive=overdrive, write_attempts=k)) for k in (1, 3)
    )
    assert once.errors.rewrite == pytest.approx(once.errors.write)
    assert often.errors.rewrite < once.errors.rewrite
    # Some cells are worse than the mean, so that the mean of the cube is above the cube of the mean (Jensen).
    assert often.errors.rewrite > once.errors.write**3


def test_an_in_plane_layer_is_refused():
    with pytest.raises(UserError, match=r"lies in the plane at 300 K \(no energy barrier\)"):
        given_bank(mtj=replace(MTJ, interface_anisotropy=0.5e-3))


def test_a_disturbing_read_is_refused_with_the_numbers():
    with pytest.raises(UserError, match=r"reading disturbs mram22: \d+\.\d uA against an Ic0 of 51\.4 uA"):
        macro(cell=replace(CELL, read_voltage=0.3))


def test_the_lifted_source_makes_one_direction_weaker():
    path = given_bank().write_path
    towards_parallel, towards_antiparallel = (available_current(path, direction=d) for d in (0, 1))
    assert path.required < towards_antiparallel < towards_parallel


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("direction", [0, 1])
def test_the_solved_write_current_obeys_kirchhoff(direction, slow):
    path = given_bank().write_path
    current = available_current(path, direction=direction, slow=slow)
    assert transistor_current(path, current=current, direction=direction, slow=slow) == pytest.approx(current, rel=1e-6)


def test_the_degenerated_transistor_is_the_compact_model():
    path = replace(given_bank().write_path, series=0.0)
    current = available_current(path, direction=1)
    source = float(current) * MTJ.resistance(0.0)
    through = drain_current(
        NODE,
        width=access_width(NODE, CELL),
        gate_source=CELL.wordline_write_voltage - source,
        drain_source=CELL.write_voltage - source,
        temperature=300.0,
        source_body=source,
    )
    assert through == pytest.approx(current, rel=1e-6)


@given(st.floats(1e-6, 300e-6))
def test_the_antiparallel_junction_obeys_its_own_bias_dependence(current):
    voltage = float(junction_voltage(given_bank().write_path, current=current, direction=0))
    assert voltage == pytest.approx(current * MTJ.resistance(math.pi, voltage), rel=1e-6)


def test_write_energy_is_mostly_current_times_voltage_times_pulse():
    bank = given_bank()
    pulse = 274 * float(bank.write_current) * CELL.write_voltage * CELL.write_pulse
    assert pulse < macro().write_energy < 1.1 * pulse


def test_a_longer_pulse_makes_fewer_write_errors():
    long = macro(cell=replace(CELL, write_pulse=CELL.write_pulse + 10e-9))
    assert long.write_error_rate < 0.1 * macro().write_error_rate
    assert long.write_cycle == pytest.approx(macro().write_cycle + 10e-9)


def test_a_word_written_in_parts_takes_longer_and_less_current():
    whole, parts = macro(), macro(organisation=replace(LAYOUT, write_bits=64))
    assert parts.write_cycle == pytest.approx(whole.write_cycle + 4 * CELL.write_pulse)  # 274 bits are five times 64
    assert parts.write_current == pytest.approx(whole.write_current / 5)
    assert whole.write_current == pytest.approx(274 * 1.5 * MTJ.critical_current(300.0))


def test_the_largest_read_current_is_at_least_what_all_amplifiers_draw():
    bank, found = given_bank(), macro()
    assert found.read_current >= 274 * SENSE.branches * float(bank.currents.mean)


def test_two_junctions_per_bit_give_twice_the_signal_for_twice_the_area():
    pair = load_mram_cell("22nm_2t2mtj").device
    one, two = given_bank(), given_bank(cell=pair)
    assert access_width(NODE, pair) == pytest.approx(access_width(NODE, CELL))
    assert two.currents.signal == pytest.approx(2 * one.currents.signal, rel=0.01)
    assert two.development_time < one.development_time / 2
    single, double = macro(), macro(cell=pair)
    assert dict(double.area_parts)["cells"] == pytest.approx(2 * dict(single.area_parts)["cells"])
    assert double.read_access < single.read_access
    assert double.write_energy == pytest.approx(2 * single.write_energy, rel=0.1)


def test_spare_rows_take_area_and_save_arrays():
    # One subarray; with a fault per bit in 6000, five of its 4608 words have two and more: Poisson.
    faulty = replace(CELL, defects=1.7e-4)
    without, with_spares = (macro(cell=faulty, organisation=replace(LAYOUT, spare_rows=n)) for n in (0, 16))
    expected = float(word_failure(secded(264), bit_error=1.7e-4 + without.read_error_rate)) * 4608
    assert without.array_yield == pytest.approx(math.exp(-expected), rel=1e-6)
    assert without.array_yield < 0.02 < 0.99 < with_spares.array_yield
    assert with_spares.area > without.area


def test_a_large_macro_is_not_one_pile():
    tall = replace(LAYOUT, words=64 * 4608)
    path = given_bank(organisation=tall).row_path
    assert path.stacks > 1
    assert 0.4 < path.stack_height / (path.stacks * path.subarray_width) < 2.5
    assert path.distance < tall.subarrays * path.subarray_height


def test_cells_do_not_leak():
    double = macro(organisation=replace(LAYOUT, words=9216))
    assert double.leakage < 2 * macro().leakage
    assert macro(temperature=358.0).leakage > 5 * macro().leakage


@pytest.mark.parametrize("temperature", [25.0, 500.0])
def test_a_temperature_out_of_the_nodes_range_is_refused(temperature):
    with pytest.raises(UserError, match=f"the temperature is {temperature:g} K, but technology '22nm' holds from 233"):
        given_bank(temperature=temperature)


def test_no_tmr_cannot_be_written():
    with pytest.raises(UserError, match="Ic0 is inf uA"):
        macro(mtj=with_tmr(0.0))


def test_a_layer_above_its_curie_temperature_is_refused():
    with pytest.raises(UserError, match="no energy barrier"):
        given_bank(mtj=replace(MTJ, curie_temperature=290.0))


def test_a_stray_field_is_refused():
    with pytest.raises(UserError, match="mram22 has a stray field of 1000 A/m, but a bank is modelled without"):
        macro(mtj=replace(MTJ, stray_field=-1000.0))


@pytest.mark.parametrize(("kind", "node", "message"), [
    ("mram", "90nm", "no technology sheet is called '90nm'; there are"),
    ("mram", "3nm", "the node 3nm has no MRAM cell; those of 14nm, 16nm, 22nm, 28nm, 40nm, 8nm do"),
    ("dram", "22nm", "the kind of a bank is 'dram', but must be mram or sram"),
])  # fmt: skip
def test_a_node_without_such_a_bank_is_refused(kind, node, message):
    with pytest.raises(UserError, match=re.escape(message)):
        bank_sheets(kind, node)


@pytest.mark.parametrize("node", ["40nm", "28nm", "22nm", "16nm", "14nm", "8nm"])
def test_every_node_builds_its_bank_from_its_own_sheets(node):
    sheets = bank_sheets("mram", node)
    found = macro(technology=sheets.technology.device, mtj=sheets.mtj.device)
    assert dict(found.area_parts)["cells"] == pytest.approx(4608 * 274 * sheets.cell.device.area)
    assert np.isfinite(found.read_cycle)
    assert found.array_yield > 0.9
