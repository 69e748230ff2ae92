"""What the rest of the project knows of a stack: bandwidth, latency, energy, area, as a band over refresh schemes."""

from collections.abc import Iterable
from dataclasses import dataclass

from devicemodels.hbm.standard import Byte, BytePerSecond, HbmStandard, JoulePerBit
from devicemodels.hbm.timing import REFRESH, bandwidth, unloaded_latency
from devicemodels.quantities import Metre, Second, SquareMetre, Watt

EnergyParts = tuple[tuple[str, JoulePerBit], ...]
"""(place, energy per bit) pairs, in order from the cell to the host."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """The range of a figure over the refresh schemes of `REFRESH`."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class HbmStack:
    """One stack read with a given pattern.

    `bandwidth` and `energy_per_bit` are bands over refresh schemes; `energy_parts` are those of reading, without
    refresh, and sum to the low end. `host_area` is PHY and controller on the host, `footprint` the stack itself,
    `die_edge` what it takes of the host's edge. `unloaded_latency` ends at the host's PHY.
    """

    name: str
    capacity: Byte
    peak_bandwidth: BytePerSecond
    bandwidth: Band
    unloaded_latency: Second
    energy_per_bit: Band
    energy_parts: EnergyParts
    host_area: SquareMetre
    footprint: SquareMetre
    die_edge: Metre

    @property
    def fraction_of_peak(self) -> Band:
        """`bandwidth` over `peak_bandwidth`."""
        return Band(low=self.bandwidth.low / self.peak_bandwidth, high=self.bandwidth.high / self.peak_bandwidth)

    @property
    def bandwidth_per_edge(self) -> float:
        """Peak bytes/s per metre of the host's edge."""
        return self.peak_bandwidth / self.die_edge

    @property
    def bandwidth_per_host_area(self) -> float:
        """Peak bytes/s per square metre of PHY and controller on the host."""
        return self.peak_bandwidth / self.host_area

    @property
    def bandwidth_per_footprint(self) -> float:
        """Peak bytes/s per square metre of the stack itself."""
        return self.peak_bandwidth / self.footprint


def hbm_stack(standard: HbmStandard, *, bytes_per_activation: Byte | None = None) -> HbmStack:
    """Figures of one stack for a pattern that reads `bytes_per_activation` of each opened page (left out: all of it).

    Raises
    ------
    UserError
        As `devicemodels.hbm.timing.bandwidth`.
    """
    run = standard.page_size if bytes_per_activation is None else bytes_per_activation
    rates = {scheme: bandwidth(standard, bytes_per_activation=run, refresh=scheme) for scheme in REFRESH}
    parts = read_energy(standard, run)
    reading = sum(energy for _, energy in parts)
    refreshing = [0.0 if scheme == "none" else refresh_power(standard) / (8 * rate) for scheme, rate in rates.items()]
    return HbmStack(
        name=standard.name,
        capacity=standard.capacity,
        peak_bandwidth=standard.peak_bandwidth,
        bandwidth=_band(rates.values()),
        unloaded_latency=unloaded_latency(standard),
        energy_per_bit=_band(reading + energy for energy in refreshing),
        energy_parts=parts,
        host_area=standard.phy_area + standard.controller_area,
        footprint=standard.footprint,
        die_edge=standard.die_edge,
    )


def read_energy(standard: HbmStandard, bytes_per_activation: Byte) -> EnergyParts:
    """Energy per bit read, by place; the activation of a page is spread over what is read of it."""
    activation = standard.activation_energy / (8 * bytes_per_activation)
    return (
        ("core", standard.core_energy + activation),
        ("tsv", standard.tsv_energy),
        ("phy", standard.phy_energy),
        ("controller", standard.controller_energy),
    )


def refresh_power(standard: HbmStandard) -> Watt:
    """Power of refresh: every page of the stack is activated once in `refreshes_per_period` intervals."""
    pages = standard.capacity / standard.page_size
    return pages * standard.activation_energy / (standard.refreshes_per_period * standard.t_REFI)


def _band(values: Iterable[float]) -> Band:
    found = list(values)
    return Band(low=min(found), high=max(found))
