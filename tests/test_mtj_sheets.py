"""What the shipped junctions are, beside what their sources say."""

import math

import pytest
from scipy.constants import Boltzmann, mu_0

from devicemodels.mtj import energy, load_mtj
from devicemodels.mtj.transport import junction_temperature
from devicemodels.quantities import sheet_names

NAMES = sheet_names("mtj")


def test_the_junctions_that_ship():
    assert NAMES == ["double_mtj", "ikeda2010", "lowbarrier", "mram14", "mram16", "mram22", "sot", "vcma"]


@pytest.mark.parametrize("name", NAMES)
def test_every_junction_is_a_perpendicular_memory_cell_that_survives_its_own_read(name):
    mtj = load_mtj(name).device
    assert mtj.name == name
    assert 0 < energy.barrier(mtj, temperature=300.0) <= energy.wall_barrier(mtj, temperature=300.0)
    assert 0.3 < energy.polarisation(mtj.tmr_zero_bias) < 0.8
    assert 2 * mtj.damaged_edge < mtj.diameter / 2
    assert junction_temperature(mtj, voltage=0.1) < 310
    assert mtj.breakdown_area == pytest.approx(mtj.area, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_no_junction_needs_less_current_than_a_perfect_torque(name):
    # Delta/I_c0 <= hbar eta/(4 e alpha kT) with equality for a coherent layer.
    mtj = load_mtj(name).device
    limit = 1.0546e-34 / (4 * 1.6022e-19 * Boltzmann * 300.0)
    limit *= energy.torque_efficiency(mtj, temperature=300.0) / mtj.damping
    assert mtj.thermal_stability() / mtj.critical_current() <= limit * (1 + 1e-4)


@pytest.mark.parametrize(
    ("name", "kelvin", "at_least"), [("mram22", 398.0, 55), ("mram16", 398.0, 50), ("mram14", 358.0, 55)]
)
def test_embedded_junctions_keep_their_state_when_hot(name, kelvin, at_least):
    assert load_mtj(name).device.thermal_stability(kelvin) > at_least


def test_the_22_nm_junction_is_what_its_sheet_says():
    mtj = load_mtj("mram22").device
    assert mtj.thermal_stability() == pytest.approx(100, rel=0.05)
    assert mtj.resistance(0.0) == pytest.approx(5.5e-12 / (math.pi * 22.5e-9**2))
    assert mtj.sigma_resistance == pytest.approx(0.04, rel=0.01)


def test_the_14_nm_junction_is_smaller_and_easier_to_write():
    small, large = load_mtj("mram14").device, load_mtj("mram22").device
    assert small.diameter < large.diameter
    assert small.critical_current() < 0.7 * large.critical_current()


def test_the_double_junction_needs_about_half_the_current_of_a_single_one():
    # The experiments of IBM show close to a factor of two.
    mtj = load_mtj("double_mtj").device
    single = energy.polarisation(mtj.tmr_zero_bias)
    assert energy.torque_efficiency(mtj, temperature=300.0) / single == pytest.approx(2, rel=0.1)


def test_the_spin_orbit_device_needs_less_with_an_in_plane_field():
    mtj = load_mtj("sot").device
    alone = energy.spin_orbit_critical_current(mtj, temperature=300.0)
    helped = energy.spin_orbit_critical_current(mtj, temperature=300.0, in_plane_field=0.03 / mu_0)
    assert mu_0 * energy.anisotropy_field(mtj, temperature=300.0) == pytest.approx(0.25, rel=0.01)
    assert helped / alone == pytest.approx(1 - math.sqrt(2) * 0.03 / 0.25, rel=0.01)


def test_the_voltage_controlled_device_draws_little_current():
    mtj = load_mtj("vcma").device
    assert 2.0 / mtj.resistance(0.0) < 0.25 * mtj.critical_current()


def test_the_low_barrier_device_dwells_for_milliseconds():
    mtj = load_mtj("lowbarrier").device
    dwell = energy.attempt_time(mtj, temperature=300.0) * math.exp(mtj.thermal_stability())
    assert 0.3e-3 < dwell < 10e-3
