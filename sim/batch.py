"""The integer golden for many positions at once: a known text in, the logits after each of its tokens out.

`sim.golden.Golden` goes token by token, as the tile does. Here a whole text goes through each matrix together, which
is many times as fast and equal bit for bit, since every position's integers depend on itself and those before it only.
"""

import numpy as np

from rtl.arithmetic.alu import add, clip_code, gate, rotate
from rtl.arithmetic.exponential import exp2
from rtl.arithmetic.integers import round_shift, saturate
from rtl.arithmetic.requantise import requantise
from rtl.arithmetic.root import RADICAND_BITS
from rtl.arithmetic.scale import ONE, Scale
from rtl.formats import FRACTION_BITS, MANTISSA_BITS, VECTOR_BITS
from rtl.tile.vector_unit import KEEP_BITS
from sim.compiler.numbers import KEEP_SHIFT, embedding_shifts, output_shift, score_shifts
from sim.compiler.quantise import NORM_SHIFT, IntegerLayer, IntegerMatrix, IntegerModel, IntegerNorm

# A `Scale` here holds int64 arrays [positions, 1], one scale for each position.


def text_logits(model: IntegerModel, tokens) -> tuple[np.ndarray, np.ndarray]:
    """Logits after each token of a text, and what their units are.

    Parameters
    ----------
    tokens : a text from its first position on, no longer than the model's table of rotations

    Returns
    -------
    logits : int64 [positions, vocabulary], row by row those of `Golden.step`
    units : float64 [positions, 1], nat that a unit of the row stands for: `Golden.logit_unit`
    """
    text = _Text(model)
    x = text.embed(np.asarray(tokens, np.intp))
    for layer in model.layers:
        x = text.attention(x, layer)
        x = text.feed_forward(x, layer)
    return text.logits(x)


class _Text:
    """The steps of `Golden` on int64 arrays [positions, elements]."""

    def __init__(self, model: IntegerModel):
        self.model, self.format = model, model.format

    def embed(self, tokens):
        table = self.model.embedding
        first, second = embedding_shifts(table, self.format)
        terms = [
            requantise(weights.astype(np.int64), table.row_scales[tokens, None], first, ONE, second)
            for weights in table.term_weights(tokens)
        ]
        return terms[0] if len(terms) == 1 else add(terms[1], terms[0])

    def logits(self, x):
        activations, scale = self._normalise(x, self.model.norm)
        head, vocabulary = self.model.head, self.model.shape.vocab
        exponents = scale.exponent + self.model.norm.unit + 1 - self.format.activation_bits
        units = scale.mantissa * 2.0 ** (exponents + head.first_shift - head.exponent)
        sums = _sums(head.weights[:vocabulary], activations)
        return requantise(sums, head.row_scales[:vocabulary], head.first_shift, ONE, 0), units

    def attention(self, x, layer: IntegerLayer):
        activations, scale = self._normalise(x, layer.attention_norm)
        shape, unit = self.model.shape, layer.attention_norm.unit
        turns = self.model.rotations[: len(x), None]
        q, k, v = (
            self._linear(matrix, activations, scale, unit).reshape(len(x), -1, shape.head_dim)
            for matrix in (layer.q, layer.k, layer.v)
        )
        q, k = rotate(q, turns), rotate(k, turns)
        share, kept = shape.heads // shape.kv_heads, []
        for head in range(shape.kv_heads):
            keys, values = self._keep(k[:, head]), self._keep(v[:, head])
            kept += [self._head(q[:, head * share + i], keys, values) for i in range(share)]
        return self._residual(x, np.concatenate(kept, axis=1), layer.o)

    def feed_forward(self, x, layer: IntegerLayer):
        activations, scale = self._normalise(x, layer.ffn_norm)
        unit = layer.ffn_norm.unit
        gates = self._linear(layer.gate, activations, scale, unit)
        return self._residual(x, gate(self._linear(layer.up, activations, scale, unit), gates), layer.down)

    def _normalise(self, x, norm: IntegerNorm):
        """RMSNorm: (activations, their scales)."""
        y = requantise(x, norm.gains, NORM_SHIFT, ONE, 0)
        down = np.maximum(_magnitudes(x).exponent, 0)
        squares = ((x >> down) ** 2).sum(axis=1, keepdims=True) + (self.model.epsilon >> 2 * down)
        mantissa, exponent = _roots(squares)
        scale, rms = _magnitudes(y), _normalised(mantissa, exponent + down)
        activations = _quantise_vectors(y, scale, self.format.activation_bits)
        return activations, _multiply_by_inverse(scale, rms)

    def _linear(self, matrix: IntegerMatrix, activations, scale: Scale, unit: int):
        sums = _sums(matrix.weights, activations[:, : matrix.weights.shape[1]])
        return _requantise(sums, matrix.row_scales, matrix.first_shift, scale, matrix.scale_shift(unit))

    def _keep(self, vectors):
        """Codes of keys or values, float64 [positions, head_dim], and their constants, int64 [positions]."""
        scale = _magnitudes(vectors)
        distance = np.clip(KEEP_SHIFT - scale.exponent, 0, 63)
        constants = np.minimum((scale.mantissa >> distance) + 1, (1 << KEEP_BITS) - 1)
        codes = _quantise_vectors(vectors, _normalised(constants, KEEP_SHIFT), self.format.kv_bits)
        return codes.astype(np.float64), constants[:, 0]

    def _head(self, q, keys, values):
        """Causal attention of one query head, int64 [positions, head_dim] with 14 fraction bits."""
        scale = _magnitudes(q)
        codes = _quantise_vectors(q, scale, self.format.activation_bits)
        first, second = score_shifts(q.shape[1], self.format)
        scores = _requantise(_sums(keys[0], codes), keys[1], first, scale, second)
        masked = ~np.tri(len(q), dtype=bool)
        peaks = np.where(masked, -(1 << (VECTOR_BITS - 1)), scores).max(axis=1, keepdims=True)
        powers = exp2(scores, peaks, masked)
        weighted = requantise(powers, values[1], 0, ONE, 0)
        scale, total = _magnitudes(weighted), _normalised(powers.sum(axis=1, keepdims=True))
        codes = _quantise_vectors(weighted, scale, self.format.activation_bits)
        out_scale = _multiply_by_inverse(scale, total)
        return _requantise(_sums(values[0].T, codes), 1, 0, out_scale, output_shift(self.format))

    def _residual(self, x, vectors, matrix: IntegerMatrix):
        scale = _magnitudes(vectors)
        activations = np.zeros((len(x), matrix.weights.shape[1]), np.int64)
        activations[:, : vectors.shape[1]] = _quantise_vectors(vectors, scale, self.format.activation_bits)
        out = np.zeros_like(x)
        out[:, : matrix.rows] = self._linear(matrix, activations, scale, -FRACTION_BITS)
        return add(out, x)


