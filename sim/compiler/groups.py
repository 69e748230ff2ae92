"""A checkpoint's groups as codes of a format: its own where they fit, else the nearest."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from rtl.formats import GROUP, NumberFormat
from sim.checkpoint import GroupedMatrix, quantise

NARROWINGS = np.linspace(1.0, 0.7, 13)
"""Ranges of 4-bit codes that are tried, as parts of the range of a group's weights."""

BLOCK = 1 << 15
"""Weights whose codes are sought at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """``w[r, c] = scales[r, g] * codes[r, c] + minima[r, g]``, g = c // 32.

    codes : int16 array [rows, columns] of codes that the format has
    scales, minima : float64 array [rows, columns / 32]
    """

    codes: np.ndarray
    scales: np.ndarray
    minima: np.ndarray


def regroup(matrix: GroupedMatrix, number_format: NumberFormat, *, whole_range: bool = False) -> Groups:
    """The matrix's groups in a format.

    whole_range : cover each group's range instead of seeking the least error, for codes that others will correct

    `Q8_0` codes stay in a format of 8 bits, `Q4_0` codes in any, `Q4_1` codes, less 8, in any with minima. Other
    groups are quantised anew: to `Q8_0`, or to the 4-bit codes with the least square error.
    """
    f = number_format
    if matrix.minima is not None and f.minima:
        scales = matrix.scales.astype(np.float64)
        return _unsigned_scales(matrix.codes.astype(np.int16) - 8, scales, matrix.minima + 8 * scales, f)
    if matrix.minima is not None and f.weight_bits == 8:
        matrix = quantise(matrix.values())
    if matrix.minima is None and _fits(matrix.codes, f):
        scales = matrix.scales.astype(np.float64)
        return _unsigned_scales(matrix.codes.astype(np.int16), scales, np.zeros_like(scales), f)
    values = matrix.values().reshape(*matrix.scales.shape, GROUP)
    search = _nearest_with_minima if f.minima else _nearest
    return _in_blocks(partial(search, parts=NARROWINGS[:1] if whole_range else NARROWINGS), values)


def has_four_bits(matrix: GroupedMatrix) -> bool:
    """Whether a matrix's own codes have 4 bits."""
    return matrix.minima is not None or (-8 <= matrix.codes.min(initial=0) and matrix.codes.max(initial=0) <= 7)


def _fits(codes, number_format):
    limit = number_format.code_limit
    return -limit - 1 <= codes.min(initial=0) and codes.max(initial=0) <= limit


def _unsigned_scales(codes, scales, minima, number_format) -> Groups:
    """The same groups without a negative scale, if the format cannot have one."""
    if number_format.signed_scales:
        return Groups(codes=codes, scales=scales, minima=minima)
    negative, magnitudes = scales < 0, np.abs(scales)
    if number_format.minima:  # -d q = d (-1 - q) + d
        turned, minima = -1 - codes, minima + np.where(negative, magnitudes, 0)
    else:
        turned = -np.maximum(codes, -number_format.code_limit)
    return Groups(codes=np.where(np.repeat(negative, GROUP, axis=1), turned, codes), scales=magnitudes, minima=minima)


def _in_blocks(search, values) -> Groups:
    """Search the groups of some rows at a time, which then stay in the processor's cache.

    values : float32 array [rows, groups, 32]
    """
    rows = max(1, BLOCK // values[:1].size)
    starts = range(0, len(values), rows)
    parts = [search(values[start : start + rows].astype(np.float64)) for start in starts]
    return Groups(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def _nearest(values, parts, signs=(1, -1)) -> Groups:
    """Four-bit codes and scales, of these signs, of groups, float64 array [rows, groups, 32]; see `NARROWINGS`."""
    peaks = np.abs(values).max(axis=2)

    def attempt(steps):
        codes = _codes(values, steps, np.zeros_like(steps))
        squares = (codes * codes).sum(axis=2)
        return codes, (values * codes).sum(axis=2) / np.where(squares > 0, squares, 1), np.zeros_like(peaks)

    return _best(values, [attempt(sign * peaks / 7 * part) for part in parts for sign in signs])


def _nearest_with_minima(values, parts) -> Groups:
    """Four-bit codes, scales and minima of groups, float64 array [rows, groups, 32].

    A group that ends in zero, as the padding of a short row does, has no minimum, so that it goes on ending in zero.
    """
    low, high, centre = values.min(axis=2), values.max(axis=2), values.mean(axis=2)

    def attempt(part):
        steps = (high - low) * part / 15
        codes = _codes(values, steps, (high + low + steps) / 2)
        means = codes.mean(axis=2)
        deviations = codes - means[:, :, None]
        squares = (deviations * deviations).sum(axis=2)
        scales = (deviations * values).sum(axis=2) / np.where(squares > 0, squares, 1)
        return codes, scales, centre - scales * means

    best = _best(values, [attempt(part) for part in parts])
    padded = values[:, :, -1] == 0
    if not padded.any():
        return best
    plain = _nearest(values, parts, signs=(1,))
    return Groups(
        codes=np.where(np.repeat(padded, GROUP, axis=1), plain.codes, best.codes),
        scales=np.where(padded, plain.scales, best.scales),
        minima=np.where(padded, 0, best.minima),
    )


def _codes(values, steps, zeros):
    """Nearest 4-bit codes of groups for a step and the value of code zero, float64 array [rows, groups, 32]."""
    steps = np.where(steps != 0, steps, 1)[:, :, None]
    return np.clip(np.rint((values - zeros[:, :, None]) / steps), -8, 7)


def _best(values, attempts) -> Groups:
    """Of several (codes, scales, minima), for each group the one with the least square error."""
    errors = [
        ((codes * scales[:, :, None] + minima[:, :, None] - values) ** 2).sum(axis=2)
        for codes, scales, minima in attempts
    ]
    choice = np.argmin(errors, axis=0)
    codes, scales, minima = (
        np.choose(choice[..., None] if parts[0].ndim > choice.ndim else choice, parts)
        for parts in zip(*attempts, strict=True)
    )
    return Groups(
        codes=codes.reshape(len(codes), GROUP * choice.shape[1]).astype(np.int16), scales=scales, minima=minima
    )
