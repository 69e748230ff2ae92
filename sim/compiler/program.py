"""What the compiler hands on: instructions and memory images."""

import functools
from dataclasses import dataclass

import numpy as np

from rtl.formats import CONSTANT_BITS
from rtl.tile.config import TileConfig
from rtl.tile.program import Instruction
from sim.compiler.place import MatrixPlace, Placement
from sim.compiler.quantise import IntegerMatrix, IntegerModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """A model on a tile.

    stream, vector : instructions of one token in the tile's two queues
    weights : uint8 array [lanes, words, code bits] of bits, check bits included; word w lies in bank w mod banks
    constants : int64 array [words, vector lanes]
    code : name of the code that weight words carry
    vocabulary, epsilon, context : what the host tells the tile, and the positions that fit
    """

    stream: tuple[Instruction, ...]
    vector: tuple[Instruction, ...]
    banks_per_lane: int
    code: str
    weights: np.ndarray
    constants: np.ndarray
    placement: Placement
    vocabulary: int
    epsilon: int
    context: int

    @property
    def queues(self) -> tuple[tuple[Instruction, ...], tuple[Instruction, ...]]:
        """Both queues, as `sim.timing` takes them."""
        return self.stream, self.vector

    @functools.cached_property
    def images(self) -> dict[str, str]:
        """File name and `$readmemh` text of every memory."""
        banks = self.banks_per_lane
        images = {
            f"weights_{lane * banks + bank}.hex": hex_lines(words[bank::banks])
            for lane, words in enumerate(self.weights)
            for bank in range(banks)
        }
        images["constants.hex"] = "".join(
            "".join(f"{int(v) & 0xFFFF:04x}" for v in reversed(word)) + "\n" for word in self.constants
        )
        for queue, instructions in (("stream", self.stream), ("vector", self.vector)):
            images[f"{queue}_program.hex"] = "".join(f"{i.encode():x}\n" for i in instructions)
        return images


def hex_lines(bits) -> str:
    """Words of bits (uint8 array [words, bits], bit 0 first) as lines of hexadecimal digits."""
    words, length = bits.shape
    padded = np.zeros((words, -(-length // 8) * 8), np.uint8)
    padded[:, :length] = bits
    octets = np.packbits(padded, axis=1, bitorder="little")[:, ::-1]
    skip = octets.shape[1] * 2 - -(-length // 4)
    return "".join(octet.tobytes().hex()[skip:] + "\n" for octet in octets)


def weight_bits(matrix: IntegerMatrix, place: MatrixPlace, lanes: int):
    """Data bits of a matrix's words, uint8 array [lanes, blocks * words, word bits].

    A row whose groups do not fill its last word ends in groups of zeros.
    """
    f, rows = matrix.format, place.blocks * lanes
    words = -(-matrix.groups // f.groups_per_word)
    parts = [
        _field(matrix.codes, f.weight_bits, rows, words, f.codes_per_word),
        _field(matrix.group_scales, f.scale_bits, rows, words, f.groups_per_word),
        _field(matrix.minima, f.minimum_bits, rows, words, f.groups_per_word),
    ]
    bits = np.concatenate(parts, axis=2).reshape(place.blocks, lanes, words, f.word_bits)
    return bits.transpose(1, 0, 2, 3).reshape(lanes, place.blocks * words, f.word_bits)


def _field(values, width: int, rows: int, words: int, count: int):
    """Bits of integers [some rows, elements], filled up with zeros: uint8 array [rows, words, count * width]."""
    padded = np.zeros((rows, words * count), np.int64)
    padded[: len(values), : values.shape[1]] = values
    bits = padded[:, :, None] >> np.arange(width) & 1
    return bits.astype(np.uint8).reshape(rows, words, count * width)


def weight_images(model: IntegerModel, place: Placement, config: TileConfig):
    """Codewords of all banks, uint8 array [lanes, words used, code bits]."""
    parts = [(model.embedding, place.embedding)]
    for layer, layer_place in zip(model.layers, place.layers, strict=True):
        parts += [(getattr(layer, name), at) for name, at in layer_place.matrices.items()]
    if place.head is not place.embedding:
        parts.append((model.head, place.head))
    pieces = [(at.weights, weight_bits(matrix, at, config.lanes)) for matrix, at in parts]
    words = max(start + piece.shape[1] for start, piece in pieces)
    data = np.zeros((config.lanes, words, config.format.word_bits), np.uint8)
    for start, piece in pieces:
        data[:, start : start + piece.shape[1]] = piece
    return np.stack([config.word_code.encode(bank) for bank in data])


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
