"""Anisotropy, energy barrier and critical currents of a free layer.

Fields of the `Mtj` may be arrays of cells, made with `dataclasses.replace`, and so may temperatures; all broadcast
together, and the results then are arrays too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.constants import Boltzmann, elementary_charge, hbar, mu_0

from devicemodels.checks import require_finite
from devicemodels.errors import UserError
from devicemodels.mtj.demagnetisation import axial_demagnetisation
from devicemodels.quantities import Ampere, AmperePerMetre, Joule, Kelvin, Metre, Ratio, Second, Volt

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj

GYROMAGNETIC = 2.211e5
"""gamma_0 = mu_0 gamma in m/(A s), for g = 2."""

SHEET_TEMPERATURE = 300.0
"""Kelvin; what a sheet says holds there."""


def check_temperature(mtj: Mtj, temperature: Kelvin) -> None:
    """Refuse a temperature at which the free layer is no magnet.

    Raises
    ------
    UserError
        If the temperature is not a finite number above zero, or if the Curie temperature is not above both it and
        the 300 K of the sheet.
    """
    for kelvin in np.ravel(temperature):
        if not (math.isfinite(kelvin) and kelvin > 0):
            raise UserError(f"the temperature is {kelvin:g} K, but must be a finite number above zero; give kelvin")
    hottest = np.max(temperature, initial=0.0)
    if mtj.curie_temperature <= max(hottest, SHEET_TEMPERATURE):
        raise UserError(
            f"{mtj.name} has no energy barrier at {hottest:g} K: its curie_temperature is "
            f"{mtj.curie_temperature:g} K, but must be above that and above the {SHEET_TEMPERATURE:g} K of its sheet"
        )


def check_perpendicular(mtj: Mtj, temperature: Kelvin) -> None:
    """Refuse a free layer without perpendicular anisotropy: it has no two states (raises `UserError`)."""
    if np.any(anisotropy_density(mtj, temperature=temperature) <= 0):
        raise UserError(
            f"the free layer of {mtj.name} lies in the plane at {np.max(temperature):g} K and has no energy barrier; "
            "raise interface_anisotropy, or lower free_layer_thickness, damaged_edge or the temperature"
        )


def reduced_magnetisation(mtj: Mtj, *, temperature: Kelvin) -> Ratio:
    """M_s(T)/M_s(300 K), with M_s proportional to 1 - (T/T_c)^b."""
    check_temperature(mtj, temperature)
    hot, sheet = (
        1 - (kelvin / mtj.curie_temperature) ** mtj.magnetisation_exponent
        for kelvin in (np.asarray(temperature)[()], SHEET_TEMPERATURE)
    )
    return hot / sheet


def magnetisation(mtj: Mtj, *, temperature: Kelvin) -> AmperePerMetre:
    """Saturation magnetisation M_s(T)."""
    return mtj.saturation_magnetisation * reduced_magnetisation(mtj, temperature=temperature)


def exchange_stiffness(mtj: Mtj, *, temperature: Kelvin) -> float:
    """Exchange stiffness in J/m, which in mean field goes as the square of M_s(T)."""
    return mtj.exchange_stiffness * reduced_magnetisation(mtj, temperature=temperature) ** 2


def anisotropy_density(mtj: Mtj, *, temperature: Kelvin, voltage: Volt = 0.0) -> float:
    """Effective perpendicular anisotropy K_eff in J/m^3: interface term less shape term.

    The interface term is (K_i - xi V/t_ox)/t, times (M_s(T)/M_s)^n, times the share (1 - 2 w/d)^2 of the area that a
    damaged ring of width w leaves; the shape term is mu_0 M_s^2 (N_z - N_x)/2 of a cylinder. A thin margin between
    the two falls faster with temperature than either.
    """
    require_finite("the voltage", voltage, "V")
    reduced = reduced_magnetisation(mtj, temperature=temperature)
    axial = axial_demagnetisation(mtj.free_layer_thickness / mtj.diameter)
    shape = mu_0 * (mtj.saturation_magnetisation * reduced) ** 2 * (3 * axial - 1) / 4
    intact = np.maximum(1 - 2 * mtj.damaged_edge / mtj.diameter, 0.0) ** 2
    interface = mtj.interface_anisotropy - mtj.voltage_anisotropy * voltage / mtj.barrier_thickness
    return intact * interface / mtj.free_layer_thickness * reduced**mtj.anisotropy_exponent - shape


def anisotropy_field(mtj: Mtj, *, temperature: Kelvin, voltage: Volt = 0.0) -> AmperePerMetre:
    """H_k,eff = 2 K_eff / (mu_0 M_s); negative if the layer prefers to lie in the plane."""
    density = anisotropy_density(mtj, temperature=temperature, voltage=voltage)
    return 2 * density / (mu_0 * magnetisation(mtj, temperature=temperature))


def coherent_barrier(mtj: Mtj, *, temperature: Kelvin, voltage: Volt = 0.0) -> Joule:
    """Barrier of the macrospin, K_eff V; negative if the layer prefers to lie in the plane."""
    density = anisotropy_density(mtj, temperature=temperature, voltage=voltage)
    return density * mtj.area * mtj.free_layer_thickness


def nucleation_diameter(mtj: Mtj, *, temperature: Kelvin) -> Metre:
    """Width of a domain wall, pi sqrt(A/K_eff): a wider layer reverses from a nucleus of this diameter (Sato 2011).

    Infinite without perpendicular anisotropy.
    """
    density = anisotropy_density(mtj, temperature=temperature)
    stiffness = exchange_stiffness(mtj, temperature=temperature)
    positive = np.maximum(density, 0.0)
    return np.divide(np.pi * np.sqrt(stiffness), np.sqrt(positive), out=_infinite(positive), where=positive > 0)[()]


def nucleation_barrier(mtj: Mtj, *, temperature: Kelvin) -> Joule:
    """Barrier of a nucleus as wide as a domain wall, K_eff t pi d_n^2/4 = (pi^3/4) A t.

    The anisotropy cancels: the barrier depends on neither diameter nor anisotropy and is linear in the thickness, as
    Sato et al. (2011, arXiv:1208.5828) measured above 44 nm.
    """
    return np.pi**3 / 4 * exchange_stiffness(mtj, temperature=temperature) * mtj.free_layer_thickness


def wall_barrier(mtj: Mtj, *, temperature: Kelvin) -> Joule:
    """Energy of a straight domain wall across the diameter, 4 sqrt(A K_eff) d t.

    It is never below the smaller of the coherent and the nucleation barrier. It bounds from above what a layer wider
    than the nucleus can show where nothing drives the nucleus outwards: retention of chips does grow with the
    diameter (Thomas 2015) where the barrier found with currents or fields does not.
    """
    density = np.maximum(anisotropy_density(mtj, temperature=temperature), 0.0)
    stiffness = exchange_stiffness(mtj, temperature=temperature)
    return 4 * np.sqrt(stiffness * density) * mtj.diameter * mtj.free_layer_thickness


def barrier(mtj: Mtj, *, temperature: Kelvin) -> Joule:
    """Barrier against reversal: the smaller of coherent rotation and nucleation.

    The two meet where the diameter is that of the nucleus. An in-plane layer has no barrier: the result is zero.
    """
    coherent = coherent_barrier(mtj, temperature=temperature)
    return np.clip(coherent, 0.0, nucleation_barrier(mtj, temperature=temperature))


def reduced_stray_field(mtj: Mtj, *, temperature: Kelvin) -> Ratio:
    """h = H_s/H_k, positive where the stray field favours the parallel state; zero for a layer in the plane."""
    field = anisotropy_field(mtj, temperature=temperature)
    positive = np.maximum(field, 0.0)
    return np.divide(mtj.stray_field, positive, out=np.zeros_like(positive), where=positive > 0)[()]


def state_barriers(mtj: Mtj, *, temperature: Kelvin) -> tuple[Joule, Joule]:
    """Barriers out of the parallel and of the antiparallel state, E_b (1 + h)^2 and E_b (1 - h)^2.

    Zero for a state that the stray field has made unstable.
    """
    energy = barrier(mtj, temperature=temperature)
    field = reduced_stray_field(mtj, temperature=temperature)
    return energy * np.maximum(1 + field, 0.0) ** 2, energy * np.maximum(1 - field, 0.0) ** 2


def polarisation(tmr: Ratio) -> Ratio:
    """Spin polarisation of both electrodes from Julliere (1975): TMR = 2 P^2 / (1 - P^2)."""
    return np.sqrt(tmr / (2 + tmr))


def torque_efficiency(mtj: Mtj, *, temperature: Kelvin) -> Ratio:
    """Spin-transfer efficiency eta: P, plus that of an antiparallel second reference layer if there is one.

    The free layer is parallel to one reference and antiparallel to the other, so that their torques add: twice P for
    equal layers, which is what double junctions show. The full angular dependence would promise up to ten times as
    much for P near one (Worledge 2017). The second polarisation falls with temperature as the first.
    """
    first = polarisation(mtj.tmr(0.0, temperature))
    if not np.any(mtj.second_polarisation):
        return first
    return first + mtj.second_polarisation * first / polarisation(mtj.tmr_zero_bias)


def critical_current(mtj: Mtj, *, temperature: Kelvin) -> Ampere:
    """I_c0 = (4 e / hbar) (alpha / eta) K_eff V, the threshold of switching at zero temperature (Sun 2000).

    The energy is that of the *coherent* layer, also where reversal nucleates: the current is spread over the whole
    area and the threshold is one of its density, so I_c0 grows with the diameter while the barrier does not, as
    Sato et al. (2011) measured. Without a stray field it holds in both directions. Infinite without polarisation,
    zero without perpendicular anisotropy.
    """
    efficiency = np.asarray(torque_efficiency(mtj, temperature=temperature))
    energy = np.maximum(coherent_barrier(mtj, temperature=temperature), 0.0)
    scale = 4 * elementary_charge / hbar * mtj.damping * energy
    return np.divide(scale, efficiency, out=_infinite(scale * efficiency), where=efficiency > 0)[()]


def state_critical_currents(mtj: Mtj, *, temperature: Kelvin) -> tuple[Ampere, Ampere]:
    """Critical currents out of the parallel and of the antiparallel state, I_c0 (1 + h) and I_c0 (1 - h), as sizes."""
    current = critical_current(mtj, temperature=temperature)
    field = reduced_stray_field(mtj, temperature=temperature)
    return current * np.maximum(1 + field, 0.0), current * np.maximum(1 - field, 0.0)


def spin_orbit_critical_current(mtj: Mtj, *, temperature: Kelvin, in_plane_field: AmperePerMetre = 0.0) -> Ampere:
    """Current in the heavy-metal line that switches the layer at zero temperature (Lee 2013).

    J_c = (2e/hbar) (mu_0 M_s t / theta_SH) (H_k/2 - H_x/sqrt 2) times the cross-section of the line, for a field H_x
    along the current that is small beside H_k; without one the layer is driven but its final state is open.

    Raises
    ------
    UserError
        If the sheet describes no line, or the field is not between zero and H_k/sqrt 2.
    """
    if not (mtj.spin_hall_angle and mtj.line_width and mtj.line_thickness):
        raise UserError(
            f"{mtj.name} has no heavy-metal line; give spin_hall_angle, line_width and line_thickness in its sheet"
        )
    field = anisotropy_field(mtj, temperature=temperature)
    if not 0 <= in_plane_field < field / math.sqrt(2):
        raise UserError(
            f"the in-plane field is {in_plane_field:g} A/m, but must be from 0 to H_k/sqrt 2 = "
            f"{field / math.sqrt(2):.4g} A/m of {mtj.name}"
        )
    moment = mu_0 * magnetisation(mtj, temperature=temperature) * mtj.free_layer_thickness
    density = 2 * elementary_charge / hbar * moment / abs(mtj.spin_hall_angle)
    return density * (field / 2 - in_plane_field / math.sqrt(2)) * mtj.line_width * mtj.line_thickness


def relaxation_rate(mtj: Mtj, *, temperature: Kelvin, voltage: Volt = 0.0) -> float:
    """alpha gamma_0 H_k / (1 + alpha^2) in 1/s: the unit of reduced time in `fokker_planck`."""
    field = anisotropy_field(mtj, temperature=temperature, voltage=voltage)
    return mtj.damping * GYROMAGNETIC * field / (1 + mtj.damping**2)


def attempt_time(mtj: Mtj, *, temperature: Kelvin) -> Second:
    """Time tau_0 of the mean dwell tau_0 exp(Delta), from damping and anisotropy field (Brown 1963, high barrier).

    1/tau_0 = (alpha gamma_0 H_k/(1 + alpha^2)) sqrt(Delta/pi), for one well of the axial macrospin without stray
    field. Measured prefactors of layers that reverse by a wall can be far shorter (Soumah 2024).

    Raises
    ------
    UserError
        If the layer lies in the plane.
    """
    check_perpendicular(mtj, temperature)
    stability = barrier(mtj, temperature=temperature) / (Boltzmann * temperature)
    return 1 / (relaxation_rate(mtj, temperature=temperature) * np.sqrt(stability / np.pi))


def _infinite(like: float) -> np.ndarray:
    return np.full(np.shape(like), np.inf)
