"""Several tiles, on one chip or two, emit the tokens of one tile, in the cycles that the schedule says."""

import dataclasses

import pytest

from devicemodels.errors import UserError
from tests.hardware import SMALL, check_hardware
from tests.random_model import random_model
from tests.test_program import SHAPE, TILE

CONFIG = dataclasses.replace(TILE, **SMALL)


@pytest.mark.parametrize(
    ("tiles", "chips", "links"),
    [
        pytest.param(1, 1, 1, id="one tile", marks=pytest.mark.slow),
        pytest.param(2, 1, 1, id="two tiles", marks=pytest.mark.slow),
        pytest.param(4, 1, 5, id="long links", marks=pytest.mark.slow),
        pytest.param(4, 2, 3, id="two chips"),
    ],
)
def test_tokens_and_cycles(tiles, chips, links, tmp_path):
    """The golden's tokens and logits, as one tile finds them, and the predicted cycles: past the end of a page."""
    config = dataclasses.replace(CONFIG, tiles=tiles, chips=chips, link_cycles=links, chip_link_cycles=7)
    check_hardware(random_model(SHAPE), config, tmp_path, tokens=40)


@pytest.mark.slow
def test_sixteen_tiles(tmp_path):
    """The same with as many tiles as there are: two of the 32 lanes in each."""
    config = dataclasses.replace(CONFIG, lanes=32, vector_lanes=32, tiles=16, link_cycles=4)
    check_hardware(random_model(dataclasses.replace(SHAPE, head_dim=32)), config, tmp_path, tokens=40)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tiles": 3}, "take 4 tiles"),
        ({"tiles": 8}, "and two at least: take 4 tiles"),
        ({"tiles": 4, "link_cycles": 1}, "set link_cycles to 2 or more"),
        ({"tiles": 2, "chips": 4}, "2 tiles do not spread over 4 chips"),
    ],
)
def test_refused(change, words):
    with pytest.raises(UserError, match=words):
        dataclasses.replace(CONFIG, **change)
