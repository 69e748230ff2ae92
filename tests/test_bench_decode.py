"""The decode bench samples between clock edges, where all simulators agree on what registers hold."""

import dataclasses
import shutil

import pytest

from tests.hardware import check_hardware
from tests.random_model import random_model
from tests.test_loaded_tile import CONFIG, SHAPE


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
def test_icarus_gives_the_golden_tokens_in_the_predicted_cycles(tmp_path):
    """A token and its cycle change with `token_valid`; just after that edge Icarus may still have their old values."""
    config = dataclasses.replace(CONFIG, code="secded", spare_words=0)
    check_hardware(random_model(SHAPE), config, tmp_path, tokens=4, simulator="icarus")
