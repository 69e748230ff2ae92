"""The floating-point reference: a Llama decoder in float32 on the dequantised weights.

Everything that Spinstream computes in integers is measured against these functions. The arithmetic is that of the
Llama papers as GGUF stores it: RMSNorm, rotary embedding on adjacent pairs, grouped-query attention, SwiGLU.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devicemodels.errors import UserError
from sim.checkpoint.model import GroupedMatrix, Layer, LlamaShape, Model

_CHUNK = 512
"""Positions computed at a time; bounds the attention scores to heads * 512 * context."""

Floats = NDArray[np.float32]


def logits(model: Model, tokens: Sequence[int]) -> Floats:
    """Return the logits after each token, float32 [len(tokens), vocab].

    Parameters
    ----------
    model
        Its padded columns do not count.
    tokens
        A text from its first position on, at most ``model.shape.context`` long.

    Raises
    ------
    UserError
        If the text is empty or longer than the context.
    ValueError
        If a token is outside the vocabulary.
    """
    _check_room(model, len(tokens))
    return _Decoder(model).advance(_as_array(model, tokens))


def greedy(model: Model, prompt_tokens: Sequence[int], count: int) -> list[int]:
    """Return ``count`` tokens that go on from a prompt, each the likeliest; of equal ones the lowest number.

    A token that ends a text does not end the run.

    Raises
    ------
    UserError
        If the prompt is empty, or prompt and tokens together are longer than the context.
    ValueError
        If a token is outside the vocabulary.
    """
    _check_room(model, len(prompt_tokens), count)
    decoder, generated = _Decoder(model), []
    fresh = _as_array(model, prompt_tokens)
    for _ in range(count):
        generated.append(int(np.argmax(decoder.advance(fresh)[-1])))
        fresh = np.array(generated[-1:])
    return generated


def perplexity(model: Model, tokens: Sequence[int], *, window: int | None = None) -> float:
    """Return the perplexity of a text: the exponential of the mean of `token_losses`.

    Parameters
    ----------
    model
        Gives the likelihoods.
    tokens
        A text of at least two tokens, of any length.
    window
        Positions the model sees at once, by default its context.

    Raises
    ------
    UserError, ValueError
        As `token_losses` does.
    """
    return float(np.exp(token_losses(model, tokens, window=window).mean(dtype=np.float64)))


def token_losses(model: Model, tokens: Sequence[int], *, window: int | None = None) -> Floats:
    """Return the negative log-likelihood of every token but the first, in nats, float32 [len(tokens) - 1].

    The text is read in `windows`, so a token sees what stands before it in its window only.

    Raises
    ------
    UserError
        If the text has fewer than two tokens or the window does not fit the context.
    ValueError
        If a token is outside the vocabulary.
    """
    size = model.shape.context if window is None else window
    if not 1 <= size <= model.shape.context:
        raise UserError(
            f'A window of {size} tokens does not fit the context of "{model.name}": 1 to {model.shape.context}.'
        )
    if len(tokens) < 2:
        raise UserError(f"A text of {len(tokens)} tokens has no perplexity: give at least 2.")
    decoder, text = _Decoder(model), _as_array(model, tokens)
    inputs, targets = text[:-1], text[1:]
    parts = windows(len(text), size)
    return np.concatenate([_losses(decoder.restart().advance(inputs[part]), targets[part]) for part in parts])


def windows(count: int, size: int) -> Iterator[slice]:
    """Yield the inputs of each window: ``size`` tokens each, none twice, the last token of all left out.

    The token after each input is the one to be predicted, so every token but the first is predicted once.
    """
    for start in range(0, count - 1, size):
        yield slice(start, min(start + size, count - 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Block:
    """The dequantised weights of a layer, float32, without padded columns."""

    attention_norm: Floats  # [dim]
    qkv: Floats  # [(heads + 2 * kv_heads) * head_dim, dim]
    o: Floats  # [dim, heads * head_dim]
    ffn_norm: Floats  # [dim]
    gate_up: Floats  # [2 * ffn, dim]
    down: Floats  # [dim, ffn]


class _Decoder:
    """A decoder with its key and value cache, float32 [layers, kv_heads, context, head_dim] each."""

    def __init__(self, model: Model) -> None:
        self._shape = shape = model.shape
        self._embedding = _dense(model.embedding, shape.dim)
        self._head = self._embedding if shape.tied else _dense(model.head, shape.dim)
        self._norm = model.norm
        self._blocks = [_block(layer, shape) for layer in model.layers]
        self._rotation = _rotation(shape)
        self._cache = np.zeros((2, shape.layers, shape.kv_heads, shape.context, shape.head_dim), np.float32)
        self._position = 0

    def restart(self) -> "_Decoder":
        """Forget all tokens."""
        self._position = 0
        return self

    def advance(self, tokens: NDArray[np.intp]) -> Floats:
        """Read some more tokens and return the logits after each, float32 [len(tokens), vocab]."""
        chunks = [tokens[start : start + _CHUNK] for start in range(0, len(tokens), _CHUNK)]
        return np.concatenate([self._advance(chunk) for chunk in chunks])

    def _advance(self, tokens: NDArray[np.intp]) -> Floats:
        stream = self._embedding[tokens]  # [n, dim]
        for index, block in enumerate(self._blocks):
            stream = stream + self._attend(block, index, self._normed(stream, block.attention_norm))
            stream = stream + _feed_forward(block, self._normed(stream, block.ffn_norm))
        self._position += len(tokens)
        return self._normed(stream, self._norm) @ self._head.T

    def _normed(self, stream: Floats, gain: Floats) -> Floats:
        """Return the root-mean-square normalised stream, float32 [n, dim]."""
        mean_square = np.mean(stream * stream, axis=-1, keepdims=True)
        return stream / np.sqrt(mean_square + np.float32(self._shape.norm_eps)) * gain

    def _attend(self, block: _Block, index: int, x: Floats) -> Floats:
        """Return what attention adds to the stream, float32 [n, dim]; fills the cache of layer ``index``."""
        shape, begin, end = self._shape, self._position, self._position + len(x)
        # Queries, keys and values of every head: [heads + 2 * kv_heads, n, head_dim].
        heads = (x @ block.qkv.T).reshape(len(x), -1, shape.head_dim).swapaxes(0, 1)
        q, k, v = np.split(heads, [shape.heads, shape.heads + shape.kv_heads])
        rotation = self._rotation[begin:end]
        self._cache[0, index, :, begin:end] = _rotate(k, rotation)
        self._cache[1, index, :, begin:end] = v
        keys, values = self._cache[:, index, :, :end]  # [kv_heads, end, head_dim]
        mixed = _mix(_rotate(q, rotation), keys, values)
        return mixed.swapaxes(0, 1).reshape(len(x), -1) @ block.o.T


def _mix(q: Floats, keys: Floats, values: Floats) -> Floats:
    """Return causal attention, float32 [heads, n, head_dim]; the n queries are those of the last n keys."""
    (heads, count, head_dim), (kv_heads, end, _) = q.shape, keys.shape
    grouped = q.reshape(kv_heads, -1, head_dim)  # [kv_heads, group * n, head_dim]
    scores = grouped @ keys.swapaxes(1, 2) * np.float32(head_dim**-0.5)
    scores = scores.reshape(heads, count, end)
    scores[:, np.triu(np.ones((count, end), bool), end - count + 1)] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights.reshape(kv_heads, -1, end) @ values).reshape(heads, count, head_dim)


def _feed_forward(block: _Block, x: Floats) -> Floats:
    """Return what the feed-forward block adds to the stream, float32 [n, dim]."""
    gate, up = np.split(x @ block.gate_up.T, 2, axis=-1)
    sigmoid = np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * gate))
    return (gate * sigmoid * up) @ block.down.T


def _rotation(shape: LlamaShape) -> NDArray[np.complex64]:
    """Return the turn of each pair at each position, complex64 [context, head_dim / 2]."""
    rates = shape.rope_base ** (-np.arange(0, shape.head_dim, 2) / shape.head_dim)
    return np.exp(1j * np.outer(np.arange(shape.context), rates)).astype(np.complex64)


def _rotate(heads: Floats, rotation: NDArray[np.complex64]) -> Floats:
    """Turn adjacent pairs of each head, float32 [heads, n, head_dim], by complex64 [n, head_dim / 2]."""
    pairs = np.ascontiguousarray(heads).view(np.complex64)
    return (pairs * rotation).view(np.float32)


def _block(layer: Layer, shape: LlamaShape) -> _Block:
    dim = shape.dim
    return _Block(
        attention_norm=layer.attention_norm,
        qkv=np.concatenate([_dense(matrix, dim) for matrix in (layer.q, layer.k, layer.v)]),
        o=_dense(layer.o, shape.heads * shape.head_dim),
        ffn_norm=layer.ffn_norm,
        gate_up=np.concatenate([_dense(layer.gate, dim), _dense(layer.up, dim)]),
        down=_dense(layer.down, shape.ffn),
    )


def _dense(matrix: GroupedMatrix, columns: int) -> Floats:
    return np.ascontiguousarray(matrix.values()[:, :columns])


def _losses(scores: Floats, targets: NDArray[np.intp]) -> Floats:
    """Return -log softmax(scores)[target], float32 [n], of scores [n, vocab]."""
    peak = scores.max(axis=-1, keepdims=True)
    norm = np.log(np.exp(scores - peak).sum(axis=-1)) + peak[:, 0]
    return norm - scores[np.arange(len(targets)), targets]


def _as_array(model: Model, tokens: Sequence[int]) -> NDArray[np.intp]:
    array = np.asarray(tokens, dtype=np.intp)
    if array.size and not 0 <= array.min() <= array.max() < model.shape.vocab:
        raise ValueError(f"tokens {array.min()} to {array.max()} are outside the vocabulary of {model.shape.vocab}")
    return array


def _check_room(model: Model, prompt: int, count: int = 0) -> None:
    if prompt < 1:
        raise UserError("The prompt has no tokens: give at least one.")
    if prompt + count > model.shape.context:
        raise UserError(
            f'{prompt} tokens of prompt and {count} to generate exceed the context of "{model.name}", '
            f"{model.shape.context}: shorten one of them."
        )
