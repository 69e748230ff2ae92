"""Demagnetising factors of uniformly magnetised bodies."""

from __future__ import annotations

import numpy as np
from scipy.special import ellipe, ellipk, elliprd

from devicemodels.quantities import Metre, Ratio


def axial_demagnetisation(aspect: Ratio) -> Ratio:
    """Magnetometric demagnetising factor along the axis of a cylinder of thickness/diameter `aspect`.

    Chen, Brug and Goldfarb (1991), with complete elliptic integrals of parameter 1/(1 + aspect^2). One for a film,
    zero for a needle, 0.3116 for a cylinder as high as wide. The transverse factors are (1 - N_z)/2 each. Arrays
    allowed.
    """
    parameter = 1 / (1 + aspect**2)
    bracket = aspect**2 * ellipk(parameter) + (1 - aspect**2) * ellipe(parameter)
    return 1 - 4 / (3 * np.pi * aspect) * (np.sqrt(1 + aspect**2) * bracket - 1)


def ellipsoid_demagnetisation(first: Metre, second: Metre, third: Metre) -> tuple[Ratio, Ratio, Ratio]:
    """Demagnetising factors of an ellipsoid along its three axes, of the given lengths (Osborn 1945).

    N_1 = (abc/3) R_D(b^2, c^2, a^2) with semi-axes a, b, c and Carlson's symmetric integral R_D; their sum is one.
    Only the ratios of the lengths matter. Arrays allowed.
    """
    a, b, c = first, second, third
    volume = a * b * c / 3
    squares = a * a, b * b, c * c
    return (
        volume * elliprd(squares[1], squares[2], squares[0]),
        volume * elliprd(squares[2], squares[0], squares[1]),
        volume * elliprd(squares[0], squares[1], squares[2]),
    )
