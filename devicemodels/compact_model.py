"""What a circuit asks of a transistor model, whichever its equations: `ekv` and `virtual_source` both give it."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.errors import UserError
from devicemodels.quantities import Kelvin, Metre, Volt, VoltMetre


class DrawnTransistor(Protocol):
    """A transistor of a width at a temperature; `threshold` in volts may be an array, one entry per sample."""

    @property
    def threshold(self) -> NDArray[np.float64]: ...

    def drain_current(
        self, *, gate: ArrayLike, drain: ArrayLike, source: ArrayLike, body: Any = 0.0
    ) -> NDArray[np.float64]:
        """Current in amperes from drain to source of an n-channel transistor; voltages in volts, broadcast together."""
        ...


class CompactModel(Protocol):
    """A transistor type: `matching` is the Pelgrom constant of a pair; it holds up to `voltage_limit` in its range."""

    @property
    def name(self) -> str: ...
    @property
    def channel_length(self) -> Metre: ...
    @property
    def matching(self) -> VoltMetre: ...
    @property
    def voltage_limit(self) -> Volt: ...
    @property
    def lowest_temperature(self) -> Kelvin: ...
    @property
    def highest_temperature(self) -> Kelvin: ...

    def drawn(self, *, width: Metre, temperature: Kelvin, threshold_shift: ArrayLike = 0.0) -> DrawnTransistor:
        """A transistor of this type; `threshold_shift` in volts (any shape) is how mismatch enters."""
        ...


def check_fit_range(model: CompactModel, *, voltage: Volt, temperature: Kelvin) -> None:
    """Refuse a voltage or a temperature outside the range of a transistor with a `UserError`."""
    if not 0 < voltage <= model.voltage_limit:
        raise UserError(
            f"the supply is {voltage:g} V, but transistor '{model.name}' holds above 0 and up to "
            f"{model.voltage_limit:g} V; change the supply or the transistor sheet"
        )
    if not model.lowest_temperature <= temperature <= model.highest_temperature:
        raise UserError(
            f"the temperature is {temperature:g} K, but transistor '{model.name}' holds from "
            f"{model.lowest_temperature:g} to {model.highest_temperature:g} K; give it in kelvin, within that range"
        )
