"""Bandwidth density, utilisation and decode rate from words, cycles and area: the headline figures' definitions."""

from dataclasses import dataclass

from sim.accounts import events, filled_part
from sim.compiler import Program
from sim.tile import Tile
from sim.timing import token_cycles


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Rates of a tile in a decode step; densities in bytes per second and square metre.

    Attributes
    ----------
    cycles : of the step
    utilisation : weight words delivered over those the banks could deliver in the time
    bandwidth_density : of weights delivered (codes, scales and minima), averaged over the step, over the tile's area
    peak_bandwidth_density : with every bank read all the time
    tokens_per_s : for one user
    """

    cycles: float
    utilisation: float
    bandwidth_density: float
    peak_bandwidth_density: float
    tokens_per_s: float


def rates(tile: Tile, *, weight_words: float, filled: float, cycles: float, area: float) -> Rates:
    """Rates from weight words that all banks together deliver in a step's cycles, and the tile's area.

    filled : part of the words' groups that hold weights
    """
    peak = tile.config.lanes * tile.config.format.word_bytes * tile.clock_hz / tile.config.period
    utilisation = weight_words * tile.config.period / (tile.config.lanes * cycles)
    return Rates(
        cycles=cycles,
        utilisation=utilisation,
        bandwidth_density=utilisation * filled * peak / area,
        peak_bandwidth_density=peak / area,
        tokens_per_s=tile.clock_hz / cycles,
    )


def predict(tile: Tile, program: Program, *, position: int, logic_area: float = 0.0) -> Rates:
    """Rates of the step at a position, from the schedule alone.

    Parameters
    ----------
    logic_area : square metres beside the macros; 0 counts the macros only
    """
    area = tile.macro_area + logic_area
    cycles = token_cycles(program.queues, tile.config, position, emits=True)
    words = events(program.queues, tile.config, position, emits=True)["weight reads"]
    return rates(tile, weight_words=words, filled=filled_part(program, tile.config), cycles=cycles, area=area)
