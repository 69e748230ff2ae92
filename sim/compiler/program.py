"""What the compiler hands on: instructions and memory images."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtl.chip.assembly import tile_paths
from rtl.formats import CONSTANT_BITS
from rtl.memory.code import WordCode
from rtl.tile.config import TileConfig
from rtl.tile.program import Instruction
from sim.compiler.place import MatrixPlace, Placement
from sim.compiler.quantise import IntegerMatrix, IntegerModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """A model on a tile.

    stream, vector : instructions of one token in the tile's two queues
    config : the tiles that it is for
    weights : uint8 array [lanes, words, code bytes], codewords with bit 0 first; word w lies in bank w mod banks
    constants : int64 array [words, vector lanes]
    vocabulary, epsilon, context : what the host tells the tile, and the positions that fit
    columns : columns that a step uses at most
    """

    stream: tuple[Instruction, ...]
    vector: tuple[Instruction, ...]
    config: TileConfig
    weights: np.ndarray
    constants: np.ndarray
    placement: Placement
    vocabulary: int
    epsilon: int
    context: int
    columns: int = 1

    @property
    def queues(self) -> tuple[tuple[Instruction, ...], tuple[Instruction, ...]]:
        """Both queues, as `sim.timing` takes them."""
        return self.stream, self.vector

    def codewords(self, lane: int, words=slice(None)) -> np.ndarray:
        """Codewords of a lane as bits, uint8 array [words, code bits]."""
        return np.unpackbits(self.weights[lane, words], axis=-1, count=self.config.code_bits, bitorder="little")

    def images(self) -> Iterator[tuple[str, bytes]]:
        """File name, `<path of the memory>.<ending>`, and contents of every memory of every tile.

        Those of banks, `bin`, are for `$fread`, highest byte first; all others, `hex`, for `$readmemh`.
        """
        for tile, path in enumerate(tile_paths(self.config)):
            for name, contents in self._tile_images(tile):
                yield f"{path}.{name}", contents

    def _tile_images(self, tile: int) -> Iterator[tuple[str, bytes]]:
        """Contents of a tile's memories: words of its lanes, its elements of the constants, the programs."""
        banks, width = self.config.banks_per_lane, self.config.tile_vector_lanes
        for own, lane in enumerate(self.config.lanes_of(tile)):
            for bank in range(banks):
                yield f"weight_bank_{own * banks + bank}.bin", self.weights[lane][bank::banks, ::-1].tobytes()
        constants = self.constants[:, tile * width : (tile + 1) * width]
        lines = ["".join(f"{int(v) & 0xFFFF:04x}" for v in reversed(word)) for word in constants]
        yield "constant_memory.hex", "\n".join([*lines, ""]).encode()
        for queue, instructions in (("stream", self.stream), ("vector", self.vector)):
            yield f"{queue}_program_memory.hex", "".join(f"{i.encode():x}\n" for i in instructions).encode()

    def write_images(self, folder: Path, top: str = "") -> str:
        """Write all images into a folder, for tiles in a module `top` if given; a hash of their names and contents."""
        digest = hashlib.sha256()
        for name, contents in self.images():
            (folder / f"{top}{'.' if top else ''}{name}").write_bytes(contents)
            digest.update(name.encode())
            digest.update(contents)
        return digest.hexdigest()[:20]


ROWS_AT_ONCE = 1024
"""Rows of a matrix that are turned into bits together."""


