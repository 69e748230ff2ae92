"""From a resolved amplifier to the edge of the macro, and the latch that resolves it."""

import numpy as np

from devicemodels.macro.periphery import control_gates, port_load, width_of
from devicemodels.macro.row_path import RowPath
from devicemodels.quantities import Farad, Joule, Ratio, Second, Volt
from devicemodels.transistor import switch_resistance, switching_energy


def resolve_time(path: RowPath, *, margin: Volt) -> Second:
    """Regeneration from `margin` to half the supply, tau ln(V/2m), then two FO4 delays to the output latch.

    The margin is the one that the amplifier was given beyond its offset, at least a millivolt.
    """
    growth = np.log(path.technology.supply / 2 / np.maximum(margin, 1e-3))
    return path.fo4 * (path.periphery.latch_regeneration_fo4 * np.maximum(growth, 0.0) + 2)


def output_delay(path: RowPath) -> Second:
    """Output latch, buffer and the wire from the farthest subarray to the edge, into the port's load."""
    width = width_of(path.technology, path.periphery.output_driver_pitches)
    driver = switch_resistance(path.technology, width=width / 3, temperature=path.temperature)
    wire = path.global_delay(length=path.distance, driver=driver, end_load=port_load(path.technology, path.periphery))
    return wire + 2 * path.fo4


def output_load(path: RowPath) -> Farad:
    """Capacitance of one output bit: wire to the edge and what the macro drives there."""
    wire = path.technology.global_wire_capacitance * path.distance
    return wire + port_load(path.technology, path.periphery)


def word_energy(path: RowPath, *, activity: Ratio = 0.5) -> Joule:
    """Output wires, data latches and per-bit clocking of one word; half of the bits change."""
    bits, supply = path.organisation.word_bits, path.technology.supply
    wires = bits * activity * output_load(path) * supply**2 / 2
    return wires + bits * path.periphery.bit_gates * switching_energy(path.technology)


def control_energy(path: RowPath) -> Joule:
    """Timing, address and enable logic of one access."""
    gates = control_gates(path.periphery, words=path.organisation.words)
    return gates * path.periphery.control_activity * switching_energy(path.technology)
