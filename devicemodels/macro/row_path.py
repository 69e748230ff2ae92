"""From an address to an open row: floorplan, decoder, global wordline, segment driver and wordline."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from devicemodels.macro.organisation import Organisation
from devicemodels.macro.periphery import Periphery, width_of
from devicemodels.macro.wires import elmore_delay, resistance_scale
from devicemodels.quantities import Farad, FaradPerMetre, Joule, Kelvin, Metre, Ohm, OhmPerMetre, Second, Volt
from devicemodels.technology import Technology
from devicemodels.transistor import fo4_at, switch_resistance, switching_energy


@dataclass(frozen=True, kw_only=True)
class RowPath:
    """An array's rows, as the decoder and the wordline drivers see them.

    `gate_width` is the transistor width that one cell hangs on its wordline; `cell_width` runs along the wordline,
    `cell_height` along the bitline. `wordline_resistance` is the wordline's at 300 K.
    """

    technology: Technology
    periphery: Periphery
    organisation: Organisation
    temperature: Kelvin
    cell_width: Metre
    cell_height: Metre
    gate_width: Metre
    wordline_resistance: OhmPerMetre

    @cached_property
    def fo4(self) -> Second:
        """FO4 delay at the supply and the temperature."""
        return fo4_at(self.technology, temperature=self.temperature)

    @property
    def subarray_width(self) -> Metre:
        """Length of a row."""
        return self.organisation.columns * self.cell_width

    @property
    def subarray_height(self) -> Metre:
        """Length of a bitline."""
        return self.organisation.all_rows * self.cell_height

    @cached_property
    def stacks(self) -> int:
        """Piles of subarrays side by side: as many as bring the macro nearest to a square."""
        pile = self.organisation.subarrays * self.subarray_height
        return np.clip(np.round(np.sqrt(pile / self.subarray_width)), 1, self.organisation.subarrays)

    @property
    def stack_height(self) -> Metre:
        """Extent of one pile of subarrays along the bitlines."""
        return np.ceil(self.organisation.subarrays / self.stacks) * self.subarray_height

    @cached_property
    def distance(self) -> Metre:
        """Wire from the middle of the macro's edge to the farthest subarray: half the other piles, and up one pile."""
        return self.stack_height + (self.stacks - 1) / 2 * self.subarray_width

    @cached_property
    def line_resistance(self) -> OhmPerMetre:
        """Of a wordline at the temperature."""
        return self.wordline_resistance * resistance_scale(self.technology, temperature=self.temperature)

    @property
    def line_load(self) -> FaradPerMetre:
        """Of a wordline with its cells."""
        return self.technology.wire_capacitance + self.technology.gate_capacitance * self.gate_width / self.cell_width

    @cached_property
    def segments(self) -> int:
        """Wordline drivers per row, so many that a segment's wire delays by `segment_fo4` at most."""
        allowed = self.periphery.segment_fo4 * self.fo4
        longest = np.sqrt(allowed / (0.38 * self.line_resistance * self.line_load))
        return np.ceil(self.subarray_width / longest)

    @property
    def driver_width(self) -> Metre:
        """Of a segment driver."""
        return width_of(self.technology, self.periphery.wordline_driver_pitches)

    @cached_property
    def driver_resistance(self) -> Ohm:
        """Pull-up of a segment driver: two thirds of its width are P."""
        width = self.driver_width * 2 / 3
        return switch_resistance(self.technology, width=width, temperature=self.temperature, pmos=True)

    @cached_property
    def decoder_delay(self) -> Second:
        """Address latch, predecoders and the gate at the row, by logical effort, and the wire to the farthest row.

        A path of effort F takes log4(F) FO4 delays (Sutherland, Sproull and Harris 1999); F = rows / 2, since each
        address line and its complement branch to all rows, times 16 for the gates' logical effort and the drivers.
        """
        rows = self.organisation.rows * self.organisation.subarrays
        stages = np.maximum(np.log(rows / 2 * 16) / np.log(4), 1.0)
        wire = self.global_delay(length=self.distance, driver=self.driver_resistance, end_load=0.0)
        return (self.periphery.address_fo4 + stages) * self.fo4 + wire

    @cached_property
    def wordline_delay(self) -> Second:
        """Global wordline over half of the row (the decoder stands in its middle), then one driven segment."""
        length, driver = self.subarray_width / self.segments, self.driver_resistance
        local = elmore_delay(driver=driver, wire=self.line_resistance * length, wire_load=self.line_load * length)
        gates = self.segments / 2 * self.technology.gate_capacitance * self.driver_width / 4
        return self.global_delay(length=self.subarray_width / 2, driver=driver, end_load=gates) + local + self.fo4

    def global_delay(self, *, length: Metre, driver: Ohm, end_load: Farad) -> Second:
        """Delay of a thick upper wire: the shorter of one driver and of optimal repeaters.

        A repeated wire takes 1.67 sqrt(FO4 R C) per length (Ho, Mai and Horowitz 2001).
        """
        technology = self.technology
        resistance = technology.global_wire_resistance * resistance_scale(technology, temperature=self.temperature)
        load = technology.global_wire_capacitance
        plain = elmore_delay(driver=driver, wire=resistance * length, wire_load=load * length, end_load=end_load)
        return np.minimum(plain, 1.67 * np.sqrt(self.fo4 * resistance * load) * length + self.fo4)


def wordline_energy(path: RowPath, *, voltage: Volt) -> Joule:
    """One row up and down: the whole row and the global wordline."""
    drivers = path.segments * path.technology.gate_capacitance * path.driver_width / 4
    across = path.technology.global_wire_capacitance * path.subarray_width + drivers
    return path.line_load * path.subarray_width * voltage**2 + across * path.technology.supply**2


def decoder_energy(path: RowPath) -> Joule:
    """Address latches, predecoders and predecoded wires that change in one access: half of them do."""
    bits = np.ceil(np.log2(np.maximum(path.organisation.words, 2)))
    wires = bits * path.technology.global_wire_capacitance * path.distance
    return wires * path.technology.supply**2 / 2 + 10 * bits * switching_energy(path.technology)
