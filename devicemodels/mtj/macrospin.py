"""One magnetisation vector under fields, torques and heat: the numbers of its equation of motion.

Landau, Lifshitz, Gilbert and Slonczewski, with H_i = h_i m_i + H_i,applied, vectors a (damping-like torque) and f
(field-like torque), each the sum over its sources of strength times polarisation, all in A/m:

    dm/dt = -gamma_0 m x H + alpha m x dm/dt - gamma_0 m x (m x a) - gamma_0 m x f

Solved for dm/dt that is dm/dt = omega x m with

    omega = gamma_0/(1 + alpha^2) [G + m x E],  G = H + f - alpha a,  E = alpha G + (1 + alpha^2) a

which holds for any damping: the exact mixing of the two torques. Heat adds a random field (Brown 1963), taken after
Stratonovich. Its effect on the sphere is that of a random rotation: diffusion with the coefficient `diffusion`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.constants import Boltzmann, elementary_charge, hbar, mu_0

from devicemodels.checks import require_finite, require_not_negative, require_positive
from devicemodels.errors import UserError
from devicemodels.mtj import energy
from devicemodels.quantities import Ampere, AmperePerMetre, Kelvin, Ratio, Second, Volt

if TYPE_CHECKING:
    from devicemodels.mtj.stack import Mtj

Vector = tuple[float, float, float]
ZERO: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Macrospin:
    """Coefficients of the equation of motion, constant in time; vectors are (x, y, z), z the film normal.

    `anisotropy` holds h_x, h_y, h_z in A/m: (0, 0, H_k) is a perpendicular layer, (H_k, 0, -M_s) one in the plane with
    its easy axis along x. `field`, `damping_like` and `field_like` are in A/m too. `diffusion` is in 1/s; zero is zero
    temperature.
    """

    anisotropy: Vector
    field: Vector = ZERO
    damping_like: Vector = ZERO
    field_like: Vector = ZERO
    damping: Ratio
    diffusion: float = 0.0

    def __post_init__(self) -> None:
        """Refuse coefficients that are not finite, and negative damping or diffusion."""
        for thing in ("anisotropy", "field", "damping_like", "field_like"):
            require_finite(f"the {thing} of a macrospin", getattr(self, thing), "A/m")
        require_not_negative("the damping of a macrospin", self.damping)
        require_not_negative("the diffusion of a macrospin", self.diffusion, "1/s")

    @property
    def steady(self) -> np.ndarray:
        """The part of G that does not depend on m, in A/m, shape (3,)."""
        return np.asarray(self.field) + np.asarray(self.field_like) - self.damping * np.asarray(self.damping_like)

    @property
    def gyration(self) -> float:
        """gamma_0/(1 + alpha^2) in m/(A s)."""
        return energy.GYROMAGNETIC / (1 + self.damping**2)

    @property
    def rotation_rate(self) -> float:
        """Bound of |G| gamma_0/(1 + alpha^2) over the sphere, in rad/s: precession."""
        return self.gyration * float(np.abs(self.anisotropy).max() + np.linalg.norm(self.steady))

    @property
    def relaxation_rate(self) -> float:
        """Bound of |m x E| gamma_0/(1 + alpha^2) over the sphere, in 1/s: damping and damping-like torque."""
        torque = energy.GYROMAGNETIC * float(np.linalg.norm(self.damping_like))
        return self.damping * self.rotation_rate + torque

    @property
    def quadratic(self) -> np.ndarray:
        """K of the Boltzmann density exp(m K m + c m) without torques, a diagonal: (mu_0 M_s V/kT) h/2, shape (3,)."""
        return self._per_field * np.asarray(self.anisotropy) / 2

    @property
    def linear(self) -> np.ndarray:
        """c of that density: (mu_0 M_s V/kT) H, shape (3,)."""
        return self._per_field * np.asarray(self.field)

    @property
    def _per_field(self) -> float:
        """mu_0 M_s V/kT in m/A, from Einstein's relation: damping times `gyration` over diffusion."""
        if self.diffusion == 0:
            raise UserError("a macrospin at zero temperature or without damping has no thermal start; give directions")
        return self.damping * self.gyration / self.diffusion


def rotational_diffusion(*, moment: float, damping: Ratio, temperature: Kelvin) -> float:
    """Coefficient D = alpha gamma_0 k T/((1 + alpha^2) mu_0 M_s V) in 1/s, of Brown's (1963) thermal field.

    `moment` is M_s V in A m^2. The l-th Legendre moment of a free spin decays with l (l + 1) D.
    """
    return damping * energy.GYROMAGNETIC * Boltzmann * temperature / ((1 + damping**2) * mu_0 * moment)


def spin_transfer_field(mtj: Mtj, *, current: Ampere, temperature: Kelvin) -> AmperePerMetre:
    """Damping-like field hbar eta I/(2 e mu_0 M_s V) along the reference layer (Slonczewski 1996), with I > 0 to AP.

    It equals alpha H_k at the critical current of `energy.critical_current`.
    """
    efficiency = energy.torque_efficiency(mtj, temperature=temperature)
    return -hbar * efficiency * current / (2 * elementary_charge * mu_0 * _moment(mtj, temperature))