def _sums(weights, activations):
    """Row sums of every position, int64 [positions, rows]; exact, see `rtl.arithmetic.dot.accumulate_rows`."""
    return np.rint(activations.astype(np.float64) @ weights.T).astype(np.int64)


def _quantise_vectors(y, scale: Scale, bits: int):
    return clip_code(_requantise(y, 1, 0, scale, 1 - bits, invert=True), bits)


def _requantise(a, constant, first_shift, scale: Scale, scale_shift, *, invert=False):
    """`rtl.arithmetic.requantise.requantise` with a scale for each row of `a`."""
    factor, exponent = scale.factor(invert)
    product = saturate(round_shift(a * constant, first_shift), VECTOR_BITS) * factor
    shift = np.clip(scale_shift - exponent, 0, 63)
    return saturate(((product << 1 >> shift) + 1) >> 1, VECTOR_BITS)


def _magnitudes(y) -> Scale:
    return _normalised(np.abs(y).max(axis=1, keepdims=True))


def _normalised(values, exponents=0) -> Scale:
    """`rtl.arithmetic.scale.normalise` of each value below 2**56."""
    values = np.maximum(values, 1)
    shift = _bit_lengths(values) - MANTISSA_BITS
    mantissas = values >> np.maximum(shift, 0) << np.maximum(-shift, 0)
    return Scale(mantissas, exponents + shift)


def _multiply_by_inverse(a: Scale, b: Scale) -> Scale:
    (x, ex), (y, ey) = a.factor(False), b.factor(True)
    return _normalised(x * y, ex + ey)


def _roots(values):
    """`rtl.arithmetic.root.root` of each value: (mantissas, exponents)."""
    values = np.maximum(values, 1)
    shift = _bit_lengths(values) - RADICAND_BITS
    shift += shift & 1
    radicands = values >> np.maximum(shift, 0) << np.maximum(-shift, 0)
    return np.sqrt(radicands.astype(np.float64)).astype(np.int64), shift // 2  # exact: radicands have 32 bits


def _bit_lengths(values):
    """Bits of each positive value; both halves are exact as floats, where the whole might round up."""
    high, low = values >> 32, values & 0xFFFFFFFF
    return np.where(high > 0, np.frexp(high.astype(np.float64))[1] + 32, np.frexp(low.astype(np.float64))[1]).astype(
        np.int64
    )
