"""Several tiles, on one chip or two, find the logits and emit the tokens of one tile, in the cycles that the schedule
says.
"""

import dataclasses

import numpy as np
import pytest

from devicemodels.errors import UserError
from rtl.chip.assembly import tile_paths
from testbench.logits import read_logits
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


def test_logits_are_read_by_row_and_all_of_them(tmp_path):
    """Row r is element r mod 8 of word r // 8, of which each tile has two elements; a word that is missed is missed."""
    config, vocabulary = dataclasses.replace(CONFIG, tiles=4, link_cycles=2), 21
    for tile, path in enumerate(tile_paths(config)):
        lines = (
            f"{word} {100 * token + 8 * word + 2 * tile} {100 * token + 8 * word + 2 * tile + 1}\n"
            for token in range(2)
            for word in range(3)
        )
        (tmp_path / f"{path}.vector_unit.logits.txt").write_text("".join(lines))
    expected = np.arange(vocabulary) + 100 * np.arange(2)[:, None]
    np.testing.assert_array_equal(read_logits(tmp_path, config, vocabulary), expected)
    last = tmp_path / "chip.tile_3.vector_unit.logits.txt"
    last.write_text(last.read_text().replace("1 ", "2 ", 1))
    with pytest.raises(ValueError, match=r"chip.tile_3.vector_unit.logits.txt does not have words 0 to 2"):
        read_logits(tmp_path, config, vocabulary)


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
