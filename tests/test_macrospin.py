"""Coefficients of one magnetisation vector: a layer in the plane, and Lee's threshold beside the exact one."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from devicemodels.mtj import energy, load_mtj
from devicemodels.mtj.dynamics import Stretch, advance
from devicemodels.mtj.macrospin import Macrospin, spin_orbit_field


@pytest.mark.parametrize("field", [0.0, 3e4])
def test_a_layer_in_the_plane_precesses_with_the_frequency_of_kittel(field):
    moment, easy = 8e5, 1e4
    spin = Macrospin(anisotropy=(easy, 0, -moment), field=(field, 0, 0), damping=0.0)
    stiff, soft = field + easy + moment, field + easy
    frequency = energy.GYROMAGNETIC * math.sqrt(stiff * soft)
    small = 1e-4
    for turns in (10, 10.25):
        duration = 2 * math.pi * turns / frequency
        end = advance(Stretch(spin, 100_000, duration / 100_000), np.array([[1, small, 0]]), seed=0)[0][0]
        along, up = end[1] / small, end[2] / small * math.sqrt(stiff / soft)
        phase = math.remainder(math.atan2(up, along) - 2 * math.pi * turns, 2 * math.pi)
        assert phase == pytest.approx(0, abs=1e-6 * 2 * math.pi * turns)
        assert math.hypot(along, up) == pytest.approx(1, abs=1e-6)


def exact_threshold(field):
    """Largest damping-like field that a perpendicular layer withstands in a field along the current, both over H_k."""
    held = minimize_scalar(
        lambda angle: -math.cos(angle) * (math.sin(angle) - field),
        bounds=(0, math.pi / 2), method="bounded", options={"xatol": 1e-12},
    )  # fmt: skip
    return -held.fun


@pytest.mark.parametrize("field", [0.0, 0.02, 0.1, 0.3])
def test_the_formula_of_lee_falls_short_of_the_exact_threshold_by_an_eighth_of_the_field_squared(field):
    mtj = load_mtj("sot").device
    unit = energy.anisotropy_field(mtj, temperature=300)
    current = energy.spin_orbit_critical_current(mtj, temperature=300, in_plane_field=field * unit)
    lee = abs(spin_orbit_field(mtj, line_current=current, temperature=300)) / unit
    series = field**2 / 8 + math.sqrt(2) / 32 * field**3
    assert exact_threshold(field) - lee == pytest.approx(series, rel=field**2 / 5, abs=1e-9)
