"""Number formats of the tile, in one place.

Weights are groups of 32 signed codes under one integer group scale d and, if the format has them, one integer group
minimum m; a row has one 16-bit scale R more: w = R[row] * (d[group] * q + m[group]). Activations are dynamic,
symmetric, one scale for the vector. Everything between two matrix products is fixed point in 32-bit words.
"""

import math
from dataclasses import dataclass

from devicemodels.errors import UserError

GROUP = 32
"""Weights that share one group scale."""

ROW_GROUPS = 256
"""Most groups of a row: what the accumulator is made for, and what an instruction counts."""

ACCUMULATOR_LIMIT = 47
"""Widest row sum whose product with a 16-bit constant can be rounded in a 64-bit integer."""

VECTOR_BITS = 32
"""Width of an element in the vector memory (signed, saturating)."""

FRACTION_BITS = 14
"""Fraction bits of the residual stream, queries, keys, values, gates and attention outputs."""

CONSTANT_BITS = 16
"""Width of row scales, norm gains, RoPE factors and K/V scales (signed)."""

SCORE_FRACTION_BITS = 8
"""Fraction bits of attention scores, which are in units of log2."""

PROBABILITY_BITS = 15
"""Fraction bits of the unnormalised softmax weights (1.0 = 2**15)."""

MANTISSA_BITS = 16
"""Width of the mantissa of a scalar register; normalised, so its top bit is set."""

ROTATION_FRACTION_BITS = 14
"""Fraction bits of the RoPE cosines and sines."""

