"""Normal tails and transistor mismatch."""

import math

from devicemodels.quantities import Metre, Volt, VoltMetre


def normal_tail(sigmas: float) -> float:
    """Probability that a standard normal variable exceeds `sigmas`."""
    return 0.5 * math.erfc(sigmas / math.sqrt(2))


def threshold_sigma(*, matching: VoltMetre, width: Metre, length: Metre) -> Volt:
    """Standard deviation of one transistor's threshold voltage (Pelgrom 1989).

    `matching` is A_vt of a *pair*: the difference of two equal transistors has the deviation A_vt / sqrt(W L), so a
    single one has that divided by sqrt(2).
    """
    return matching / math.sqrt(2 * width * length)


def pair_offset_sigma(*, matching: VoltMetre, width: Metre, length: Metre) -> Volt:
    """Standard deviation of the offset of a matched pair, A_vt / sqrt(W L) (Pelgrom 1989)."""
    return matching / math.sqrt(width * length)
