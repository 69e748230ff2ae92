"""A perpendicular magnetic tunnel junction: its facts and what follows from them directly.

The equations live in the modules beside this one; the methods here are their short names.
"""

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.constants import Boltzmann

from devicemodels.checks import require_finite, require_not_negative, require_positive
from devicemodels.errors import UserError
from devicemodels.mtj import energy, fokker_planck, reliability, transport, variation, write_spread
from devicemodels.quantities import (
    Ampere,
    AmperePerMetre,
    JoulePerMetre,
    JoulePerSquareMetre,
    JoulePerVoltMetre,
    Kelvin,
    KelvinSquareMetrePerWatt,
    Metre,
    Ohm,
    OhmMetre,
    OhmSquareMetre,
    PerKelvinToThreeHalves,
    Ratio,
    Second,
    Sheet,
    SignedAmperePerMetre,
    SignedRatio,
    SquareMetre,
    Volt,
    field_units,
    load_sheet,
    signed_fields,
)


@dataclass(frozen=True, kw_only=True)
class Mtj:
    """Facts of one perpendicular stack at one diameter, at 300 K; the sheet has the source of each.

    Vary a device with `dataclasses.replace`. A field that is zero by default is a feature that most devices lack.
    Directions: z is the normal; the reference layer points along +z, so z = +1 is parallel (P), z = -1 antiparallel
    (AP). A positive current, voltage or overdrive drives the free layer from P to AP.
    """

    name: str
    # Free layer. `interface_anisotropy` sums both interfaces; `damaged_edge` is the width of the ring at the rim that
    # patterning has deprived of its anisotropy; `stray_field` is what the reference stack leaves, positive along +z.
    diameter: Metre
    free_layer_thickness: Metre
    damaged_edge: Metre = 0.0
    saturation_magnetisation: AmperePerMetre
    interface_anisotropy: JoulePerSquareMetre
    exchange_stiffness: JoulePerMetre
    damping: Ratio
    curie_temperature: Kelvin
    magnetisation_exponent: Ratio
    anisotropy_exponent: Ratio
    stray_field: SignedAmperePerMetre = 0.0
    # Transport. `tmr_zero_bias` is (R_AP - R_P) / R_P at no bias and 300 K, `tmr_half_voltage` the bias that halves it.
    resistance_area: OhmSquareMetre
    tmr_zero_bias: Ratio
    tmr_half_voltage: Volt
    polarisation_decay: PerKelvinToThreeHalves
    barrier_thickness: Metre
    barrier_height: Volt
    # Heat: temperature rise per power density, and the time constant with which it comes and goes.
    thermal_resistance_area: KelvinSquareMetrePerWatt
    thermal_time: Second
    # Torques. `second_polarisation` is that of an antiparallel second reference layer (double junction),
    # `field_like_ratio` the field-like over the damping-like torque, `voltage_anisotropy` xi = -dK_i/dE (VCMA).
    second_polarisation: Ratio = 0.0
    field_like_ratio: SignedRatio = 0.0
    voltage_anisotropy: JoulePerVoltMetre = 0.0
    # A heavy-metal line under the free layer (SOT): none without a spin Hall angle.
    spin_hall_angle: SignedRatio = 0.0
    line_width: Metre = 0.0
    line_thickness: Metre = 0.0
    line_resistivity: OhmMetre = 0.0
    # Breakdown of the barrier: 63 % of junctions of `breakdown_area` fail within `breakdown_time` at
    # `breakdown_voltage`; power law in voltage, Weibull in time.
    breakdown_voltage: Volt
    breakdown_time: Second
    breakdown_area: SquareMetre
    breakdown_exponent: Ratio
    breakdown_slope: Ratio
    # Spread between cells, as relative standard deviations; that of exchange stands for weak spots, which spread the
    # barrier of a nucleus.
    sigma_diameter: Ratio
    sigma_resistance_area: Ratio
    sigma_tmr: Ratio
    sigma_anisotropy: Ratio
    sigma_exchange: Ratio

    def __post_init__(self) -> None:
        _check_facts(self)

    @property
    def area(self) -> SquareMetre:
        """Area of the circular junction."""
        return math.pi * self.diameter**2 / 4

    @property
    def sigma_resistance(self) -> Ratio:
        """Relative spread of R_P, from those of diameter and resistance-area product."""
        return np.hypot(2 * self.sigma_diameter, self.sigma_resistance_area)

    @property
    def sigma_barrier(self) -> Ratio:
        """Relative spread of the energy barrier at 300 K (`variation.sigma_barrier`)."""
        return variation.sigma_barrier(self)

    def thermal_stability(self, temperature: Kelvin = 300.0) -> Ratio:
        """Energy barrier over k T, the smaller of coherent reversal and nucleation (`energy.barrier`)."""
        return energy.barrier(self, temperature=temperature) / (Boltzmann * np.asarray(temperature)[()])

    def critical_current(self, temperature: Kelvin = 300.0) -> Ampere:
        """Threshold of switching at zero temperature (Sun 2000), of the coherent layer (`energy.critical_current`)."""
        return energy.critical_current(self, temperature=temperature)

    def tmr(self, voltage: Volt = 0.0, temperature: Kelvin = 300.0) -> Ratio:
        """Tunnel magnetoresistance at a bias and temperature (`transport.tmr`)."""
        return transport.tmr(self, voltage=voltage, temperature=temperature)

    def resistance(self, angle: float, voltage: Volt = 0.0, temperature: Kelvin = 300.0) -> Ohm:
        """Resistance when free and reference layer are `angle` radians apart (`transport.resistance`)."""
        return transport.resistance(self, angle=angle, voltage=voltage, temperature=temperature)

    def write_error_rate(self, current: Ampere, pulse: Second, temperature: Kelvin = 300.0) -> Ratio:
        """Probability that a pulse does not switch this junction, no spread (`fokker_planck.write_error_rate`).

        A positive current writes the antiparallel state, a negative one the parallel state. Arrays allowed.
        """
        write_spread.check_write(self, current=current, pulse=pulse, temperature=temperature)
        return fokker_planck.write_error_rate(
            delta=self.thermal_stability(temperature),
            overdrive=np.abs(current) / self.critical_current(temperature),
            reduced_time=energy.relaxation_rate(self, temperature=temperature) * np.asarray(pulse),
            field=np.where(np.asarray(current) < 0, -1, 1) * energy.reduced_stray_field(self, temperature=temperature),
        )

    def read_disturb_rate(self, current: Ampere, duration: Second, temperature: Kelvin = 300.0) -> Ratio:
        """Probability that a read flips a cell whose state it works against (`reliability.read_disturb_rate`).

        Arrays allowed; every element takes one mean over the spread.
        """

        def one(current: Ampere, duration: Second, temperature: Kelvin) -> Ratio:
            return reliability.read_disturb_rate(self, current=current, duration=duration, temperature=temperature)

        return np.vectorize(one, otypes=[float])(current, duration, temperature)[()]

    def retention_failure(self, time: Second, temperature: Kelvin) -> Ratio:
        """Share of cells, with their spread, that are wrong after a time without power (`reliability`).

        Arrays allowed; every element takes one mean over the spread.
        """

        def one(time: Second, temperature: Kelvin) -> Ratio:
            return reliability.retention_failure(self, profile=[(time, temperature)])

        return np.vectorize(one, otypes=[float])(time, temperature)[()]

    def junction_temperature(
        self, voltage: Volt, pulse: Second = math.inf, ambient: Kelvin = 300.0, angle: float = 0.0
    ) -> Kelvin:
        """Temperature at the end of a voltage pulse, self-heating included (`transport.junction_temperature`)."""
        return transport.junction_temperature(self, voltage=voltage, pulse=pulse, ambient=ambient, angle=angle)


