"""Where results that follow from their inputs alone are kept, and the small ones among them (JSON)."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devicemodels.errors import UserError


def cache_root() -> Path:
    """Folder of everything that can be made again: `SPINSTREAM_CACHE`, else `spinstream` in the user's cache folder.

    Raises
    ------
    UserError
        It cannot be made or written.
    """
    chosen = os.environ.get("SPINSTREAM_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    root = Path(chosen) if chosen else Path(user) / "spinstream"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(root, error.strerror) from error
    if not os.access(root, os.W_OK):
        raise _unusable(root, "Permission denied")
    return root.resolve()


def content_key(*parts: object) -> str:
    """A hash of JSON values: 20 hexadecimal digits that change when any of them does."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def cached_json(root: Path, name: str, compute: Callable[[], Any]) -> Any:
    """The JSON value in `root/name.json`, which `compute` makes unless it is there.

    The file is put in place whole, so an interrupted run leaves none and two at once agree.
    """
    path = root / f"{name}.json"
    if path.is_file():
        return json.loads(path.read_text())
    value = compute()
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=root, suffix=".tmp", delete=False) as file:
        json.dump(value, file)
    os.replace(file.name, path)
    return value


def _unusable(root: Path, reason: str | None) -> UserError:
    return UserError(f"cache folder {root} cannot be written ({reason}): set SPINSTREAM_CACHE to one that can")
