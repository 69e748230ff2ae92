"""A model as failing banks deliver it: cells that lost their bit, and what a code makes of them.

The errors are those of the behavioural bank under the same seed, so the golden decodes with exactly the weights that
the simulated tile sees.
"""

from dataclasses import dataclass, replace

import numpy as np

from rtl.memory.code import WordCode, word_code
from rtl.memory.faults import FaultRates, FaultyBank
from sim.compiler import Program
from sim.compiler.place import MatrixPlace
from sim.compiler.quantise import IntegerMatrix, IntegerModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Delivered:
    """A model after its banks.

    Attributes
    ----------
    model : IntegerModel
        With the weights that reach the lanes.
    words, corrected, uncorrectable, silent : int
        Words in all; those that the code repaired; that it gave up; and that came out wrong without a word from it.
    """

    model: IntegerModel
    words: int
    corrected: int
    uncorrectable: int
    silent: int


def deliver(model: IntegerModel, program: Program, rates: FaultRates, code: WordCode | None = None) -> Delivered:
    """The weights of a compiled model after loss of retention, and stuck cells, in banks whose words carry `code`
    (by default the program's).

    A read error or disturb is another matter: it differs from read to read, and is left to the simulated tile.
    """
    bits = model.head.format.word_bits
    own_code = word_code(program.config.code)
    code = code or own_code
    written = np.stack([own_code.decode(program.codewords(lane), bits)[0] for lane in range(len(program.weights))])
    data, corrected, lost, silent = np.empty_like(written), 0, 0, 0
    for lane, words in enumerate(written):
        for bank in range(program.config.banks_per_lane):
            index = lane * program.config.banks_per_lane + bank
            own = slice(bank, None, program.config.banks_per_lane)
            cells = FaultyBank(code.encode(words[own]), rates, index).cells
            data[lane, own], repaired, bad = code.decode(cells, bits)
            wrong = (data[lane, own] != words[own]).any(axis=1)
            corrected, lost = corrected + int(repaired.sum()), lost + int(bad.sum())
            silent += int((wrong & ~bad).sum())
    return Delivered(
        model=_replaced(model, program, data),
        words=written.shape[0] * written.shape[1],
        corrected=corrected,
        uncorrectable=lost,
        silent=silent,
    )


def _replaced(model: IntegerModel, program: Program, data) -> IntegerModel:
    """The model with the weights of these words, uint8 array [lanes, words, word bits]."""
    place = program.placement
    embedding = _matrix(model.embedding, place.embedding, data)
    tied = place.head is place.embedding
    layers = tuple(
        replace(layer, **{name: _matrix(getattr(layer, name), at, data) for name, at in layer_place.matrices.items()})
        for layer, layer_place in zip(model.layers, place.layers, strict=True)
    )
    head = embedding if tied else _matrix(model.head, place.head, data)
    return replace(model, embedding=embedding, layers=layers, head=head)


def _matrix(matrix: IntegerMatrix, place: MatrixPlace, data) -> IntegerMatrix:
    """A matrix read back from its place: the inverse of `sim.compiler.program.weight_words`."""
    f, lanes = matrix.format, len(data)
    words = -(-matrix.groups // f.groups_per_word)
    rows = data[:, place.weights : place.weights + place.blocks * words].reshape(lanes, place.blocks, words, -1)
    rows = rows.transpose(1, 0, 2, 3).reshape(place.blocks * lanes, words, f.word_bits)[: matrix.rows]
    scales = f.codes_per_word * f.weight_bits
    minima = scales + f.groups_per_word * f.scale_bits
    read = replace(
        matrix,
        codes=_integers(rows[..., :scales], f.weight_bits, matrix.codes, signed=True).astype(matrix.codes.dtype),
        group_scales=_integers(rows[..., scales:minima], f.scale_bits, matrix.group_scales, signed=f.signed_scales),
        minima=_integers(rows[..., minima:], f.minimum_bits, matrix.minima, signed=True),
    )
    # The shift is the program's, chosen for the weights as they were meant.
    read.__dict__["first_shift"] = matrix.first_shift
    return read


def _integers(bits, width: int, like, *, signed: bool):
    """Integers of `width` bits from their bits, in the shape of `like`."""
    if not width:
        return like
    weights = 1 << np.arange(width)
    if signed:
        weights[-1] *= -1
    values = bits.reshape(len(bits), -1, width).astype(np.int64) @ weights
    return values[:, : like.shape[1]]
