"""Number formats of the tile, in one place.

Weights are groups of 32 signed codes under one integer group scale; a row has one 16-bit scale more
(w = R[row] * d[group] * q). Activations are dynamic, symmetric, one scale for the vector. Everything
between two matrix products is fixed point in 32-bit words.
"""

GROUP = 32
"""Weights that share one group scale, and multipliers in a lane."""

CODE_BITS = 8
"""Width of a weight code, of a K code and of a V code (signed)."""

GROUP_SCALE_BITS = 8
"""Width of the integer group scale d (unsigned)."""

ACTIVATION_BITS = 12
"""Width of an activation (signed, symmetric: -2047...2047)."""

WORD_BITS = GROUP * CODE_BITS + GROUP_SCALE_BITS
"""Data bits of a weight word: 32 codes, then the group scale in the top bits."""

ACCUMULATOR_BITS = 40
"""Width of a row's exact sum: holds 256 groups of the largest possible products."""

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
