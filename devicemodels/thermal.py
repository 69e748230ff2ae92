"""The temperature at which sheets hold, and the voltage that goes with a temperature."""

from typing import Any

from scipy.constants import Boltzmann, elementary_charge

REFERENCE_TEMPERATURE = 300.0
"""Temperature in kelvin at which every number of a sheet holds."""


def thermal_voltage(temperature: Any) -> Any:
    """k T / e in volts, for a temperature in kelvin or an array of them."""
    return Boltzmann * temperature / elementary_charge
