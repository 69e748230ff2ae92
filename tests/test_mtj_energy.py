"""Demagnetisation, anisotropy, barriers and critical currents of a junction, beside exact results and measurements."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.constants import Boltzmann, elementary_charge, hbar, mu_0
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.special import j1

from devicemodels.errors import UserError
from devicemodels.mtj import energy, fokker_planck, load_mtj
from devicemodels.mtj.demagnetisation import axial_demagnetisation, ellipsoid_demagnetisation

IKEDA = load_mtj("ikeda2010").device
MTJ = load_mtj("mram22").device
WARM = 350.0


def stability_of(mtj, function, kelvin=300.0):
    return function(mtj, temperature=kelvin) / (Boltzmann * kelvin)


@pytest.mark.parametrize("aspect", [0.02, 0.0325, 0.3, 1.0, 4.0])
def test_the_factor_of_a_cylinder_is_its_bessel_integral(aspect):
    # Two discs of charge at a distance: N_z = (2 R/h) int J_1(q)^2 (1 - exp(-q h/R))/q^2 dq, here with h/R = 2 aspect.
    def integrand(q):
        return (j1(q) / q) ** 2 * -math.expm1(-2 * aspect * q)

    ends = [1e-9, 10, 100, 1000, 4000]
    pieces = (quad(integrand, low, high, limit=1000)[0] for low, high in itertools.pairwise(ends))
    assert axial_demagnetisation(aspect) == pytest.approx(sum(pieces) / aspect, abs=1e-5)


def test_the_factor_of_a_cylinder_has_its_limits():
    assert axial_demagnetisation(1.0) == pytest.approx(0.3116, abs=1e-4)
    assert axial_demagnetisation(1e-5) == pytest.approx(1.0, abs=1e-3)
    assert axial_demagnetisation(1e3) == pytest.approx(4 / (3 * math.pi * 1e3), rel=1e-3)


lengths = st.floats(0.01, 100.0)


@given(lengths, lengths, lengths)
def test_the_factors_of_an_ellipsoid_sum_to_one_and_follow_its_axes(a, b, c):
    factors = ellipsoid_demagnetisation(a, b, c)
    assert sum(factors) == pytest.approx(1.0, abs=1e-12)
    assert ellipsoid_demagnetisation(3 * c, 3 * a, 3 * b) == pytest.approx((factors[2], factors[0], factors[1]))
    assert np.all(np.diff(np.array(factors)[np.argsort([a, b, c])]) <= 1e-12)


@pytest.mark.parametrize("ratio", [1.5, 5.0, 40.0])
def test_spheroids_have_osborns_closed_forms(ratio):
    root = math.sqrt(ratio**2 - 1)
    prolate = (ratio / root * math.log(ratio + root) - 1) / root**2
    oblate = ratio**2 / root**2 * (1 - math.asin(root / ratio) / root)
    assert ellipsoid_demagnetisation(1, 1, ratio)[2] == pytest.approx(prolate, rel=1e-10)
    assert ellipsoid_demagnetisation(ratio, ratio, 1)[2] == pytest.approx(oblate, rel=1e-10)
    assert ellipsoid_demagnetisation(2, 2, 2) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_magnetisation_stiffness_and_anisotropy_follow_their_laws():
    mtj = replace(MTJ, damaged_edge=1e-9)
    reduced = (1 - (WARM / 1100) ** 1.5) / (1 - (300 / 1100) ** 1.5)
    assert energy.magnetisation(mtj, temperature=WARM) == pytest.approx(mtj.saturation_magnetisation * reduced)
    assert energy.exchange_stiffness(mtj, temperature=WARM) == pytest.approx(mtj.exchange_stiffness * reduced**2)
    axial = axial_demagnetisation(mtj.free_layer_thickness / mtj.diameter)
    shape = mu_0 * (mtj.saturation_magnetisation * reduced) ** 2 / 2 * (axial - (1 - axial) / 2)
    interface = mtj.interface_anisotropy / mtj.free_layer_thickness * (43 / 45) ** 2 * reduced**2.2
    assert energy.anisotropy_density(mtj, temperature=WARM) == pytest.approx(interface - shape)
    narrow = replace(mtj, interface_anisotropy=0.0)
    assert energy.anisotropy_density(narrow, temperature=WARM) == pytest.approx(-shape)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"diameter": -1.0}, "diameter of mram22 is -1 m; give a finite value above zero"),
        ({"damping": 0.0}, "damping of mram22 is 0; give a finite value above zero"),
        ({"tmr_zero_bias": -0.5}, "tmr_zero_bias of mram22 is -0.5; give a finite value that is not negative"),
        ({"stray_field": math.nan}, "stray_field of mram22 is nan A/m; give a finite value"),
        ({"damaged_edge": 30e-9}, "damaged_edge of mram22 is 3e-08, but must be below 2.25e-08 m; give less"),
        ({"polarisation_decay": 1e-3}, "polarisation_decay of mram22 is 0.001, but must be below 0.0001925 K^-1.5"),
    ],
)
def test_a_fact_that_no_junction_can_have_is_refused(changes, message):
    with pytest.raises(UserError, match=re.escape(message)):
        replace(MTJ, **changes)


def test_temperatures_may_be_arrays():
    kelvins = np.array([250.0, 300.0, 400.0])
    each = [(MTJ.thermal_stability(k), MTJ.critical_current(k), MTJ.resistance(2.0, 0.1, k)) for k in kelvins]
    together = (MTJ.thermal_stability(kelvins), MTJ.critical_current(kelvins), MTJ.resistance(2.0, 0.1, kelvins))
    assert np.transpose(together) == pytest.approx(np.array(each), rel=1e-12)


@pytest.mark.parametrize(
    ("current", "pulse", "temperature", "message"),
    [
        (1.0, 1e-8, 300.0, "the write current of mram22 is 1 A, but write errors are solved up to 0.001027 A"),
        (1e-4, -1e-9, 300.0, "the write pulse of mram22 is -1e-09 s; give a finite value that is not negative"),
        (1e-4, 1e-8, 77.0, "the thermal stability of mram22 at 77 K is"),
    ],
)
def test_a_write_that_is_not_solved_is_refused_in_its_own_units(current, pulse, temperature, message):
    with pytest.raises(UserError, match=re.escape(message)):
        MTJ.write_error_rate(current, pulse, temperature)


def test_the_film_of_ikeda_has_its_published_anisotropy():
    film = replace(IKEDA, diameter=1e-4, damaged_edge=0.0)
    assert energy.anisotropy_density(film, temperature=300.0) == pytest.approx(2.1e5, rel=0.01)


def test_the_macrospin_of_that_film_would_be_three_times_too_stable():
    assert stability_of(replace(IKEDA, damaged_edge=0.0), energy.coherent_barrier) > 2.8 * 43


@pytest.mark.parametrize("edge", [1.3e-9, 1.6e-9, 2.0e-9, 2.2e-9])
def test_ikeda_has_its_measured_barrier_for_any_plausible_edge(edge):
    assert replace(IKEDA, damaged_edge=edge).thermal_stability(300.0) == pytest.approx(43, rel=0.15)


def test_ikeda_has_its_measured_barrier_and_critical_current():
    assert IKEDA.thermal_stability(300.0) == pytest.approx(43, rel=0.15)
    assert IKEDA.critical_current() == pytest.approx(49e-6, rel=0.15)


def test_the_barrier_is_flat_from_44_to_76_nm_while_the_critical_current_grows():
    # Sato et al. (2011): almost constant from 44 nm to 76 nm; the critical current rises with the area.
    sizes = [replace(IKEDA, diameter=d) for d in (44e-9, 55e-9, 76e-9)]
    assert np.ptp([m.thermal_stability(300.0) for m in sizes]) < 1e-9
    currents = [m.critical_current() for m in sizes]
    assert currents == sorted(currents)
    assert currents[2] > 1.5 * currents[0]


def test_the_barrier_of_wide_junctions_is_linear_in_thickness():
    # Sato et al. (arXiv:1208.5828), 48 to 81 nm. The anisotropy of the film is kept.
    def wide(thickness):
        scale = thickness / IKEDA.free_layer_thickness
        anisotropy = IKEDA.interface_anisotropy * scale
        device = replace(IKEDA, diameter=60e-9, free_layer_thickness=thickness, interface_anisotropy=anisotropy)
        return device.thermal_stability(300.0)

    expected = math.pi**3 / 4 * IKEDA.exchange_stiffness / (Boltzmann * 300)
    assert np.diff([wide(1.2e-9), wide(1.4e-9), wide(1.6e-9)]) == pytest.approx(0.2e-9 * expected)


@pytest.mark.parametrize("magnetisation", [1.0e6, 1.25e6])
def test_a_double_interface_of_58_kt_at_20_nm_starts_to_fall_near_30_nm(magnetisation):
    # Sato et al.: 58 at 20 nm (2013), falling from 30 nm on (2014). Only the former enters here, and A of spin waves.
    small = replace(MTJ, diameter=20e-9, free_layer_thickness=2.6e-9, saturation_magnetisation=magnetisation)

    def excess(anisotropy):
        return replace(small, interface_anisotropy=anisotropy).thermal_stability(300.0) - 58

    stack = replace(small, interface_anisotropy=brentq(excess, 0.5e-3, 4e-3))

    def beyond(diameter):
        return diameter - energy.nucleation_diameter(replace(stack, diameter=diameter), temperature=300.0)

    assert brentq(beyond, 15e-9, 60e-9) == pytest.approx(30e-9, rel=0.08)
    cells = [replace(stack, diameter=d * 1e-9) for d in (11, 15, 20, 28, 40, 56)]
    currents = np.array([m.critical_current() for m in cells])
    efficiency = np.array([m.thermal_stability(300.0) for m in cells]) / currents
    assert np.all(np.diff(currents) > 0)
    assert np.all(np.diff(efficiency) < 1e-9 * efficiency[0])


@given(st.floats(15e-9, 150e-9))
def test_the_barrier_is_the_smaller_of_rotation_and_nucleation_and_never_above_a_wall(diameter):
    mtj = replace(MTJ, diameter=diameter)
    found = energy.barrier(mtj, temperature=WARM)
    coherent = energy.coherent_barrier(mtj, temperature=WARM)
    nucleus = energy.nucleation_diameter(mtj, temperature=WARM)
    assert found <= energy.wall_barrier(mtj, temperature=WARM)
    assert found == pytest.approx(coherent * min(1.0, (nucleus / diameter) ** 2))
    stiffness = energy.exchange_stiffness(mtj, temperature=WARM)
    density = energy.anisotropy_density(mtj, temperature=WARM)
    wall = 4 * math.sqrt(stiffness * density) * diameter * mtj.free_layer_thickness
    assert energy.wall_barrier(mtj, temperature=WARM) == pytest.approx(wall)


def test_the_coherent_barrier_is_half_the_anisotropy_field_times_the_moment():
    volume = MTJ.area * MTJ.free_layer_thickness
    moment = mu_0 * energy.magnetisation(MTJ, temperature=WARM) * volume
    field = energy.anisotropy_field(MTJ, temperature=WARM)
    assert energy.coherent_barrier(MTJ, temperature=WARM) == pytest.approx(moment * field / 2)


def test_an_in_plane_layer_has_no_barrier_no_critical_current_and_no_attempt_time():
    flat = replace(MTJ, interface_anisotropy=MTJ.interface_anisotropy / 2, stray_field=1e3)
    assert flat.thermal_stability(300.0) == 0.0
    assert flat.critical_current(300.0) == 0.0
    assert energy.anisotropy_field(flat, temperature=300.0) < 0
    assert energy.nucleation_diameter(flat, temperature=300.0) == math.inf
    assert energy.state_barriers(flat, temperature=300.0) == (0.0, 0.0)
    with pytest.raises(
        UserError, match="the free layer of mram22 lies in the plane at 300 K and has no energy barrier; raise"
    ):
        energy.attempt_time(flat, temperature=300.0)


def test_critical_current_is_suns():
    polar = energy.polarisation(MTJ.tmr(0.0, WARM))
    expected = 4 * elementary_charge / hbar * MTJ.damping / polar * energy.coherent_barrier(MTJ, temperature=WARM)
    assert MTJ.critical_current(WARM) == pytest.approx(expected)
    assert replace(MTJ, tmr_zero_bias=0.0).critical_current() == math.inf


@pytest.mark.parametrize("kelvin", [300.0, 380.0])
def test_a_second_reference_layer_adds_its_torque(kelvin):
    double = load_mtj("double_mtj").device
    alone = replace(double, second_polarisation=0.0)
    ratio = 1 + double.second_polarisation / energy.polarisation(double.tmr_zero_bias)
    assert alone.critical_current(kelvin) / double.critical_current(kelvin) == pytest.approx(ratio)
    equal = replace(double, second_polarisation=energy.polarisation(double.tmr_zero_bias))
    assert equal.critical_current(kelvin) == pytest.approx(alone.critical_current(kelvin) / 2)


@pytest.mark.parametrize("field", [-0.3, 0.1, 0.6])
def test_stray_field_shifts_barriers_and_critical_currents(field):
    strength = energy.anisotropy_field(MTJ, temperature=WARM)
    mtj = replace(MTJ, stray_field=field * strength)

    def potential(z):  # of the reduced stationary density exp[Delta (z^2 + 2 h z)]
        return -(z**2) - 2 * field * z

    top = -minimize_scalar(lambda z: -potential(z), bounds=(-1, 1), method="bounded").fun
    base = energy.barrier(mtj, temperature=WARM)
    expected = (top - potential(1)) * base, (top - potential(-1)) * base
    assert energy.state_barriers(mtj, temperature=WARM) == pytest.approx(expected, rel=1e-6)
    # The slope of the drift (1 - z^2)(z + h - i) at either pole changes sign there.
    current = mtj.critical_current(WARM)
    out_of_parallel, out_of_antiparallel = energy.state_critical_currents(mtj, temperature=WARM)
    assert out_of_parallel / current == pytest.approx(1 + field)
    assert -out_of_antiparallel / current == pytest.approx(-1 + field)


def test_a_stray_field_above_the_anisotropy_field_leaves_one_state():
    mtj = replace(MTJ, stray_field=-1.2 * energy.anisotropy_field(MTJ, temperature=300.0))
    parallel, antiparallel = energy.state_barriers(mtj, temperature=300.0)
    assert parallel == 0.0 < antiparallel


def test_a_voltage_takes_the_anisotropy_away():
    mtj = load_mtj("vcma").device
    areal = energy.anisotropy_density(mtj, temperature=300.0) * mtj.free_layer_thickness
    zero = areal * mtj.barrier_thickness / mtj.voltage_anisotropy
    scale = abs(energy.anisotropy_field(mtj, temperature=300.0))
    assert energy.anisotropy_field(mtj, temperature=300.0, voltage=zero) == pytest.approx(0.0, abs=1e-9 * scale)
    assert energy.anisotropy_field(mtj, temperature=300.0, voltage=zero / 2) == pytest.approx(scale / 2)
    assert energy.anisotropy_field(mtj, temperature=300.0, voltage=-zero) == pytest.approx(2 * scale)
    assert 1.0 < zero < mtj.breakdown_voltage


@pytest.mark.parametrize("reduced_field", [0.0, 0.02, 0.1])
def test_the_spin_orbit_threshold_is_where_the_equilibrium_ends(reduced_field):
    # In the plane of field and normal the torques balance while H_SO/H_k = cos(t)(sin(t) - h) has a solution.
    mtj = load_mtj("sot").device
    field = energy.anisotropy_field(mtj, temperature=300.0)

    def unbalanced(tilt):
        return -math.cos(tilt) * (math.sin(tilt) - reduced_field)

    ends = -minimize_scalar(unbalanced, bounds=(0, math.pi / 2), method="bounded").fun
    current = energy.spin_orbit_critical_current(mtj, temperature=300.0, in_plane_field=reduced_field * field)
    density = current / (mtj.line_width * mtj.line_thickness)
    moment = mu_0 * mtj.saturation_magnetisation * mtj.free_layer_thickness
    damping_like = hbar * abs(mtj.spin_hall_angle) * density / (2 * elementary_charge * moment)
    assert damping_like / field == pytest.approx(ends, abs=0.6 * reduced_field**2 + 1e-9)


def test_the_spin_orbit_threshold_needs_a_line_and_a_field_in_range():
    with pytest.raises(UserError, match="mram22 has no heavy-metal line; give spin_hall_angle, line_width"):
        energy.spin_orbit_critical_current(MTJ, temperature=300.0)
    with pytest.raises(UserError, match=r"the in-plane field is 1e\+06 A/m, but must be from 0 to H_k/sqrt 2 ="):
        energy.spin_orbit_critical_current(load_mtj("sot").device, temperature=300.0, in_plane_field=1e6)


def mean_first_passage(stability):
    """From a pole to the barrier's top, exactly, in units of 1/(alpha gamma H_k/(1 + alpha^2))."""

    def inner(z):
        return quad(lambda u: math.exp(stability * (u * u - z * z)), z, 1, epsrel=1e-10)[0]

    return quad(lambda z: 2 * stability / (1 - z * z) * inner(z), 0, 1, epsrel=1e-8)[0]


