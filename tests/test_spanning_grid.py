"""Splines on a grid that spans their points: exact for cubics, sparing with axes that nothing varies along."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devicemodels.mtj._spanning_grid import on_spanning_grid

RANDOM = np.random.default_rng(1)
COLUMNS = RANDOM.uniform(-1, 1, (3, 500))


def cubic(x, y, z):
    return (1 + x) ** 3 - 2 * x * y**2 * z + y * z**3 + x**2 * y**3


def test_a_cubic_is_met_exactly():
    found = on_spanning_grid(cubic, COLUMNS, points=(4, 5, 6))
    assert found == pytest.approx(cubic(*COLUMNS), abs=1e-12)


def test_a_smooth_function_is_met_to_fourth_order():
    errors = [
        np.max(np.abs(on_spanning_grid(lambda x, y: np.exp(2 * x + y), COLUMNS[:2], points=(n, n)) - exact))
        for n in (9, 17)
        for exact in [np.exp(2 * COLUMNS[0] + COLUMNS[1])]
    ]
    assert errors[1] < errors[0] / 10
    assert errors[0] < 0.05


def test_the_function_is_called_no_more_often_than_needed():
    sizes = []

    def counted(x, y, z):
        sizes.append(np.broadcast(x, y, z).size)
        return cubic(x, y, z)

    alike = np.full(500, 0.25)
    assert on_spanning_grid(counted, (COLUMNS[0], alike, COLUMNS[2]), points=(4, 9, 6)) == pytest.approx(
        cubic(COLUMNS[0], alike, COLUMNS[2]), abs=1e-12
    )
    assert on_spanning_grid(counted, (alike, alike, alike), points=(4, 9, 6)) == pytest.approx(cubic(0.25, 0.25, 0.25))
    few = COLUMNS[:, :30]
    assert (on_spanning_grid(counted, few, points=(4, 9, 6)) == cubic(*few)).all()
    assert sizes == [24, 1, 30]


@given(st.floats(1e-320, 1e-3))
def test_a_column_that_hardly_varies_does_no_harm(width):
    column = np.linspace(0, width, 500)
    found = on_spanning_grid(cubic, (COLUMNS[0], column, COLUMNS[2]), points=(4, 4, 4))
    assert found == pytest.approx(cubic(COLUMNS[0], column, COLUMNS[2]), abs=1e-8)
