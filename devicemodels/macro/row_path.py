"""From an address to an open row: decoder, global wordline, segment driver and wordline."""

import math
from dataclasses import dataclass

from devicemodels.macro.organisation import Organisation
from devicemodels.macro.periphery import Periphery
from devicemodels.macro.wires import elmore_delay, global_wire_delay, resistance_scale
from devicemodels.quantities import Farad, Joule, Kelvin, Metre, Second
from devicemodels.technology import Technology
from devicemodels.transistor import fo4_at, switch_resistance


@dataclass(frozen=True, kw_only=True)
class RowPath:
    """An array's rows, as the decoder and the wordline drivers see them.

    `gate_width` is the transistor width that one cell hangs on its wordline; `cell_width` runs along the wordline,
    `cell_height` along the bitline.
    """

    technology: Technology
    periphery: Periphery
    organisation: Organisation
    temperature: Kelvin
    cell_width: Metre
    cell_height: Metre
    gate_width: Metre

    @property
    def array_width(self) -> Metre:
        """Length of a row."""
        return self.organisation.columns * self.cell_width

    @property
    def array_height(self) -> Metre:
        """Extent of all subarrays along the bitlines."""
        return self.organisation.subarrays * self.organisation.rows * self.cell_height

    @property
    def segments(self) -> int:
        """Wordline drivers per row."""
        return math.ceil(self.array_width / self.periphery.wordline_segment_length)

    @property
    def cell_load(self) -> Farad:
        """Wordline capacitance per cell: its gates and its piece of wire."""
        gates = self.technology.gate_capacitance * self.gate_width
        return gates + self.technology.wire_capacitance * self.cell_width

    @property
    def driver_resistance(self) -> float:
        """Pull-up of a segment driver: two thirds of its width are P."""
        width = self.periphery.wordline_driver_width * 2 / 3
        return switch_resistance(self.technology, width=width, temperature=self.temperature, pmos=True)


def decoder_delay(path: RowPath) -> Second:
    """Address latch, predecoders and the gate at the row, by logical effort, and the wire along all rows.

    A path of effort F takes log4(F) FO4 delays (Sutherland, Sproull and Harris 1999); F = rows / 2, since each address
    line and its complement branch to all rows, times 16 for the gates' logical effort and the drivers' size.
    """
    rows = path.organisation.rows * path.organisation.subarrays
    fo4 = fo4_at(path.technology, temperature=path.temperature)
    stages = max(math.log(rows / 2 * 16, 4), 1.0)
    wire = global_wire_delay(
        path.technology,
        length=path.array_height,
        driver=path.driver_resistance,
        end_load=0.0,
        temperature=path.temperature,
    )
    return (path.periphery.address_fo4 + stages) * fo4 + wire


def wordline_delay(path: RowPath) -> Second:
    """Global wordline over half of the row (the decoder stands in its middle), then one driven segment to its end."""
    technology, periphery = path.technology, path.periphery
    columns = path.organisation.columns / path.segments
    scale = resistance_scale(technology, temperature=path.temperature)
    wire = technology.wire_resistance * scale * columns * path.cell_width
    local = elmore_delay(driver=path.driver_resistance, wire=wire, wire_load=columns * path.cell_load)
    gate = technology.gate_capacitance * periphery.wordline_driver_width / 4
    across = global_wire_delay(
        technology,
        length=path.array_width / 2,
        driver=path.driver_resistance,
        end_load=path.segments / 2 * gate,
        temperature=path.temperature,
    )
    return across + local + fo4_at(technology, temperature=path.temperature)


def wordline_energy(path: RowPath, *, voltage: float) -> Joule:
    """One row up and down: the whole row and the global wordline."""
    drivers = path.segments * path.technology.gate_capacitance * path.periphery.wordline_driver_width / 4
    across = path.technology.global_wire_capacitance * path.array_width + drivers
    return path.organisation.columns * path.cell_load * voltage**2 + across * path.technology.supply**2


def decoder_energy(path: RowPath) -> Joule:
    """Address latches, predecoders and predecoded wires that change in one access: half of them do."""
    bits = math.ceil(math.log2(max(path.organisation.words, 2)))
    wires = bits * path.technology.global_wire_capacitance * path.array_height
    return wires * path.technology.supply**2 / 2 + 10 * bits * path.technology.nand2_energy
