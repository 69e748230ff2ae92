"""What the rest of the project knows of a bank."""

from dataclasses import dataclass, fields, replace

import numpy as np

from devicemodels.quantities import Ampere, Joule, Kelvin, Ratio, Second, SquareMetre, Volt, Watt

Parts = tuple[tuple[str, float], ...]
"""(name, value) pairs in the unit of the total that they sum to."""


@dataclass(frozen=True, kw_only=True)
class MemoryMacro:
    """Time, energy, area and raw error rates of one bank of `words` x (`data_bits` + `check_bits`), or of many banks.

    Every number is a float, or, for many banks at once, an array with one entry per bank.

    `read_access` is from address to data; `read_cycle` between two reads, with nothing pipelined or interleaved inside
    the bank. `write_pulse` is the time a cell is driven, `write_cycle` between two writes of a word. Energies are per
    word, check bits included. `read_current` and `write_current` are the largest currents that an access draws from
    its supply. Error rates are raw, per bit, before correction: read and write per access of a bit, read disturb per
    read of the state that the read current works against, retention per bit in ten years. `array_yield` is the share
    of such arrays without a word that its code and the spare rows cannot repair. `area_parts`, `read_time_parts` and
    `read_energy_parts` sum to `area`, `read_access` and `read_energy`.
    """

    kind: str
    words: int
    data_bits: int
    check_bits: int
    read_access: Second
    read_cycle: Second
    write_pulse: Second
    write_cycle: Second
    read_energy: Joule
    write_energy: Joule
    leakage: Watt
    area: SquareMetre
    read_current: Ampere
    write_current: Ampere
    read_error_rate: float
    write_error_rate: float
    retention_error_rate: float
    read_disturb_rate: float
    array_yield: Ratio
    temperature: Kelvin
    supply: Volt
    area_parts: Parts
    read_time_parts: Parts
    read_energy_parts: Parts

    @property
    def word_bits(self) -> int:
        """Data and check bits of a word."""
        return self.data_bits + self.check_bits

    @property
    def bandwidth(self) -> float:
        """Data bytes per second when read back to back, without check bits."""
        return self.data_bits / 8 / self.read_cycle

    @property
    def bandwidth_density(self) -> float:
        """`bandwidth` over `area`, in bytes/s/m^2: the figure of one bank alone, not of a tile."""
        return self.bandwidth / self.area

    @property
    def bit_density(self) -> float:
        """Data bits per square metre."""
        return self.words * self.data_bits / self.area


def total(parts: Parts) -> float:
    """Sum of the values of `parts`."""
    return sum(value for _, value in parts)


def shape_of(macro: MemoryMacro) -> tuple[int, ...]:
    """Shape to which all numbers of `macro` broadcast."""
    return np.broadcast_shapes(*(np.shape(v) for v in _numbers(macro).values()))


def spread_out(macro: MemoryMacro, shape: tuple[int, ...]) -> MemoryMacro:
    """The same banks with every number an array of `shape`; plain floats and integers if that is ()."""

    def spread(value: float) -> float:
        return np.asarray(value)[()].item() if shape == () else np.broadcast_to(value, shape)

    numbers = {name: spread(value) for name, value in _numbers(macro).items()}
    parts = {name: tuple((n, spread(v)) for n, v in getattr(macro, name)) for name in _PARTS}
    return replace(macro, **numbers, **parts)


_PARTS = ("area_parts", "read_time_parts", "read_energy_parts")


def _numbers(macro: MemoryMacro) -> dict[str, float]:
    return {f.name: getattr(macro, f.name) for f in fields(macro) if f.name not in (*_PARTS, "kind")}