LEGAL = {
    "weight_bits": (4, 8),
    "activation_bits": (8, 12, 16),
    "kv_bits": (8, 12),
    "scale_bits": tuple(range(4, 15)),
    "groups_per_word": (1, 2, 4),
}
"""What a tile can be generated for."""


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """Widths of weights, activations, keys and values, and how a lane's word holds them.

    A weight word holds `groups_per_word` groups: the codes of all, then their scales, then their minima, the first
    group in the lowest bits each time. A KV word holds 32 codes. A lane multiplies it in its weight multipliers, cut
    into slices of `weight_bits`: slice s, which counts 2**(s * weight_bits), takes the place of group s's codes.

    Attributes
    ----------
    weight_bits : width of a code (signed). A checkpoint's own codes fit: `Q8_0` -128...127, `Q4_0` -8...7 and, less 8,
        `Q4_1` 0...15, whose minimum then counts 8 d more
    activation_bits : width of an activation (signed, symmetric)
    kv_bits : width of a K code and of a V code (signed, symmetric)
    scale_bits : width of an integer group scale (unsigned, but signed in a 4-bit format without minima: see
        `signed_scales`)
    minima : whether groups have a minimum beside their scale
    groups_per_word : groups of 32 that a lane multiplies in a cycle

    Raises
    ------
    UserError
        A width that nothing is made for; a KV code that a word has no room for, or whose slices its scales cannot
        weigh; a row sum wider than `ACCUMULATOR_LIMIT`.
    """

    weight_bits: int = 8
    activation_bits: int = 12
    kv_bits: int = 8
    scale_bits: int = 8
    minima: bool = False
    groups_per_word: int = 1

    def __post_init__(self):
        for name, values in LEGAL.items():
            if getattr(self, name) not in values:
                raise UserError(
                    f"format.{name} is {getattr(self, name)}, but it must be one of {', '.join(map(str, values))}"
                )
        if self.kv_slices > self.groups_per_word:
            raise UserError(
                f"format.kv_bits is {self.kv_bits}, and {self.groups_per_word} groups of {self.weight_bits}-bit "
                f"multipliers take {self.groups_per_word * self.weight_bits} bits: set format.groups_per_word to "
                f"{1 << (self.kv_slices - 1).bit_length()}"
            )
        top = (self.kv_slices - 1) * self.weight_bits
        if 1 << top > self.scale_limit:
            raise UserError(
                f"format.scale_bits is {self.scale_bits}, and the top slice of a {self.kv_bits}-bit key counts "
                f"{1 << top}: set format.scale_bits to {top + 1 + self.signed_scales}"
            )
        if self.accumulator_bits > ACCUMULATOR_LIMIT:
            raise UserError(
                f"format.scale_bits is {self.scale_bits}, and the sums of {ROW_GROUPS} groups then take "
                f"{self.accumulator_bits} bits of {ACCUMULATOR_LIMIT}: lower it to "
                f"{self.scale_bits - self.accumulator_bits + ACCUMULATOR_LIMIT}"
            )

    @property
    def codes_per_word(self) -> int:
        """Codes of a weight word, and multipliers of a lane."""
        return GROUP * self.groups_per_word

    @property
    def code_limit(self) -> int:
        """Largest code; the smallest is one below its negative."""
        return (1 << (self.weight_bits - 1)) - 1

    @property
    def activation_limit(self) -> int:
        """Largest activation, and the negative of the smallest."""
        return (1 << (self.activation_bits - 1)) - 1

    @property
    def signed_scales(self) -> bool:
        """Whether group scales have a sign.

        A `Q4_0` group with a negative scale may hold the code -8, whose negative is no 4-bit code. With 8 bits the
        sign moves into the codes; with minima -d q = d (-1 - q) + d.
        """
        return self.weight_bits == 4 and not self.minima

    @property
    def scale_limit(self) -> int:
        """Largest group scale."""
        return (1 << (self.scale_bits - self.signed_scales)) - 1

    @property
    def minimum_bits(self) -> int:
        """Width of a group minimum (signed), 0 without."""
        return self.scale_bits + 4 if self.minima else 0

    @property
    def minimum_limit(self) -> int:
        """Largest magnitude of a group minimum."""
        return (1 << (self.minimum_bits - 1)) - 1 if self.minima else 0

    @property
    def word_bits(self) -> int:
        """Data bits of a weight word."""
        return self.groups_per_word * (GROUP * self.weight_bits + self.scale_bits + self.minimum_bits)

    @property
    def word_bytes(self) -> float:
        """Bytes of a weight word."""
        return self.word_bits / 8

    @property
    def kv_word_bits(self) -> int:
        """Bits of a KV word: 32 codes."""
        return GROUP * self.kv_bits

    @property
    def kv_slices(self) -> int:
        """Slices of `weight_bits` that a K or V code is cut into."""
        return -(-self.kv_bits // self.weight_bits)

    @property
    def kv_offset(self) -> int:
        """What the lower slices, unsigned numbers, lack as signed codes with their top bit inverted, in all."""
        return sum(1 << (self.weight_bits * (s + 1) - 1) for s in range(self.kv_slices - 1))

    @property
    def needs_sums(self) -> bool:
        """Whether a lane needs the sums of its groups' activations."""
        return self.minima or self.kv_slices > 1

    @property
    def activation_sum_bits(self) -> int:
        """Width of the sum of a group's activations (signed)."""
        return self.activation_bits + int(math.log2(GROUP))

    @property
    def weight_limit(self) -> int:
        """Largest magnitude of d * q + m."""
        return (self.code_limit + 1) * self.scale_limit + self.minimum_limit

    @property
    def value_bits(self) -> int:
        """Width of d * q + m (signed)."""
        return self.weight_limit.bit_length() + 1

    @property
    def accumulator_bits(self) -> int:
        """Width of a row's exact sum (signed): `ROW_GROUPS` groups of the largest products."""
        weight = max(self.weight_limit, 1 << (self.kv_bits - 1))
        return (ROW_GROUPS * GROUP * weight * self.activation_limit).bit_length() + 1


DEFAULT = NumberFormat()
"""Weights and keys of 8 bits, activations of 12."""

ACCURATE = NumberFormat(
    weight_bits=4, activation_bits=12, kv_bits=12, scale_bits=10, minima=True, groups_per_word=4
)  # fmt: skip
"""Four-bit weights, 12-bit activations, keys and values: as good as fp32 on a checkpoint of 4-bit codes."""

CHEAP = NumberFormat(weight_bits=4, activation_bits=12, kv_bits=8, scale_bits=8, minima=True, groups_per_word=2)
"""Four-bit weights, 12-bit activations, keys and values of 8: within 1 % of fp32's perplexity on such a checkpoint."""
