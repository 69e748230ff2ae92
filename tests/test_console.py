"""Progress: who sees what, and in which stream."""

import io

import pytest
from rich.console import Console

from sim import console
from sim.console import Silent, TerminalProgress, table


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves by hand."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    hand = Clock()
    monkeypatch.setattr(console.time, "monotonic", hand.monotonic)
    return hand


def shown(work, *, terminal: bool = False) -> tuple[str, str]:
    """What ``work`` shows: progress and text."""
    steps, text = io.StringIO(), io.StringIO()
    width = Console(file=steps, force_terminal=terminal, width=80, color_system=None)
    work(TerminalProgress(width, text))
    return steps.getvalue(), text.getvalue()


def test_a_long_step_is_named_when_it_begins_and_timed_when_it_ends(clock):
    def work(progress):
        with progress.step("build [the] simulator"):
            clock.now += 12.34

    assert shown(work) == ("· build [the] simulator\n✓ build [the] simulator 12.3 s\n", "")


def test_a_short_step_leaves_no_line_in_a_terminal(clock):
    def work(progress):
        with progress.step("read the sheet"):
            clock.now += 0.99

    steps, _ = shown(work, terminal=True)
    assert "✓" not in steps


def test_tokens_are_written_as_they_come_and_end_with_a_line():
    seen = []

    def work(progress):
        with progress.step("run"):
            progress.token("In")
            seen.append(progress._text.getvalue())
            progress.token(" the")

    assert shown(work)[1] == "In the\n"
    assert seen == ["In"]


def test_a_step_that_fails_is_not_said_to_be_done(clock):
    def work(progress):
        with progress.step("build"):
            clock.now += 5
            raise KeyError

    steps = io.StringIO()
    with pytest.raises(KeyError):
        work(TerminalProgress(Console(file=steps, width=80), io.StringIO()))
    assert "✓" not in steps.getvalue()


def test_silent_progress_shows_nothing(capsys):
    with Silent().step("anything"):
        Silent().token("text")
    assert capsys.readouterr() == ("", "")


def test_a_table_prints_square_brackets_as_they_are():
    plain = Console(file=io.StringIO(), width=60)
    plain.print(table("Title", ("A", "B"), [("[bold]x", "1")], right=("B",)))
    assert "[bold]x" in plain.file.getvalue()


def test_output_into_a_pipe_is_wide(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console.output().width == console.PIPE_COLUMNS
    monkeypatch.setenv("COLUMNS", "72")
    assert console.output().width == 72
