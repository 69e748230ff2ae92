"""Delay of wires inside a bank, to the point where 50 % of the swing arrives."""

import numpy as np

from devicemodels.quantities import Farad, Kelvin, Metre, Ohm, Ratio, Second
from devicemodels.technology import REFERENCE_TEMPERATURE, Technology
from devicemodels.transistor import fo4_at


def resistance_scale(technology: Technology, *, temperature: Kelvin) -> Ratio:
    """Metal resistance at a temperature over that at 300 K."""
    return 1 + technology.wire_temperature_coefficient * (temperature - REFERENCE_TEMPERATURE)


def elmore_delay(*, driver: Ohm, wire: Ohm, wire_load: Farad, end_load: Farad = 0.0) -> Second:
    """A driver, a distributed RC line and a lumped load: 0.69 R_d (C_w + C_l) + 0.38 R_w C_w + 0.69 R_w C_l.

    Bakoglu (1990), chapter 5.
    """
    return 0.69 * driver * (wire_load + end_load) + 0.38 * wire * wire_load + 0.69 * wire * end_load


def global_wire_delay(
    technology: Technology, *, length: Metre, driver: Ohm, end_load: Farad, temperature: Kelvin
) -> Second:
    """Delay of a thick upper wire: the shorter of one driver and of optimal repeaters.

    A repeated wire takes 1.67 sqrt(FO4 R C) per length (Ho, Mai and Horowitz 2001).
    """
    resistance = technology.global_wire_resistance * resistance_scale(technology, temperature=temperature)
    load = technology.global_wire_capacitance
    fo4 = fo4_at(technology, temperature=temperature)
    plain = elmore_delay(driver=driver, wire=resistance * length, wire_load=load * length, end_load=end_load)
    repeated = 1.67 * np.sqrt(fo4 * resistance * load) * length + fo4
    return np.minimum(plain, repeated)
