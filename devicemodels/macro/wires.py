"""Delay of wires inside a bank, to the point where 50 % of the swing arrives."""

from devicemodels.quantities import Farad, Kelvin, Ohm, Ratio, Second
from devicemodels.technology import REFERENCE_TEMPERATURE, Technology


def resistance_scale(technology: Technology, *, temperature: Kelvin) -> Ratio:
    """Metal resistance at a temperature over that at 300 K."""
    return 1 + technology.wire_temperature_coefficient * (temperature - REFERENCE_TEMPERATURE)


def elmore_delay(*, driver: Ohm, wire: Ohm, wire_load: Farad, end_load: Farad = 0.0) -> Second:
    """A driver, a distributed RC line and a lumped load: 0.69 R_d (C_w + C_l) + 0.38 R_w C_w + 0.69 R_w C_l.

    Bakoglu (1990), chapter 5.
    """
    return 0.69 * driver * (wire_load + end_load) + 0.38 * wire * wire_load + 0.69 * wire * end_load
