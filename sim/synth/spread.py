"""How far logic area and clock may be from what the node's sheet and Yosys say, doubt by doubt, each with a source."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from devicemodels.technology import Technology

Factors = tuple[float, float]
"""Lowest and highest factor on a figure."""

UTILISATION = (0.60, 0.80)
TRACKS = (6.0, 9.0)
NAND2_PITCHES = 3.0
FO4_PER_CHANNEL = (0.36e-12 / 1e-9, 0.50e-12 / 1e-9)
"""Seconds of FO4 delay per metre of drawn channel: typical, and at the slow, hot, low-voltage corner (Ho 2001)."""
MAPPER_AREA, MAPPER_DEPTH = (0.80, 1.0), (0.85, 1.0)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One number that an estimate hangs on, and the range in which it may lie.

    Attributes
    ----------
    quantity, unit : what it is
    value, low, high : taken, least and greatest
    area, period : factors on logic area and on the clock period of logic over that range, the smaller first
    source, where, kind : of the range, as in a sheet
    """

    quantity: str
    unit: str
    value: float
    low: float
    high: float
    area: Factors = (1.0, 1.0)
    period: Factors = (1.0, 1.0)
    source: str
    where: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Range:
    """A figure and the ends between which it is expected."""

    value: float
    low: float
    high: float


def within(value: float, factors: Iterable[Factors]) -> Range:
    """`value` with independent relative spreads: their logarithms add as squares, on each side by itself."""
    factors = list(factors)
    low, high = (math.sqrt(sum(math.log(pair[side]) ** 2 for pair in factors)) for side in (0, 1))
    return Range(value=value, low=value * math.exp(-low), high=value * math.exp(high))


def spreads(technology: Technology) -> tuple[Spread, ...]:
    """What is known of a node's logic, with the doubt of each number; every range holds the sheet's own value."""
    return (_utilisation(technology), _nand2(technology), _fo4(technology), _mapper())


def _around(value: float, low: float, high: float) -> Factors:
    return min(value, low), max(value, high)


def _utilisation(technology: Technology) -> Spread:
    used = technology.placement_utilisation
    low, high = _around(used, *UTILISATION)
    return Spread(
        quantity="placement utilisation", unit="1", value=used, low=low, high=high, area=(used / high, used / low),
        source="weste2010", where="routed blocks, congested to regular; from memory", kind="assumed",
    )  # fmt: skip


def _nand2(technology: Technology) -> Spread:
    area = technology.nand2_area
    track = NAND2_PITCHES * technology.transistor_pitch * technology.wire_pitch
    low, high = _around(area, *(tracks * track for tracks in TRACKS))
    return Spread(
        quantity="NAND2 area", unit="m^2", value=area, low=low, high=high, area=(low / area, high / area),
        source="weste2010", where="three gate pitches by 6 to 9 tracks of the sheet; the heights from memory",
        kind="assumed",
    )  # fmt: skip


def _fo4(technology: Technology) -> Spread:
    delay = technology.fo4_delay
    low, high = _around(delay, *(slope * technology.channel_length for slope in FO4_PER_CHANNEL))
    return Spread(
        quantity="FO4 delay at 300 K", unit="s", value=delay, low=low, high=high, period=(low / delay, high / delay),
        source="ho2001", where="0.36 to 0.5 ps per nm of the sheet's channel; from memory", kind="assumed",
    )  # fmt: skip


def _mapper() -> Spread:
    low, high = MAPPER_AREA
    return Spread(
        quantity="gates, commercial tool over Yosys", unit="1", value=1.0, low=low, high=high,
        area=MAPPER_AREA, period=MAPPER_DEPTH, source="sauter2024",
        where="depth 0.85 to 1; in the paper better scripts and adders changed Yosys' area by 1.6, its clock by 2.3",
        kind="assumed",
    )  # fmt: skip
