"""Folders named by what they were made from: made once, whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Progress = Callable[[str], None]


def publish(root: Path, key: str, fill: Callable[[Path], None], *, progress: Progress | None = None) -> Path:
    """The folder `root/key`, which `fill` makes unless it is there.

    Parameters
    ----------
    root : Path
        Made when it is not there.
    key : str
        A file name that says everything the folder depends on, such as a hash.
    fill : callable
        Given an empty folder. It is renamed to `root/key` when `fill` returns and removed when it raises, so
        `root/key` is always whole. The folder's path must not matter to what is in it.
    progress : callable, optional
        Told when another process is making the same folder, which is then waited for.
    """
    finished = root / key
    if finished.is_dir():
        return finished
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{key}.lock", progress):
        if not finished.is_dir():
            _sweep(root)
            _make(root / f"{key}.partial", finished, fill)
    return finished


def _make(partial: Path, finished: Path, fill: Callable[[Path], None]) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        fill(partial)
        os.rename(partial, finished)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def _locked(path: Path, progress: Progress | None) -> Iterator[None]:
    """Holds the lock of one key; the system lets go of it when the process ends, however it ends."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress is not None:
                progress("waiting for another process that builds the same thing")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep(root: Path) -> None:
    """Removes what killed processes left: partial folders whose lock nobody holds."""
    for partial in root.glob("*.partial"):
        with partial.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(partial, ignore_errors=True)
