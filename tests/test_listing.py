"""`spinstream compile`: what it shows agrees with the program, the schedule and the memories."""

import json
from itertools import pairwise

import pytest

from sim.__main__ import main
from sim.checkpoint import load_model
from sim.compiler import compile_model
from sim.design import load_design
from sim.tile import build_tile

DESIGN = "sram-22nm"


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    """The command's JSON, and the picture it draws."""
    path = tmp_path_factory.mktemp("listing") / "token.svg"
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda text: lines.append(text))
        with pytest.raises(SystemExit) as end:
            main(["compile", DESIGN, "--position", "40", "--plot", str(path), "--json"])
    assert end.value.code == 0
    return json.loads(lines[-1]), path


def test_matrices_lie_behind_each_other_and_fill_what_is_used(listing):
    shown, _ = listing
    for before, after in pairwise(shown["matrices"]):
        assert before["address"] + before["words"] == after["address"]
    last, banks = shown["matrices"][-1], load_design(DESIGN).memory.banks_per_lane
    assert -(-(last["address"] + last["words"]) // banks) == shown["memories"][0]["used"]
    assert all(use["used"] <= use["words"] for use in shown["memories"])


def test_words_of_matrices_hold_every_weight(listing):
    """Lanes times words times 32 weights are the model's matrices: on this design no word is left unfilled."""
    shown, _ = listing
    model, config = load_model("verse"), build_tile(load_design(DESIGN)).config
    weights = model.embedding.codes.size + sum(
        getattr(layer, name).codes.size for layer in model.layers for name in ("q", "k", "v", "o", "gate", "up", "down")
    )
    assert sum(matrix["words"] for matrix in shown["matrices"]) * config.lanes * 32 == weights


def test_the_timeline_is_the_schedule(listing):
    shown, _ = listing
    program = compile_model(load_model("verse"), build_tile(load_design(DESIGN)).config)
    for queue, instructions in zip(("stream", "vector"), program.queues, strict=True):
        turns = [turn for turn in shown["timeline"] if turn["queue"] == queue]
        assert [turn["source"] for turn in turns] == [i.source.name for i in instructions if i.source.name != "END"]
        assert all(a["end"] < b["start"] for a, b in pairwise(turns))
        assert turns[-1]["end"] < shown["cycles"]
    assert sum(shown["phase_cycles"].values()) == shown["cycles"]


def test_the_picture_is_drawn(listing):
    assert "<svg" in listing[1].read_text()[:500]


def test_a_position_beyond_the_context_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["compile", DESIGN, "--position", "256"])
    assert end.value.code == 2
    assert "--position is 256, and the context has positions 0 to 255" in " ".join(capsys.readouterr().err.split())
