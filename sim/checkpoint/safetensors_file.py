"""The tensors of a safetensors checkpoint: one file, or shards named by an index.

The format is a length, a table in JSON and the bytes, so it is read here; NumPy has no bfloat16, which becomes a shift.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devicemodels.errors import UserError
from sim.checkpoint.gguf_file import shown

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_TYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
_LONGEST_TABLE = 100 << 20


@dataclass(frozen=True, kw_only=True)
class StoredTensor:
    """Where a tensor lies.

    Parameters
    ----------
    path, start
        File, and the first byte in it.
    kind, shape
        As the file's table states them; nothing but their size is checked yet.
    """

    path: Path
    start: int
    kind: str
    shape: tuple[int, ...]

    def values(self) -> NDArray[np.float32]:
        """Return the tensor as float32.

        Raises
        ------
        UserError
            If its type is none of F32, F16 and BF16, or a value is not finite.
        """
        if self.kind not in _TYPES:
            raise UserError(
                f'"{self.path}" holds tensors of type {shown(self.kind)}, supported are {", ".join(_TYPES)}: give '
                "another checkpoint."
            )
        raw = np.fromfile(self.path, _TYPES[self.kind], math.prod(self.shape), offset=self.start)
        values = (raw.astype(np.uint32) << 16).view(np.float32) if self.kind == "BF16" else raw.astype(np.float32)
        if not np.isfinite(values).all():
            raise UserError(f'"{self.path}" holds values that are not finite: the file is damaged, fetch it again.')
        return values.reshape(self.shape)


def open_safetensors(folder: Path) -> Mapping[str, StoredTensor]:
    """Return the tensors of the checkpoint in a folder by their names.

    Raises
    ------
    UserError
        If there is none, a shard is missing, or a file is truncated or damaged.
    """
    if (folder / INDEX).is_file():
        return _sharded(folder)
    if (folder / SINGLE).is_file():
        return _read_table(folder / SINGLE)
    raise UserError(f'"{folder}" holds neither "{SINGLE}" nor "{INDEX}": give the folder of a safetensors checkpoint.')


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises
    ------
    UserError
        If the file cannot be read or holds no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f'"{path}" cannot be read ({error.strerror}): fetch the whole checkpoint.') from error
    except ValueError as error:
        raise UserError(f'"{path}" is no JSON, it is truncated or damaged: fetch it again.') from error
    if not isinstance(value, dict):
        raise UserError(f'"{path}" holds no JSON object: fetch it again.')
    return value


def _sharded(folder: Path) -> Mapping[str, StoredTensor]:
    places = read_json(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) and "/" not in name for name in places.values()):
        raise UserError(f'"{folder / INDEX}" has no "weight_map" of file names: fetch it again.')
    tables = {name: _read_table(folder / name) for name in sorted(set(places.values()))}
    for tensor, name in places.items():
        if tensor not in tables[name]:
            raise UserError(
                f'"{folder / name}" lacks the tensor "{shown(tensor)}" that the index has in it: fetch both.'
            )
    return {tensor: tables[name][tensor] for tensor, name in places.items()}


def _read_table(path: Path) -> dict[str, StoredTensor]:
    damaged = UserError(f'"{path}" is truncated or damaged: fetch it again.')
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, _LONGEST_TABLE):
                raise damaged
            table = json.loads(file.read(length))
    except OSError as error:
        raise UserError(f'"{path}" cannot be read ({error.strerror}): fetch the whole checkpoint.') from error
    except ValueError as error:
        raise damaged from error
    try:
        entries = {name: entry for name, entry in table.items() if name != "__metadata__"}
        return {name: _stored(path, entry, 8 + length, size) for name, entry in entries.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged from error


def _stored(path: Path, entry: dict[str, Any], base: int, size: int) -> StoredTensor:
    """Return one tensor of a table; an error of any kind if the entry is not what it must be."""
    start, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not all(isinstance(number, int) and number >= 0 for number in (start, end, *shape)) or base + end > size:
        raise ValueError
    kind = entry["dtype"]
    if kind in _TYPES and end - start != math.prod(shape) * _TYPES[kind].itemsize:
        raise ValueError
    return StoredTensor(path=path, start=base + start, kind=str(kind), shape=shape)
