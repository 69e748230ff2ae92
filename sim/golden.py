"""A whole decode in integers, made of the golden functions of the tile's components.

It knows the model and the arithmetic, not the placement, the schedule or the cycle: what it shares with the
simulated tile is the meaning of each operation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from rtl.arithmetic.alu import add, clip_code, gate, rotate
from rtl.arithmetic.dot import accumulate_rows
from rtl.arithmetic.exponential import exp2
from rtl.arithmetic.requantise import requantise
from rtl.arithmetic.root import root
from rtl.arithmetic.scale import ONE, Scale, multiply_scales, normalise
from rtl.formats import FRACTION_BITS
from rtl.tile.vector_unit import keep_scale
from sim.compiler.numbers import KEEP_SHIFT, embedding_shifts, output_shift, score_shifts
from sim.compiler.quantise import NORM_SHIFT, IntegerLayer, IntegerMatrix, IntegerModel, IntegerNorm


@dataclass
class HeadCache:
    """Keys, values and their constants of one KV head, one row a position."""

    keys: list = field(default_factory=list)
    key_constants: list = field(default_factory=list)
    values: list = field(default_factory=list)
    value_constants: list = field(default_factory=list)


def quantise_vector(y, scale: Scale, bits: int):
    """Codes of `bits` bits under a scale (any shape, int64)."""
    return clip_code(requantise(y, 1, 0, scale, 1 - bits, invert=True), bits)


def magnitude(y) -> Scale:
    """The largest magnitude as a scale."""
    return normalise(int(np.abs(y).max()))


class Golden:
    """Decodes token by token; state is the KV cache.

    Attributes
    ----------
    position : of the next token
    logit_unit : nat that a unit of the last step's logits stands for
    """

    def __init__(self, model: IntegerModel):
        self.model, self.format = model, model.format
        heads = model.shape.kv_heads
        self.caches = [[HeadCache() for _ in range(heads)] for _ in model.layers]
        self.position = 0
        self.logit_unit = 0.0

    def step(self, token: int):
        """Process one token; logits of the next one as int64 array [vocabulary], a positive factor apart."""
        x = self._embed(token)
        for layer, caches in zip(self.model.layers, self.caches, strict=True):
            x = self._attention(x, layer, caches)
            x = self._feed_forward(x, layer)
        self.position += 1
        activations, scale = self._normalise(x, self.model.norm)
        head = self.model.head
        self.logit_unit = scale.mantissa * 2.0 ** (
            scale.exponent + self.model.norm.unit + 1 - self.format.activation_bits + head.first_shift - head.exponent
        )
        sums = accumulate_rows(head.weights, activations)[: self.model.shape.vocab]
        return requantise(sums, head.row_scales[: len(sums)], head.first_shift, ONE, 0)

    def _embed(self, token):
        table = self.model.embedding
        first, second = embedding_shifts(table, self.format)
        terms = [
            requantise(weights[0].astype(np.int64), table.row_scales[token], first, ONE, second)
            for weights in table.term_weights(slice(token, token + 1))
        ]
        return terms[0] if len(terms) == 1 else add(terms[1], terms[0])

    def _normalise(self, x, norm: IntegerNorm):
        """RMSNorm: (activations, their scale)."""
        y = requantise(x, norm.gains, NORM_SHIFT, ONE, 0)
        down = max(magnitude(x).exponent, 0)
        squares = int(((x >> down) ** 2).sum()) + (self.model.epsilon >> 2 * down)
        mantissa, exponent = root(squares)
        scale = magnitude(y)
        rms = normalise(mantissa, exponent + down)
        return quantise_vector(y, scale, self.format.activation_bits), multiply_scales(scale, rms, invert_b=True)

    def _linear(self, matrix: IntegerMatrix, activations, scale: Scale, unit: int):
        """A matrix times activations, with 14 fraction bits."""
        sums = accumulate_rows(matrix.weights, activations[: matrix.weights.shape[1]])
        return requantise(sums, matrix.row_scales, matrix.first_shift, scale, matrix.scale_shift(unit))

    def _attention(self, x, layer: IntegerLayer, caches):
        shape = self.model.shape
        activations, scale = self._normalise(x, layer.attention_norm)
        unit, turns = layer.attention_norm.unit, self.model.rotations[self.position]
        q = self._linear(layer.q, activations, scale, unit).reshape(shape.heads, -1)
        k = self._linear(layer.k, activations, scale, unit).reshape(shape.kv_heads, -1)
        v = self._linear(layer.v, activations, scale, unit).reshape(shape.kv_heads, -1)
        q, k = rotate(q, turns), rotate(k, turns)
        for cache, key, value in zip(caches, k, v, strict=True):
            self._remember(cache.keys, cache.key_constants, key)
            self._remember(cache.values, cache.value_constants, value)
        share = shape.heads // shape.kv_heads
        out = np.concatenate([self._head(q[h], caches[h // share]) for h in range(shape.heads)])
        return self._residual(x, out, layer.o)

    def _remember(self, rows, constants, vector):
        constant, scale = keep_scale(magnitude(vector), KEEP_SHIFT)
        rows.append(quantise_vector(vector, scale, self.format.kv_bits))
        constants.append(constant)

    def _head(self, q, cache: HeadCache):
        """Attention of one query head, with 14 fraction bits."""
        q_scale = magnitude(q)
        q = quantise_vector(q, q_scale, self.format.activation_bits)
        first, second = score_shifts(len(q), self.format)
        scores = requantise(np.stack(cache.keys) @ q, np.array(cache.key_constants), first, q_scale, second)
        powers = exp2(scores, int(scores.max()))
        weighted = requantise(powers, np.array(cache.value_constants), 0, ONE, 0)
        scale = magnitude(weighted)
        codes = quantise_vector(weighted, scale, self.format.activation_bits)
        out_scale = multiply_scales(scale, normalise(int(powers.sum())), invert_b=True)
        return requantise(codes @ np.stack(cache.values), 1, 0, out_scale, output_shift(self.format))

    def _residual(self, x, vector, matrix: IntegerMatrix):
        """x plus a matrix times a vector of 14 fraction bits."""
        scale = magnitude(vector)
        activations = np.zeros(matrix.weights.shape[1], np.int64)
        activations[: len(vector)] = quantise_vector(vector, scale, self.format.activation_bits)
        out = np.zeros_like(x)
        out[: matrix.rows] = self._linear(matrix, activations, scale, -FRACTION_BITS)
        return add(out, x)

    def _feed_forward(self, x, layer: IntegerLayer):
        activations, scale = self._normalise(x, layer.ffn_norm)
        unit = layer.ffn_norm.unit
        gates = self._linear(layer.gate, activations, scale, unit)
        hidden = gate(self._linear(layer.up, activations, scale, unit), gates)
        return self._residual(x, hidden, layer.down)


def emissions(model: IntegerModel, prompt: list[int], count: int) -> Iterator[tuple[int, np.ndarray]]:
    """The `count` tokens that follow the prompt, each with the logits whose largest it is; see `Golden.step`.

    Of equal logits the lowest index wins.
    """
    golden, tokens = Golden(model), list(prompt)
    for position in range(len(prompt) + count - 1):
        logits = golden.step(tokens[position])
        if position >= len(prompt) - 1:
            tokens.append(int(logits.argmax()))
            yield tokens[-1], logits


def greedy(model: IntegerModel, prompt: list[int], count: int) -> list[int]:
    """The `count` tokens that follow the prompt; ties go to the lowest index."""
    return [token for token, _ in emissions(model, prompt, count)]
