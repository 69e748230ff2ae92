"""A language model of the Llama family as the rest of Spinstream sees it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.checkpoint.tokenizer import Tokenizer

GROUP = 32
"""Columns that share one scale."""


@dataclass(frozen=True, kw_only=True)
class LlamaShape:
    """The sizes of a Llama model.

    Parameters
    ----------
    dim
        Width of the residual stream.
    layers, heads, kv_heads, head_dim
        Query heads number ``heads``; each ``heads // kv_heads`` of them share one key and value head.
    ffn
        Width inside the feed-forward block.
    vocab, context
        Number of tokens, and of positions.
    rope_base, norm_eps
        Base of the rotary angles, and what RMSNorm adds to the mean square.
    tied
        Whether the output head is the embedding.
    """

    dim: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    context: int
    rope_base: float
    norm_eps: float
    tied: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupedMatrix:
    """A matrix of codes with a scale, and perhaps a minimum, for every 32 columns.

    ``w[r, c] = scales[r, c // 32] * codes[r, c] + minima[r, c // 32]``

    Parameters
    ----------
    codes
        int8 [rows, columns]; columns are padded with zero codes to a multiple of 32.
    scales
        float32 [rows, columns / 32], finite; negative ones occur in `Q4_0`.
    minima
        float32 [rows, columns / 32], finite, or None. A matrix that has them has codes 0...15 (`Q4_1`).

    Raises
    ------
    ValueError
        If the shapes do not belong together.
    """

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    minima: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        rows, columns = self.codes.shape
        for name in ("scales", "minima"):
            values = getattr(self, name)
            if values is not None and (columns % GROUP or values.shape != (rows, columns // GROUP)):
                raise ValueError(
                    f"{name} of shape {values.shape} do not fit codes of shape {self.codes.shape} in groups of {GROUP}"
                )

    def values(self) -> NDArray[np.float32]:
        """Return the dequantised weights, float32 [rows, padded columns]."""
        rows, columns = self.codes.shape
        groups = self.codes.reshape(rows, columns // GROUP, GROUP)
        values = groups * self.scales[:, :, None]
        if self.minima is not None:
            values += self.minima[:, :, None]
        return values.reshape(rows, columns)


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One transformer block.

    Parameters
    ----------
    attention_norm, ffn_norm
        RMSNorm gains, float32 [dim].
    q, k, v
        [heads * head_dim, dim] and twice [kv_heads * head_dim, dim]; rotary pairs are adjacent rows.
    o
        [dim, heads * head_dim].
    gate, up, down
        Twice [ffn, dim], then [dim, ffn].
    """

    attention_norm: NDArray[np.float32]
    q: GroupedMatrix
    k: GroupedMatrix
    v: GroupedMatrix
    o: GroupedMatrix
    ffn_norm: NDArray[np.float32]
    gate: GroupedMatrix
    up: GroupedMatrix
    down: GroupedMatrix


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A whole model: shape, words and weights.

    Parameters
    ----------
    name, licence
        As the checkpoint states them.
    embedding, head
        [vocab, dim]; the head is the very same object as the embedding when ``shape.tied``.
    norm
        Gains of the last RMSNorm, float32 [dim].
    chat_template
        How a conversation is written, in Jinja; empty if the checkpoint has none.
    """

    name: str
    licence: str
    shape: LlamaShape
    tokenizer: Tokenizer
    embedding: GroupedMatrix
    layers: tuple[Layer, ...]
    norm: NDArray[np.float32]
    head: GroupedMatrix
    chat_template: str = ""
