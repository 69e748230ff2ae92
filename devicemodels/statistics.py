"""Normal tails and transistor mismatch, for numbers and arrays."""

import numpy as np
from scipy.special import erfc

from devicemodels.quantities import Metre, Volt, VoltMetre


def normal_tail(sigmas: float) -> float:
    """Probability that a standard normal variable exceeds `sigmas`."""
    return 0.5 * erfc(np.asarray(sigmas) / np.sqrt(2))


def threshold_sigma(*, matching: VoltMetre, width: Metre, length: Metre) -> Volt:
    """Standard deviation of one transistor's threshold voltage (Pelgrom 1989).

    `matching` is A_vt of a *pair*: the difference of two equal transistors has the deviation A_vt / sqrt(W L), so a
    single one has that divided by sqrt(2).
    """
    return matching / np.sqrt(2 * width * length)


def pair_offset_sigma(*, matching: VoltMetre, width: Metre, length: Metre) -> Volt:
    """Standard deviation of the offset of a matched pair, A_vt / sqrt(W L) (Pelgrom 1989)."""
    return matching / np.sqrt(width * length)
