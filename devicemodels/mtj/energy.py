"""Anisotropy, energy barrier and critical current of a perpendicular macrospin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scipy.constants import elementary_charge, hbar, mu_0
from scipy.special import ellipe, ellipk

from devicemodels.quantities import Ampere, AmperePerMetre, Joule, Kelvin, Ratio

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj

GYROMAGNETIC = 2.211e5
"""gamma_0 = mu_0 gamma in m/(A s), for g = 2."""


def axial_demagnetisation(aspect: Ratio) -> Ratio:
    """Magnetometric demagnetising factor along the axis of a cylinder of thickness/diameter `aspect`.

    Chen, Brug and Goldfarb (1991), for uniform magnetisation, with complete elliptic integrals of parameter
    1/(1 + aspect^2). One for a film, zero for a needle, 0.3116 for a cylinder as high as wide.
    """
    parameter = 1 / (1 + aspect**2)
    bracket = aspect**2 * ellipk(parameter) + (1 - aspect**2) * ellipe(parameter)
    return float(1 - 4 / (3 * math.pi * aspect) * (math.sqrt(1 + aspect**2) * bracket - 1))


def magnetisation(mtj: Mtj, *, temperature: Kelvin) -> AmperePerMetre:
    """Saturation magnetisation, M_s(T) proportional to 1 - (T/T_c)^b and scaled to the sheet's value at 300 K.

    Zero from the Curie temperature on; everywhere, if that lies below 300 K.
    """

    def reduced(kelvin: Kelvin) -> float:
        return max(1 - (kelvin / mtj.curie_temperature) ** mtj.magnetisation_exponent, 0.0)

    if mtj.curie_temperature <= 300.0:
        return 0.0
    return mtj.saturation_magnetisation * reduced(temperature) / reduced(300.0)


def anisotropy_density(mtj: Mtj, *, temperature: Kelvin) -> float:
    """Effective perpendicular anisotropy in J/m^3: interface term less shape term.

    K_i/t scales as (M_s(T)/M_s)^n, the shape term mu_0 M_s^2 (N_z - N_x)/2 as its square; so a thin margin between
    the two falls faster with temperature than either.
    """
    moment = magnetisation(mtj, temperature=temperature)
    axial = axial_demagnetisation(mtj.free_layer_thickness / mtj.diameter)
    shape = mu_0 * moment**2 * (axial - (1 - axial) / 2) / 2
    scale = (moment / mtj.saturation_magnetisation) ** mtj.anisotropy_exponent
    return mtj.interface_anisotropy / mtj.free_layer_thickness * scale - shape


def anisotropy_field(mtj: Mtj, *, temperature: Kelvin) -> AmperePerMetre:
    """H_k,eff = 2 K_eff / (mu_0 M_s)."""
    density = anisotropy_density(mtj, temperature=temperature)
    return 2 * density / (mu_0 * magnetisation(mtj, temperature=temperature))


def coherent_barrier(mtj: Mtj, *, temperature: Kelvin) -> Joule:
    """Barrier of the macrospin, K_eff V; negative if the layer prefers to lie in the plane."""
    return anisotropy_density(mtj, temperature=temperature) * mtj.area * mtj.free_layer_thickness


def barrier(mtj: Mtj, *, temperature: Kelvin) -> Joule:
    """Barrier against reversal: the smaller of coherent rotation and a domain wall across the diameter.

    The wall costs 4 sqrt(A K_eff) d t. An in-plane layer has no barrier: the result is zero.
    """
    density = anisotropy_density(mtj, temperature=temperature)
    if density <= 0:
        return 0.0
    wall = 4 * math.sqrt(mtj.exchange_stiffness * density) * mtj.diameter * mtj.free_layer_thickness
    return min(coherent_barrier(mtj, temperature=temperature), wall)


def polarisation(tmr: Ratio) -> Ratio:
    """Spin polarisation of both electrodes from Julliere (1975): TMR = 2 P^2 / (1 - P^2)."""
    return math.sqrt(tmr / (2 + tmr))


def critical_current(mtj: Mtj, *, temperature: Kelvin) -> Ampere:
    """I_c0 = (4 e / hbar) (alpha / eta) E_b, both directions (Sun 2000), with eta = P of Julliere.

    E_b is the coherent barrier: the current has to turn the whole layer, even where a wall would be cheaper.
    Infinite without polarisation, zero without a barrier.
    """
    efficiency = polarisation(mtj.tmr(0.0, temperature))
    if efficiency == 0:
        return math.inf
    rate = 4 * elementary_charge / hbar * mtj.damping / efficiency
    return rate * max(coherent_barrier(mtj, temperature=temperature), 0.0)


def relaxation_rate(mtj: Mtj, *, temperature: Kelvin) -> float:
    """alpha gamma_0 H_k / (1 + alpha^2) in 1/s: the unit of reduced time in `switching`."""
    return mtj.damping * GYROMAGNETIC * anisotropy_field(mtj, temperature=temperature) / (1 + mtj.damping**2)
