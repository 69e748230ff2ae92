"""Pass before quantisation: the groups of each vector brought to like magnitudes, so that all use all bits.

A vector of activations has one scale, which its largest element sets. In real models a few channels are ten times as
large as the others, whose codes then have few bits left. Here a group of 32 channels that tends to be large is divided
by a power of two where it arises, in the gains of the norm or the rows of the `up` matrix, and the scales and minima of
the same group of columns in the next matrix are multiplied by it. Codes stay as they are, and so does, exactly, what
the model computes; no hardware is added. It is the idea of SmoothQuant (Xiao and others, 2023) by groups, in which the
checkpoint's own codes survive.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.checkpoint import GroupedMatrix, Model
from sim.checkpoint.model import GROUP, Layer


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerExponents:
    """By how many powers of two each group of a layer's vectors is divided, int64 arrays.

    attention, ffn : of the normalised vector before attention and before the feed-forward block [groups of dim]
    hidden : of the vector that `down` multiplies [groups of ffn]
    """

    attention: np.ndarray
    ffn: np.ndarray
    hidden: np.ndarray


def exponents(vectors) -> np.ndarray:
    """How much louder than the geometric mean each group tends to be, in powers of two, int64 [groups].

    vectors : float array [positions, elements], as fp32 has them on some text
    """
    padded = np.pad(np.abs(vectors), ((0, 0), (0, -vectors.shape[1] % GROUP)))
    peaks = np.median(padded.reshape(len(padded), -1, GROUP).max(axis=2), axis=0)
    heard = peaks > 0
    logs = np.log2(np.where(heard, peaks, 1))
    return np.rint(logs - logs.sum() / max(heard.sum(), 1)).astype(np.int64) * heard


def equalise(model: Model, layers: Sequence[LayerExponents]) -> Model:
    """The same model, exactly, whose vectors are divided by these powers of two."""
    pairs = zip(model.layers, layers, strict=True)
    return replace(model, layers=tuple(_equalise(layer, powers) for layer, powers in pairs))


def _equalise(layer: Layer, powers: LayerExponents) -> Layer:
    return replace(
        layer,
        attention_norm=_divide(layer.attention_norm, powers.attention),
        q=_multiply(layer.q, powers.attention),
        k=_multiply(layer.k, powers.attention),
        v=_multiply(layer.v, powers.attention),
        ffn_norm=_divide(layer.ffn_norm, powers.ffn),
        gate=_multiply(layer.gate, powers.ffn),
        up=_divide_rows(_multiply(layer.up, powers.ffn), powers.hidden),
        down=_multiply(layer.down, powers.hidden),
    )


def _divide(gains, powers):
    """Gains, float32 [dim], divided group by group."""
    return np.ldexp(gains, -np.repeat(powers, GROUP)[: len(gains)])


def _multiply(matrix: GroupedMatrix, powers) -> GroupedMatrix:
    """Columns multiplied group by group: their scales and minima."""
    minima = None if matrix.minima is None else np.ldexp(matrix.minima, powers)
    return replace(matrix, scales=np.ldexp(matrix.scales, powers), minima=minima)


def _divide_rows(matrix: GroupedMatrix, powers) -> GroupedMatrix:
    """Rows divided group by group."""
    down = -np.repeat(powers, GROUP)[: len(matrix.scales), None]
    minima = None if matrix.minima is None else np.ldexp(matrix.minima, down)
    return replace(matrix, scales=np.ldexp(matrix.scales, down), minima=minima)