def weight_words(matrix: IntegerMatrix, code: WordCode, rows: slice):
    """Codewords of some rows, uint8 array [rows, words, code bytes], bit 0 first.

    A row whose groups do not fill its last word ends in groups of zeros.
    """
    f = matrix.format
    words = -(-matrix.groups // f.groups_per_word)
    parts = [
        _field(matrix.codes[rows], f.weight_bits, words, f.codes_per_word),
        _field(matrix.group_scales[rows], f.scale_bits, words, f.groups_per_word),
        _field(matrix.minima[rows], f.minimum_bits, words, f.groups_per_word),
    ]
    bits = np.concatenate(parts, axis=2)
    codewords = code.encode(bits.reshape(-1, f.word_bits))
    return np.packbits(codewords, axis=1, bitorder="little").reshape(len(bits), words, -1)


def _field(values, width: int, words: int, count: int):
    """Bits of integers [rows, elements], filled up with zeros: uint8 array [rows, words, count * width]."""
    narrow = values.astype(np.uint8 if width <= 8 else np.uint32)  # the lowest bits stay
    padded = np.zeros((len(values), words * count), narrow.dtype)
    padded[:, : values.shape[1]] = narrow
    if width == 4 and padded.shape[1] % 2 == 0:  # most of a model: two codes are a byte, whose bits NumPy unpacks
        octets = padded[:, ::2] & 15 | padded[:, 1::2] << 4
        bits = np.unpackbits(octets, axis=1, bitorder="little")
    else:
        bits = (padded[:, :, None] >> np.arange(width, dtype=narrow.dtype) & 1).astype(np.uint8, copy=False)
    return bits.reshape(len(values), words, count * width)


def weight_images(model: IntegerModel, place: Placement, config: TileConfig):
    """Codewords of all banks, uint8 array [lanes, words used, code bytes], bit 0 first."""
    parts = [(model.embedding, place.embedding)]
    for layer, layer_place in zip(model.layers, place.layers, strict=True):
        parts += [(getattr(layer, name), at) for name, at in layer_place.matrices.items()]
    if place.head is not place.embedding:
        parts.append((model.head, place.head))
    words = max(at.weights + at.blocks * at.words for _, at in parts)
    image = np.zeros((config.lanes, words, -(-config.code_bits // 8)), np.uint8)
    for matrix, at in parts:
        for start in range(0, matrix.rows, ROWS_AT_ONCE):
            _put_rows(image, matrix, at, config.word_code, slice(start, start + ROWS_AT_ONCE))
    return image


def _put_rows(image, matrix: IntegerMatrix, at: MatrixPlace, code: WordCode, rows: slice):
    """Some rows of a matrix, of which the first belongs to the first lane."""
    lanes, _, size = image.shape
    codes = weight_words(matrix, code, rows)
    blocks = -(-len(codes) // lanes)
    filled = np.zeros((blocks * lanes, *codes.shape[1:]), np.uint8)
    filled[: len(codes)] = codes
    first = at.weights + rows.start // lanes * at.words
    by_lane = filled.reshape(blocks, lanes, at.words, size).transpose(1, 0, 2, 3)
    image[:, first : first + blocks * at.words] = by_lane.reshape(lanes, -1, size)


def constant_image(model: IntegerModel, place: Placement, config: TileConfig):
    """Row scales, norm gains and rotations, int64 array [constant words, vector lanes]; the rest is zero."""
    lanes = config.vector_lanes
    image = np.zeros((config.constant_words, lanes), np.int64)

    def put(address, values):
        padded = np.zeros(-(-len(values) // lanes) * lanes, np.int64)
        padded[: len(values)] = values
        image[address : address + len(padded) // lanes] = padded.reshape(-1, lanes)

    put(place.embedding.constants, model.embedding.row_scales)
    put(place.head.constants, model.head.row_scales)
    put(place.norm, model.norm.gains)
    for layer, at in zip(model.layers, place.layers, strict=True):
        put(at.attention_norm, layer.attention_norm.gains)
        put(at.ffn_norm, layer.ffn_norm.gains)
        for name, matrix in at.matrices.items():
            put(matrix.constants, getattr(layer, name).row_scales)
    for position, turns in enumerate(model.rotations[: config.context]):
        put(place.rotations + position * place.rotation_words, turns)
    assert np.abs(image).max(initial=0) < 1 << (CONSTANT_BITS - 1)
    return image
