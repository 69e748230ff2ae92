"""What a bank must satisfy to be built, for one bank or for many at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.errors import UserError
from devicemodels.macro.memory_macro import MemoryMacro, shape_of, spread_out

Bank = TypeVar("Bank")

LARGEST_AREA = 26e-3 * 33e-3
"""The field of a wafer scanner in square metres; nothing larger is exposed in one piece."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One condition: where it `holds`, and the `refusal` of a point where it does not.

    `refusal` is a format string over `values`, each a number, a text, an array that broadcasts with `holds`, or a
    function that gives one of these and is called only for a refusal.
    """

    name: str
    holds: NDArray[np.bool_]
    refusal: str
    values: Mapping[str, Any]

    def sentence(self, index: Any = ()) -> str:
        """The refusal of the point at `index` of the broadcast arrays."""
        return self.refusal.format(**{key: self._at(value, index) for key, value in self.values.items()})

    def _at(self, value: Any, index: Any) -> Any:
        given = value() if isinstance(value, Callable) else value
        return given if isinstance(given, str) else np.broadcast_to(given, self.holds.shape)[index].item()


def limit(name: str, holds: ArrayLike, refusal: str, /, **values: Any) -> Limit:
    """A `Limit`; `holds` may be a single truth value."""
    return Limit(name=name, holds=np.asarray(holds, dtype=bool), refusal=refusal, values=values)


def legal(limits: Iterable[Limit]) -> NDArray[np.bool_]:
    """Where all limits hold."""
    return np.logical_and.reduce([x.holds for x in limits])


def refuse(limits: Iterable[Limit]) -> None:
    """Raise `UserError` with the sentence of the first limit that does not hold."""
    for each in limits:
        if not each.holds.all():
            raise UserError(each.sentence(np.unravel_index(np.argmin(each.holds), each.holds.shape)))


def with_limits(
    describe: Callable[[Bank], MemoryMacro], restrict: Callable[[Bank], tuple[Limit, ...]], bank: Bank
) -> tuple[MemoryMacro, tuple[Limit, ...]]:
    """Numbers and limits of a bank, or of many: then each is an array with an entry for every bank."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        macro = describe(bank)
        limits = (*restrict(bank), _field_limit(macro))
    shape = np.broadcast_shapes(shape_of(macro), *(x.holds.shape for x in limits))
    return spread_out(macro, shape), tuple(replace(x, holds=np.broadcast_to(x.holds, shape)) for x in limits)


def _field_limit(macro: MemoryMacro) -> Limit:
    area = np.asarray(macro.area)
    return limit(
        "area",
        ~(area > LARGEST_AREA),
        "the bank takes {area:.3g} mm2, but a scanner's field has {most:.0f} mm2; lower its capacity or cell area",
        area=area * 1e6,
        most=LARGEST_AREA * 1e6,
    )
