"""A GGUF file, opened with every kind of damage turned into one sentence."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, GGUFValueType, ReaderTensor
from numpy.typing import DTypeLike, NDArray

from devicemodels.errors import UserError

_MAGIC = b"GGUF"
_MISSING: Any = object()


class _Truncated(Exception):
    """The file ends before something that it announces."""


class _StrictReader(GGUFReader):
    """The package's reader, made to stop where the file stops.

    By itself it returns short arrays past the end without a word, and loops for ages over a damaged length.
    """

    data: Any

    def _get(self, offset: int, dtype: DTypeLike, count: int = 1, override_order: Any = None) -> NDArray[Any]:
        if offset + np.dtype(dtype).itemsize * int(count) > self.data.size:
            raise _Truncated
        self.data = np.asarray(self.data)  # a slice of a plain view costs a quarter of a slice of a memory map
        return super()._get(offset, dtype, count, override_order)

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> tuple[int, list[Any], list[int], list[GGUFValueType]]:
        """Read an array of numbers as one part instead of one part for each number, and one of texts at one go."""
        if raw_type != GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        item_type, length = self._get(orig_offs, np.uint32), self._get(orig_offs + 4, np.uint64)
        kind = GGUFValueType(int(item_type[0]))
        if kind == GGUFValueType.STRING and self.byte_order == "I":
            texts, end = self._texts(orig_offs + 12, int(length[0]))
            kinds = [GGUFValueType.ARRAY, kind]
            return end - orig_offs, [item_type, length, *texts], list(range(2, 2 + len(texts))), kinds
        if kind not in self.gguf_scalar_to_np:
            return super()._get_field_parts(orig_offs, raw_type)
        values = self._get(orig_offs + 12, self.gguf_scalar_to_np[kind], int(length[0]))
        return 12 + int(values.nbytes), [item_type, length, values], [2], [GGUFValueType.ARRAY, kind]

    def _texts(self, start: int, count: int) -> tuple[list[Any], int]:
        """Return the bytes of ``count`` texts, each behind its length, and where they end."""
        texts, size = [], self.data.size
        whole = memoryview(np.asarray(self.data))
        for _ in range(count):
            end = start + 8 + int.from_bytes(whole[start : start + 8], "little")
            if start + 8 > size or end > size:
                raise _Truncated
            texts.append(whole[start + 8 : end])
            start = end
        return texts, start


@dataclass(frozen=True, kw_only=True)
class GgufFile:
    """Metadata and tensors of a GGUF file; every getter raises `UserError` with the file and the key."""

    path: Path
    fields: Mapping[str, Any]
    tensors: Mapping[str, ReaderTensor]

    def integer(self, key: str, default: Any = _MISSING, *, low: int = 1) -> Any:
        """Return a whole number of at least ``low`` and below 2^31."""
        value = self._value(key, default)
        if value is default:
            return value
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 2**31:
            raise self._refuse(key, value, f"a whole number from {low} to {2**31 - 1}")
        return value

    def positive(self, key: str, default: Any = _MISSING) -> float:
        """Return a finite number above zero."""
        value = self._value(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
            raise self._refuse(key, value, "a finite number above zero")
        return float(value)

    def text(self, key: str, default: Any = _MISSING) -> str:
        """Return a text."""
        return self._typed(key, default, str, "a text")

    def flag(self, key: str, default: Any = _MISSING) -> bool:
        """Return true or false."""
        return self._typed(key, default, bool, "true or false")

    def items(self, key: str, kind: type, default: Any = _MISSING) -> tuple[Any, ...]:
        """Return an array whose items are all of one type."""
        value = self._value(key, default)
        if value is default:
            return value
        if not isinstance(value, list) or not all(type(item) is kind for item in value):
            raise self._refuse(key, value, f"an array of {kind.__name__}")
        return tuple(value)

    def refuse(self, reason: str) -> UserError:
        """Return the error for this file: its path and a reason that completes the sentence."""
        return UserError(f'"{self.path}" {reason}')

    def _value(self, key: str, default: Any) -> Any:
        value = self.fields.get(key, default)
        if value is _MISSING:
            raise self.refuse(f'has no metadata "{key}", which a llama model needs: convert the model to GGUF again.')
        return value

    def _typed(self, key: str, default: Any, kind: type, wanted: str) -> Any:
        value = self._value(key, default)
        if value is not default and not isinstance(value, kind):
            raise self._refuse(key, value, wanted)
        return value

    def _refuse(self, key: str, value: Any, wanted: str) -> UserError:
        given = shown(value if isinstance(value, str) else repr(value))
        return self.refuse(f'gives "{key}" as {given}, which must be {wanted}: convert the model to GGUF again.')


def shown(text: str) -> str:
    """Return a text from a file as an error message can bear it: on one line, printable, at most 40 characters."""
    clean = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:41])
    return clean if len(clean) <= 40 else clean[:39] + "\N{HORIZONTAL ELLIPSIS}"


def open_gguf(path: Path) -> GgufFile:
    """Open a GGUF file.

    Raises
    ------
    UserError
        If there is no such file, it cannot be read, is not a little-endian GGUF, or is truncated or damaged.
    """
    _check_magic(path)
    try:
        with np.errstate(over="raise"):
            reader = _StrictReader(path)
            fields = {key: field.contents() for key, field in reader.fields.items()}
    except _Truncated as error:
        size = path.stat().st_size
        raise UserError(
            f'"{path}" is truncated or damaged, it announces more than its {size} bytes: fetch it again.'
        ) from error
    except Exception as error:  # whatever the package raises over foreign bytes, the file is at fault
        raise UserError(
            f'"{path}" is damaged or of an unknown GGUF version ({_brief(error)}): fetch it again.'
        ) from error
    if reader.byte_order != "I":
        raise UserError(f'"{path}" has the byte order of another machine: convert it with gguf-convert-endian.')
    return GgufFile(path=path, fields=fields, tensors={tensor.name: tensor for tensor in reader.tensors})


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except FileNotFoundError as error:
        raise UserError(f'There is no model file "{path}": give the path of a GGUF file.') from error
    except (OSError, ValueError) as error:
        raise UserError(
            f'The model file "{path}" cannot be read ({_brief(error)}): give the path of a GGUF file.'
        ) from error
    if start != _MAGIC:
        raise UserError(f'"{path}" is not a GGUF file, it does not begin with "GGUF": convert the model to GGUF first.')


def _brief(error: Exception) -> str:
    """Return one line about a foreign error."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return shown(lines[0]) if lines else type(error).__name__
