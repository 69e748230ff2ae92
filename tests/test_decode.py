"""Truth: simulated tokens equal the golden's, simulated cycles the predicted ones, words read the counted ones."""

import dataclasses
import json

import numpy as np
import pytest

from devicemodels.errors import UserError
from sim.accounts import MEASURED, events
from sim.checkpoint import load_model
from sim.compiler import compile_model
from sim.console import Silent
from sim.decode import decode, measure, prepare, simulate
from sim.design import load_design
from sim.timing import emission_cycles
from testbench.runner import SimulationError

LONG_PROMPT = "And it came to pass, when the king heard the words of the man of God, that he "
DESIGNS = ["mram-22nm", "sram-22nm"]
UTILISATION = {"mram-22nm": 0.75, "sram-22nm": 0.55, "mram-22nm-4bit": 0.22}
"""Least that the shipped model gives; it is small, and waits for latencies weigh the more the faster the banks are."""


@pytest.fixture(scope="module")
def verse():
    return load_model("verse")


def prepared(design, model, prompt, tokens):
    return prepare(
        load_design(design), model, prompt=prompt, tokens=tokens, simulator="verilator", waves=False, progress=Silent()
    )


def check(run, observed):
    """Compare what the hardware did with golden, prediction and accounts."""
    first = len(run.prompt_tokens) - 1
    assert observed["tokens"] == run.expected
    assert observed["token_cycles"] == emission_cycles(run.program.queues, run.tile.config, first + 1, run.total)
    counts = [
        events(run.program.queues, run.tile.config, position, emits=position >= first) for position in range(run.total)
    ]
    for event, name in MEASURED.items():
        assert observed[name] == sum(count[event] for count in counts), name
    assert observed["uncorrectable_words"] == 0


@pytest.mark.parametrize("design", UTILISATION)
@pytest.mark.parametrize(("prompt", "tokens"), [("", 3), ("The king", 4), (LONG_PROMPT, 3)])
def test_hardware_equals_golden_and_prediction(design, prompt, tokens, verse, tmp_path):
    """The long prompt's tokens reach into the second page of 32 positions."""
    run = prepared(design, verse, prompt, tokens)
    observed = simulate(run, tmp_path, Silent())
    check(run, observed)
    assert observed["corrected_words"] == 0
    measurement = measure(run, observed, tmp_path)
    assert measurement.utilisation > UTILISATION[design]
    assert sum(measurement.phase_cycles.values()) == pytest.approx(measurement.cycles_per_token)


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_a_whole_context(design, verse, tmp_path):
    """From the first position to the last one that the KV banks hold, over every page boundary."""
    prompt = "And the LORD spake unto Moses"
    room = load_design(design).tile.context - len(verse.tokenizer.encode(prompt)) + 1
    run = prepared(design, verse, prompt, room)
    check(run, simulate(run, tmp_path, Silent()))


def test_single_bit_errors_are_corrected_and_counted(verse, tmp_path):
    run = prepared("mram-22nm", verse, "The king", 2)
    gate = run.program.placement.layers[2].matrices["gate"]  # read once for every position
    for lane, word, bit in [(0, 0, 0), (3, 7, 100), (7, 99, 273)]:
        run.program.weights[lane, gate.weights + word, bit // 8] ^= 1 << bit % 8
    observed = simulate(run, tmp_path, Silent())
    check(run, observed)
    assert observed["corrected_words"] == 3 * run.total
    assert not any(observed["tainted"])


def test_double_bit_errors_are_reported(verse, tmp_path):
    run = prepared("mram-22nm", verse, "The king", 2)
    gate = run.program.placement.layers[2].matrices["gate"]
    run.program.weights[2, gate.weights + 5, [10 // 8, 200 // 8]] ^= np.array([1 << 10 % 8, 1 << 200 % 8], np.uint8)
    observed = simulate(run, tmp_path, Silent())
    assert (observed["corrected_words"], observed["uncorrectable_words"]) == (0, run.total)
    assert all(observed["tainted"]) and observed["lost"] == [2, gate.weights + 5]
    predicted = emission_cycles(run.program.queues, run.tile.config, len(run.prompt_tokens), run.total)
    assert observed["token_cycles"] == predicted


def test_a_bank_read_too_soon_stops_the_simulation(verse, tmp_path):
    """A program scheduled for faster banks than the hardware has does not pass unseen."""
    run = prepared("mram-22nm", verse, "The king", 1)
    faster = dataclasses.replace(run.tile.config.bank, cadence_cycles=1)
    program = compile_model(verse, dataclasses.replace(run.tile.config, bank=faster))
    with pytest.raises(SimulationError, match="an access begins 1 cycles before the last one ends"):
        simulate(dataclasses.replace(run, program=program), tmp_path, Silent())


def test_a_run_folder_is_whole_or_not_there(verse, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    monkeypatch.setattr("sim.decode.measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        decode_into(folder, verse)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    measurement = decode_into(folder, verse)
    assert measurement.golden_equal and measurement.cycles_equal
    assert json.loads((folder / "measurement.json").read_text()) == measurement.as_dict()
    with pytest.raises(UserError, match="exists"):
        decode_into(folder, verse)


def decode_into(folder, model):
    return decode(
        load_design("sram-22nm"), model, prompt="The", tokens=1, simulator="verilator", run_folder=folder,
        progress=Silent(),
    )  # fmt: skip


def test_a_prompt_must_leave_room(verse, tmp_path):
    with pytest.raises(UserError, match=r"the prompt has 3 tokens and 300 more are wanted, but the context is 256"):
        decode(
            load_design("sram-22nm"), verse, prompt="The king", tokens=300, simulator="verilator",
            run_folder=tmp_path / "run", progress=Silent(),
        )  # fmt: skip
