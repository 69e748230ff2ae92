"""A perpendicular magnetic tunnel junction as a macrospin: its facts and what follows from them directly.

The equations live in the modules beside this one; the methods here are their short names.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from scipy.constants import Boltzmann

from devicemodels.mtj import energy, transport
from devicemodels.quantities import (
    Ampere,
    AmperePerMetre,
    JoulePerMetre,
    JoulePerSquareMetre,
    Kelvin,
    Metre,
    Ohm,
    OhmSquareMetre,
    PerKelvinToThreeHalves,
    Ratio,
    Sheet,
    SquareMetre,
    Volt,
    load_sheet,
)


@dataclass(frozen=True, kw_only=True)
class Mtj:
    """Facts of one stack at one diameter, at 300 K; see the sheet for the source of each.

    `interface_anisotropy` sums both interfaces of the free layer. `tmr_zero_bias` is (R_AP - R_P) / R_P at no bias
    and 300 K, `tmr_half_voltage` the bias that halves it. `sigma_*` are relative standard deviations over an array.
    Vary a device with `dataclasses.replace`.
    """

    name: str
    diameter: Metre
    free_layer_thickness: Metre
    saturation_magnetisation: AmperePerMetre
    interface_anisotropy: JoulePerSquareMetre
    exchange_stiffness: JoulePerMetre
    damping: Ratio
    curie_temperature: Kelvin
    magnetisation_exponent: Ratio
    anisotropy_exponent: Ratio
    resistance_area: OhmSquareMetre
    tmr_zero_bias: Ratio
    tmr_half_voltage: Volt
    polarisation_decay: PerKelvinToThreeHalves
    sigma_resistance: Ratio
    sigma_tmr: Ratio
    sigma_barrier: Ratio

    @property
    def area(self) -> SquareMetre:
        """Area of the circular junction."""
        return math.pi * self.diameter**2 / 4

    def thermal_stability(self, temperature: Kelvin = 300.0) -> Ratio:
        """Energy barrier over k T, the smaller of coherent reversal and a domain wall (`energy.barrier`)."""
        return energy.barrier(self, temperature=temperature) / (Boltzmann * temperature)

    def critical_current(self, temperature: Kelvin = 300.0) -> Ampere:
        """Zero-temperature threshold of switching, Sun (2000): (4e/hbar)(alpha/eta) E_b (`energy.critical_current`)."""
        return energy.critical_current(self, temperature=temperature)

    def tmr(self, voltage: Volt = 0.0, temperature: Kelvin = 300.0) -> Ratio:
        """Tunnel magnetoresistance at a bias and temperature (`transport.tmr`)."""
        return transport.tmr(self, voltage=voltage, temperature=temperature)

    def resistance(self, angle: float, voltage: Volt = 0.0, temperature: Kelvin = 300.0) -> Ohm:
        """Resistance when free and reference layer are `angle` radians apart (`transport.resistance`)."""
        return transport.resistance(self, angle=angle, voltage=voltage, temperature=temperature)


def load_mtj(name_or_path: Path | str) -> Sheet[Mtj]:
    """Read an MTJ sheet by its shipped name (such as "ikeda2010") or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("mtj", name_or_path, Mtj)
