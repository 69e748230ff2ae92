"""A child process whose lines are seen as they come and which never outlives its caller."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path


class ProcessTimeout(RuntimeError):
    """The process took longer than it was given and was ended."""


def run_lines(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> int:
    """Runs `command` in `folder` and returns its exit status.

    Standard output and error go, together and line by line, to the file `log` (appended) and to `on_line`. The
    process has a group of its own, which is ended when this function is left by an exception (Ctrl-C included), and
    a standard input that closes when this process dies.

    Raises
    ------
    ProcessTimeout
        After `timeout` seconds.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    _running.add(process)
    late = threading.Event()
    timer = threading.Timer(timeout or 0, _end_late, (process, late))
    if timeout is not None:
        timer.start()
    try:
        assert process.stdout is not None
        _copy(process.stdout, log, on_line)
        status = process.wait()
    finally:
        timer.cancel()
        _end(process)
        _running.discard(process)
    if late.is_set():
        raise ProcessTimeout(f"{Path(command[0]).name} ran longer than {timeout:g} s and was ended")
    return status


_running: set[subprocess.Popen[str]] = set()


def end_all() -> None:
    """Ends every process that `run_lines` is waiting for, in whatever thread: for a main thread that is interrupted."""
    for process in tuple(_running):
        _kill(process)


def last_lines(log: Path, count: int = 30) -> str:
    """The end of a log, for a message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def end_with_parent() -> None:
    """Called in the child: ends it and its children when the parent ends, even if that was killed.

    Standard input is a pipe that the parent never writes to, so reading it returns when the parent is gone.
    """

    def wait() -> None:
        sys.stdin.read()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def _copy(lines: Iterable[str], log: Path, on_line: Callable[[str], None] | None) -> None:
    with log.open("a") as copy:
        for line in lines:
            copy.write(line)
            copy.flush()
            if on_line is not None:
                on_line(line.rstrip("\n"))


def _end_late(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    _kill(process)


def _end(process: subprocess.Popen[str]) -> None:
    _kill(process)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    process.wait()


def _kill(process: subprocess.Popen[str]) -> None:
    """Ends the whole group: what the process started as well."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