_MAY_BE_ZERO = {
    "damaged_edge", "second_polarisation", "line_width", "line_thickness", "line_resistivity", "interface_anisotropy",
    "anisotropy_exponent", "polarisation_decay", "tmr_zero_bias", *variation.SIGMAS.values(),
}  # fmt: skip


def _check_facts(mtj: Mtj) -> None:
    """Refuse facts that no junction can have, in the sheet or by `dataclasses.replace` (raises `UserError`)."""
    units, signed = _units_and_signed()
    for name, unit in units.items():
        zero = name in _MAY_BE_ZERO
        require = require_finite if name in signed else require_not_negative if zero else require_positive
        require(f"{name} of {mtj.name}", getattr(mtj, name), "" if unit == "1" else unit)
    limits = {
        "damaged_edge": np.max(mtj.diameter) / 2,
        "second_polarisation": 1.0,
        "polarisation_decay": energy.SHEET_TEMPERATURE**-1.5,
    }
    for name, limit in limits.items():
        if np.any(np.asarray(getattr(mtj, name)) >= limit):
            raise UserError(
                f"{name} of {mtj.name} is {np.max(getattr(mtj, name)):g}, but must be below {limit:.4g} {units[name]}; "
                "give less"
            )


@functools.cache
def _units_and_signed() -> tuple[dict[str, str], set[str]]:
    return field_units(Mtj), signed_fields(Mtj)


def load_mtj(name_or_path: Path | str) -> Sheet[Mtj]:
    """Read an MTJ sheet by its shipped name (such as "ikeda2010") or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("mtj", name_or_path, Mtj)
