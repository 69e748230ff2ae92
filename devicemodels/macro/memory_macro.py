"""What the rest of the project knows of a bank."""

from dataclasses import dataclass

from devicemodels.quantities import Joule, Kelvin, Second, SquareMetre, Volt, Watt

Parts = tuple[tuple[str, float], ...]
"""(name, value) pairs in the unit of the total that they sum to."""


@dataclass(frozen=True, kw_only=True)
class MemoryMacro:
    """Time, energy, area and raw error rates of one bank of `words` x (`data_bits` + `check_bits`).

    `read_access` is from address to data; `read_cycle` between two reads, with nothing pipelined inside the bank.
    `write_pulse` is the time the cell is driven, `write_cycle` between two writes. Energies are per word, check bits
    included. Error rates are raw, per bit, before correction: read and write per access of a bit, read disturb per
    read of the state that the read current works against, retention per bit in ten years.
    `area_parts`, `read_time_parts` and `read_energy_parts` sum to `area`, `read_access` and `read_energy`.
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
    read_error_rate: float
    write_error_rate: float
    retention_error_rate: float
    read_disturb_rate: float
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


def total(parts: Parts) -> float:
    """Sum of the values of `parts`."""
    return sum(value for _, value in parts)
