"""Every founding question's script runs, prints its table, writes its picture, and says what the docs say it says."""

import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "questions"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "tabulate")


@pytest.fixture
def ask(monkeypatch, capsys, tmp_path):
    """Run a script as the command line does; its lines, without the picture, which must be there."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(name):
        monkeypatch.setattr(sys, "argv", [name, str(tmp_path)])
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        assert "</svg>" in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        return capsys.readouterr().out.splitlines()

    yield run
    sys.modules.pop("tabulate", None)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_prints_a_table_and_draws_it(ask, name):
    lines = ask(name)
    assert sum(bool(line) for line in lines) >= 5


def line(lines, start):
    return next(one for one in lines if one.startswith(start))


def test_seventy_billion_weights_take_three_hundred_chips_of_230_megabytes(ask):
    """70.6 GB over 230 MB is 307, and chips come in groups of eight."""
    assert line(ask("chips_for_70b"), "312 x groq-v1")


def test_a_rack_of_256_cannot_hold_405_billion_weights_of_8_bits(ask):
    assert "no: 405.8 GB and 256 lpx hold 128 GB" in line(ask("rack_of_256"), "llama-3-405b, 8 bits")


def test_a_gpu_beside_tiles_wins_where_users_are_promised_more_than_a_gpu_can_give(ask):
    lines = ask("gpu_and_tile")
    shares = [one.split() for one in lines if " + " in one and one[0].isdigit()]
    assert {one[-1] for one in shares if one[3] == "400"} == {"both"}
    assert {one[4] for one in shares if one[3] == "400"} == {"inf"}