def test_the_attempt_time_gives_the_exact_mean_dwell():
    mtj = replace(MTJ, diameter=21e-9)
    stability = mtj.thermal_stability(300.0)
    assert 15 < stability < 40
    dwell = 2 * mean_first_passage(stability) / energy.relaxation_rate(mtj, temperature=300.0)
    found = energy.attempt_time(mtj, temperature=300.0) * math.exp(stability)
    assert found == pytest.approx(dwell, rel=1.2 / stability)
    rate = mtj.damping / (1 + mtj.damping**2) * energy.GYROMAGNETIC * energy.anisotropy_field(mtj, temperature=300.0)
    assert energy.relaxation_rate(mtj, temperature=300.0) == pytest.approx(rate)


@given(st.sampled_from([IKEDA, MTJ]), st.floats(200.0, 450.0), st.floats(200.0, 450.0))
def test_heat_lowers_barrier_and_critical_current(mtj, first, second):
    cold, hot = sorted((first, second))
    assert mtj.thermal_stability(hot) <= mtj.thermal_stability(cold)
    assert mtj.critical_current(hot) <= mtj.critical_current(cold)


def test_fields_of_a_junction_may_be_arrays_of_cells():
    diameters = np.linspace(18e-9, 80e-9, 7)
    cells = replace(MTJ, diameter=diameters, interface_anisotropy=MTJ.interface_anisotropy * 1.01)
    alone = [replace(cells, diameter=d) for d in diameters]
    for name in ("thermal_stability", "critical_current"):
        assert getattr(cells, name)(WARM) == pytest.approx([getattr(m, name)(WARM) for m in alone])
    assert cells.thermal_stability(WARM).shape == (7,)
    assert isinstance(MTJ.thermal_stability(), float)


