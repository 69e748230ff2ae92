"""Limits on what a user may give, each refused in one sentence; arrays are checked element by element."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from devicemodels.errors import UserError


def require_positive(thing: str, value: ArrayLike, unit: str = "") -> None:
    """Raise `UserError` unless every element of `value` is finite and above zero."""
    _require(thing, value, unit, np.isfinite(value) & (np.asarray(value) > 0), "a finite value above zero")


def require_not_negative(thing: str, value: ArrayLike, unit: str = "") -> None:
    """Raise `UserError` unless every element of `value` is finite and zero or above."""
    _require(thing, value, unit, np.isfinite(value) & (np.asarray(value) >= 0), "a finite value that is not negative")


def require_finite(thing: str, value: ArrayLike, unit: str = "") -> None:
    """Raise `UserError` unless every element of `value` is finite."""
    _require(thing, value, unit, np.isfinite(value), "a finite value")


def require_probability(thing: str, value: ArrayLike) -> None:
    """Raise `UserError` unless every element of `value` lies from 0 to 1."""
    _require(thing, value, "", (np.asarray(value) >= 0) & (np.asarray(value) <= 1), "a probability from 0 to 1")


def require_fraction(thing: str, value: ArrayLike) -> None:
    """Raise `UserError` unless every element of `value` lies between 0 and 1, both excluded."""
    _require(thing, value, "", (np.asarray(value) > 0) & (np.asarray(value) < 1), "one above 0 and below 1")


def require(thing: str, value: ArrayLike, good: ArrayLike, rest: str) -> None:
    """Raise `UserError` with the first element of `value` that is not `good`, and then the `rest` of the sentence."""
    if not np.all(good):
        wrong = np.asarray(value, dtype=float)[~np.asarray(good)].flat[0]
        raise UserError(f"{thing} is {wrong:g}{rest}")


def _require(thing: str, value: ArrayLike, unit: str, good: ArrayLike, limit: str) -> None:
    require(thing, value, good, f"{unit and ' '}{unit}; give {limit}")
