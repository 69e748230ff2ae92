"""Progress and tables in the terminal.

Two streams: results go to standard output, progress to standard error, so that ``--json`` and pipes stay clean.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Protocol

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

SHORT_STEP_S = 1.0
PIPE_COLUMNS = 160
"""Width of tables that go into a file or a pipe, where no terminal says how wide it is."""


def output() -> Console:
    """Standard output for tables, as wide as the terminal or, where there is none, wide enough not to fold."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_COLUMNS
    return console


class Progress(Protocol):
    """What a long function tells its user while it works."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Name what happens inside the ``with`` block, such as "build the simulator"."""
        ...

    def token(self, text: str) -> None:
        """Show the piece of text that the hardware has just emitted."""
        ...


class Silent:
    """Progress that shows nothing: for scripts and tests."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Do nothing around the block."""
        yield

    def token(self, text: str) -> None:
        """Drop the text."""


class TerminalProgress:
    """Progress for people: a spinner with the seconds while a step runs, one line with its time when it took long.

    Parameters
    ----------
    console
        Where steps are shown; standard error in the command line. Without a terminal there, a step that lasts
        shows one line when it begins and one when it ends.
    text
        Where emitted tokens are written as they come: standard output, or standard error under ``--json``.
    """

    def __init__(self, console: Console, text: IO[str]):
        self._console = console
        self._text = text
        self._bar: Bar | None = None
        self._in_text = False

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show ``name`` until the block ends, then the time it took if that was more than a second."""
        self._end_text()
        self._stop_spinner()
        began = time.monotonic()
        self._start_spinner(name)
        try:
            yield
        finally:
            self._stop_spinner()
            self._end_text()
        if (elapsed := time.monotonic() - began) >= SHORT_STEP_S:
            self._console.print(
                f"[green]✓[/green] {escape(name)} [dim]{elapsed:.1f} s[/dim]", highlight=False, soft_wrap=True
            )

    def token(self, text: str) -> None:
        """Write ``text`` at once; the spinner gives way to it."""
        self._stop_spinner()
        self._in_text = True
        self._text.write(text)
        self._text.flush()

    def _start_spinner(self, name: str) -> None:
        if self._console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bar = Bar(*columns, console=self._console, transient=True)
            self._bar.add_task(escape(name))
            self._bar.start()
        else:
            self._console.print(f"· {escape(name)}", highlight=False, soft_wrap=True)

    def _stop_spinner(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _end_text(self) -> None:
        if self._in_text:
            self._text.write("\n")
            self._text.flush()
            self._in_text = False


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> Table:
    """A Rich table of plain strings; the columns named in ``right`` are set flush right."""
    result = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in columns:
        result.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        result.add_row(*(escape(cell) for cell in row))
    return result