@pytest.mark.parametrize("kelvin", [0.0, -5.0, math.nan, math.inf])
def test_a_temperature_that_is_none_is_refused(kelvin):
    message = f"the temperature is {kelvin:g} K, but must be a finite number above zero; give kelvin"
    for ask in (MTJ.thermal_stability, MTJ.critical_current, lambda t: MTJ.tmr(0.0, t)):
        with pytest.raises(UserError, match=re.escape(message)):
            ask(kelvin)


@pytest.mark.parametrize(("curie", "kelvin"), [(1100.0, 1100.0), (1100.0, 2000.0), (290.0, 250.0)])
def test_a_temperature_from_the_curie_temperature_on_is_refused(curie, kelvin):
    message = f"mram22 has no energy barrier at {kelvin:g} K: its curie_temperature is {curie:g} K, but must be above"
    with pytest.raises(UserError, match=re.escape(message)):
        replace(MTJ, curie_temperature=curie).thermal_stability(kelvin)


def test_the_error_rates_of_a_junction_are_those_of_its_reduced_numbers():
    mtj = replace(MTJ, stray_field=0.05 * energy.anisotropy_field(MTJ, temperature=WARM))
    current = 2 * mtj.critical_current(WARM)
    tau = energy.relaxation_rate(mtj, temperature=WARM) * 5e-9
    for sign in (1, -1):
        expected = fokker_planck.write_error_rate(
            delta=mtj.thermal_stability(WARM), overdrive=2.0, reduced_time=tau, field=sign * 0.05
        )
        assert mtj.write_error_rate(sign * current, 5e-9, WARM) == pytest.approx(expected)
    both = mtj.write_error_rate(np.array([1, -1]) * current, 5e-9, WARM)
    assert both[0] > both[1]  # the stray field holds the parallel state
    flat = replace(MTJ, interface_anisotropy=MTJ.interface_anisotropy / 2)
    with pytest.raises(UserError, match="lies in the plane at 300 K and has no energy barrier"):
        flat.write_error_rate(current, 5e-9)


def test_hot_storage_loses_bits_and_strong_reads_flip_them():
    assert 0 <= MTJ.retention_failure(1.0, 300.0) < MTJ.retention_failure(3e7, 420.0) < 0.5
    critical = MTJ.critical_current(WARM)
    weak, strong = (MTJ.read_disturb_rate(share * critical, 2e-9, WARM) for share in (0.2, 0.5))
    assert 0 < weak < 1e-3 * strong < 1e-3