def spin_orbit_field(mtj: Mtj, *, line_current: Ampere, temperature: Kelvin) -> AmperePerMetre:
    """Damping-like field hbar theta_SH J/(2 e mu_0 M_s t) along y, for a current along x in the heavy-metal line.

    Raises
    ------
    UserError
        If there is a current but no line.
    """
    if line_current == 0:
        return 0.0
    if not (mtj.spin_hall_angle and mtj.line_width and mtj.line_thickness):
        raise UserError(
            f"the line current is {line_current:g} A, but {mtj.name} has no heavy-metal line; give spin_hall_angle, "
            "line_width and line_thickness in its sheet, or a line current of zero"
        )
    density = line_current / (mtj.line_width * mtj.line_thickness)
    thickness = energy.magnetisation(mtj, temperature=temperature) * mtj.free_layer_thickness
    return hbar * mtj.spin_hall_angle * density / (2 * elementary_charge * mu_0 * thickness)


def driven(
    mtj: Mtj,
    *,
    current: Ampere = 0.0,
    line_current: Ampere = 0.0,
    voltage: Volt = 0.0,
    field: Vector = ZERO,
    temperature: Kelvin = 300.0,
) -> Macrospin:
    """The coherent free layer of a junction under constant currents, voltage and field.

    The stray field of the sheet is added to `field` along z. The voltage changes the anisotropy alone (VCMA); the
    current that it drives through the junction is to be given as `current`. Magnetisation, anisotropy and polarisation
    are those at `temperature`. The barrier is that of coherent rotation, also where the layer would reverse by a wall.

    Raises
    ------
    UserError
        If a number is not finite, or as `spin_orbit_field` and `energy.check_temperature`.
    """
    for thing, value, unit in (
        ("current", current, "A"),
        ("line current", line_current, "A"),
        ("voltage", voltage, "V"),
        ("field", field, "A/m"),
    ):
        require_finite(f"the {thing} of {mtj.name}", value, unit)
    moment = _moment(mtj, temperature)
    transfer = spin_transfer_field(mtj, current=current, temperature=temperature)
    orbit = spin_orbit_field(mtj, line_current=line_current, temperature=temperature)
    return Macrospin(
        anisotropy=(0.0, 0.0, float(energy.anisotropy_field(mtj, temperature=temperature, voltage=voltage))),
        field=(field[0], field[1], field[2] + mtj.stray_field),
        damping_like=(0.0, float(orbit), float(transfer)),
        field_like=(0.0, float(mtj.field_like_ratio * orbit), float(mtj.field_like_ratio * transfer)),
        damping=mtj.damping,
        diffusion=float(rotational_diffusion(moment=moment, damping=mtj.damping, temperature=temperature)),
    )


def _moment(mtj: Mtj, temperature: Kelvin) -> float:
    return energy.magnetisation(mtj, temperature=temperature) * mtj.area * mtj.free_layer_thickness


MOST_ROTATION = 0.3
"""Largest precession in one step, in radians: its frequency is then low by 0.3^2/12 = 0.75 %."""
MOST_RELAXATION = 0.08
"""Largest relaxation in one step: rates of growth and decay are then wrong by at most 0.08^2/6 = 0.1 %."""
MOST_NOISE = 0.1
"""Largest random rotation in one step, in radians, as the standard deviation about one axis."""


def step_limit(spin: Macrospin) -> Second:
    """Longest step that leaves write error rates unbiased within 1 % down to 1e-3; infinite if nothing moves.

    Precession, relaxation and noise each bound it (`MOST_ROTATION`, `MOST_RELAXATION`, `MOST_NOISE`). How the bias
    grows with the step was found without sampling, from the operator of a step in Legendre polynomials
    (docs/theory_mtj.md).
    """
    bounds = (
        (MOST_ROTATION, spin.rotation_rate),
        (MOST_RELAXATION, spin.relaxation_rate),
        (MOST_NOISE**2, 2 * spin.diffusion),
    )
    return min(most / rate if rate > 0 else math.inf for most, rate in bounds)


def steps_of(spin: Macrospin, *, duration: Second, step: Second | None = None) -> int:
    """Number of equal steps for `duration`, none longer than `step`, by default than a third of `step_limit`.

    Raises
    ------
    UserError
        If duration or step is not above zero, if the step is longer than the duration, or if it is above `step_limit`.
    """
    require_positive("the duration of a pulse", duration, "s")
    limit = step_limit(spin)
    if step is None:
        return max(1, math.ceil(duration / min(limit / 3, duration) - 1e-9))
    require_positive("the time step", step, "s")
    if step > duration * (1 + 1e-9):
        raise UserError(f"the pulse of {duration:g} s is shorter than the time step of {step:g} s; give a shorter step")
    if step > limit:
        raise UserError(
            f"a time step of {step:g} s would bias error rates: precession, relaxation and noise of this device allow "
            f"{limit:.3g} s; give a shorter step, or none for a third of that"
        )
    return math.ceil(duration / step - 1e-9)
