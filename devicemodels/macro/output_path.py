"""From a resolved amplifier to the edge of the macro, and the latch that resolves it."""

import math

from devicemodels.macro.periphery import Periphery, control_gates
from devicemodels.macro.row_path import RowPath
from devicemodels.macro.wires import global_wire_delay
from devicemodels.quantities import Farad, Joule, Ratio, Second, Volt
from devicemodels.technology import Technology
from devicemodels.transistor import fo4_at, switch_resistance


def resolve_time(technology: Technology, periphery: Periphery, *, margin: Volt, temperature: float) -> Second:
    """Regeneration from `margin` to half the supply, tau ln(V/2m), then two FO4 delays to the output latch.

    The margin is the one that the amplifier was given beyond its offset, at least a millivolt.
    """
    fo4 = fo4_at(technology, temperature=temperature)
    growth = math.log(technology.supply / 2 / max(margin, 1e-3))
    return fo4 * (periphery.latch_regeneration_fo4 * max(growth, 0.0) + 2)


def output_delay(path: RowPath) -> Second:
    """Output latch, buffer and the wire along all subarrays to the edge, into the output load."""
    driver = switch_resistance(
        path.technology, width=path.periphery.output_driver_width / 3, temperature=path.temperature
    )
    wire = global_wire_delay(
        path.technology,
        length=path.array_height,
        driver=driver,
        end_load=path.periphery.output_load,
        temperature=path.temperature,
    )
    return wire + 2 * fo4_at(path.technology, temperature=path.temperature)


def output_load(path: RowPath) -> Farad:
    """Capacitance of one output bit: wire to the edge and what the macro drives there."""
    return path.technology.global_wire_capacitance * path.array_height + path.periphery.output_load


def word_energy(path: RowPath, *, activity: Ratio = 0.5) -> Joule:
    """Output wires, data latches and per-bit clocking of one word; half of the bits change."""
    bits, supply = path.organisation.word_bits, path.technology.supply
    wires = bits * activity * output_load(path) * supply**2 / 2
    return wires + bits * path.periphery.bit_gates * path.technology.nand2_energy


def control_energy(path: RowPath) -> Joule:
    """Timing, address and enable logic of one access."""
    gates = control_gates(path.periphery, words=path.organisation.words)
    return gates * path.periphery.control_activity * path.technology.nand2_energy
