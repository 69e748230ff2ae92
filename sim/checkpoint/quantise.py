"""Plain weights to groups of 8-bit codes."""

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import quantize
from numpy.typing import NDArray

from sim.checkpoint.model import GROUP, GroupedMatrix

_HALF_BYTES = 2


def quantise(weights: NDArray[np.float32]) -> GroupedMatrix:
    """Quantise float32 weights [rows, columns] to `Q8_0`: 8-bit codes, one half-precision scale per 32 columns.

    The codes are those that llama.cpp's own quantiser gives: the largest magnitude of a group becomes code 127
    and every other weight the nearest code. Columns are padded with zeros to a multiple of 32. A weight beyond
    about 8.3 million has no finite scale; the caller looks for that.

    Source: ``quantize_row_q8_0_ref`` of ggml, through the ``gguf`` package.
    """
    padding = -weights.shape[1] % GROUP
    padded = np.pad(np.asarray(weights, dtype=np.float32), ((0, 0), (0, padding)))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        blocks = quantize(padded, GGMLQuantizationType.Q8_0)
    return unpack_q8_0(blocks)


def unpack_q8_0(blocks: NDArray[np.uint8]) -> GroupedMatrix:
    """Take `Q8_0` rows apart: uint8 [rows, groups * 34], each group a half-precision scale and 32 signed codes."""
    (scales,), codes = _split(blocks, 1, GROUP)
    return GroupedMatrix(codes=codes.view(np.int8).reshape(len(blocks), -1), scales=scales)


def unpack_q4_0(blocks: NDArray[np.uint8]) -> GroupedMatrix:
    """Take `Q4_0` rows apart: uint8 [rows, groups * 18], each group a half-precision scale and 32 codes plus 8.

    The low nibbles of the 16 bytes are the first half of the group, the high nibbles the second.
    """
    (scales,), octets = _split(blocks, 1, GROUP // 2)
    return GroupedMatrix(codes=_nibbles(octets) - np.int8(8), scales=scales)


def unpack_q4_1(blocks: NDArray[np.uint8]) -> GroupedMatrix:
    """Take `Q4_1` rows apart: uint8 [rows, groups * 20], each group a scale, a minimum and codes 0...15."""
    (scales, minima), octets = _split(blocks, 2, GROUP // 2)
    return GroupedMatrix(codes=_nibbles(octets), scales=scales, minima=minima)


def _nibbles(octets: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Codes 0...15, int8 [rows, columns], from bytes [rows, groups, 16]."""
    return np.concatenate([octets & 15, octets >> 4], axis=2).astype(np.int8).reshape(len(octets), -1)


def _split(
    blocks: NDArray[np.uint8], halves: int, code_bytes: int
) -> tuple[list[NDArray[np.float32]], NDArray[np.uint8]]:
    """Return the half-precision numbers, each float32 [rows, groups], and the code bytes [rows, groups, code_bytes]."""
    head = halves * _HALF_BYTES
    groups = blocks.reshape(len(blocks), -1, head + code_bytes)
    numbers = np.ascontiguousarray(groups[:, :, :head]).view(np.dtype("<f2")).astype(np.float32)
    return [numbers[:, :, i] for i in range(halves)], np.ascontiguousarray(groups[:, :, head:])
