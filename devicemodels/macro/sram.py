"""Time, energy, area and error rates of a bank of 6T cells, whose read current discharges a bitline."""

import math

from devicemodels.macro.area import area_parts, periphery_leakage
from devicemodels.macro.memory_macro import MemoryMacro, Parts, total
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.output_path import control_energy, output_delay, resolve_time, word_energy
from devicemodels.macro.periphery import Periphery
from devicemodels.macro.row_path import decoder_delay, decoder_energy, wordline_delay, wordline_energy
from devicemodels.macro.sram_bank import SramBank, sram_bank
from devicemodels.macro.wires import elmore_delay
from devicemodels.quantities import Joule, Kelvin, Second, Volt, Watt
from devicemodels.sram.cell import SramCell, leakage_current
from devicemodels.statistics import normal_tail
from devicemodels.technology import Technology
from devicemodels.transistor import fo4_at, switch_resistance


def sram_macro(
    *,
    technology: Technology,
    cell: SramCell,
    organisation: Organisation,
    temperature: Kelvin,
    ports: int = 1,
    periphery: Periphery | None = None,
) -> MemoryMacro:
    """A bank of 6T (or 8T) cells as a `MemoryMacro`; arguments and `UserError` as for `sram_bank`."""
    return macro_of(
        sram_bank(
            technology=technology,
            cell=cell,
            organisation=organisation,
            temperature=temperature,
            ports=ports,
            periphery=periphery,
        )
    )


def macro_of(bank: SramBank) -> MemoryMacro:
    """Time, energy, area and error rates of a bank.

    Write and retention error rates are zero: a powered cell that passed test keeps its state, and soft errors are not
    modelled. Nor does a read disturb it.
    """
    times, energies, areas = read_time_parts(bank), read_energy_parts(bank), area_parts(bank.plan)
    return MemoryMacro(
        kind="sram",
        words=bank.organisation.words,
        data_bits=bank.organisation.data_bits,
        check_bits=bank.organisation.check_bits,
        read_access=total(times),
        read_cycle=read_cycle(bank),
        write_pulse=write_pulse(bank),
        write_cycle=write_cycle(bank),
        read_energy=total(energies),
        write_energy=write_energy(bank),
        leakage=leakage(bank),
        area=total(areas),
        read_error_rate=read_error_rate(bank),
        write_error_rate=0.0,
        retention_error_rate=0.0,
        read_disturb_rate=0.0,
        temperature=bank.temperature,
        supply=bank.technology.supply,
        area_parts=areas,
        read_time_parts=times,
        read_energy_parts=energies,
    )


def read_time_parts(bank: SramBank) -> Parts:
    """Seconds from address to data. The timing guard is the share added to the self-timed parts before it."""
    path = bank.row_path
    margin = bank.cell.margin_sigmas * bank.offset
    timed = (
        ("wordline", wordline_delay(path)),
        ("bitline swing", bank.development_time),
        ("amplifier", resolve_time(bank.technology, bank.periphery, margin=margin, temperature=bank.temperature)),
    )
    guard = (bank.periphery.timing_guard - 1) * total(timed)
    return (("decoder", decoder_delay(path)), *timed, ("timing guard", guard), ("data out", output_delay(path)))


def precharge_time(bank: SramBank, *, swing: Volt) -> Second:
    """Wordline down, then the bitline back to within a tenth of an offset sigma of the supply."""
    device = switch_resistance(
        bank.technology, width=bank.cell.precharge_width, temperature=bank.temperature, pmos=True
    )
    wire = elmore_delay(driver=0.0, wire=bank.bitline_resistance, wire_load=bank.bitline_load)
    settle = device * bank.bitline_load * math.log(max(10 * swing / bank.offset, 1.0))
    return wordline_delay(bank.row_path) + wire + settle


def read_cycle(bank: SramBank) -> Second:
    """The longer of the access and of opening, sensing and closing the row.

    The wordline falls and the bitlines recover from the moment at which the amplifiers are enabled, while those resolve
    and the data leave.
    """
    parts = dict(read_time_parts(bank))
    opened = parts["decoder"] + bank.periphery.timing_guard * (parts["wordline"] + parts["bitline swing"])
    return max(sum(parts.values()), opened + precharge_time(bank, swing=bank.swing))


def write_pulse(bank: SramBank) -> Second:
    """Bitline to ground through its driver, then four FO4 delays for the cell to flip, times the timing guard."""
    driver = switch_resistance(bank.technology, width=bank.switch_width, temperature=bank.temperature)
    bitline = elmore_delay(driver=2 * driver, wire=bank.bitline_resistance, wire_load=bank.bitline_load)
    return bank.periphery.timing_guard * (bitline + 4 * fo4_at(bank.technology, temperature=bank.temperature))


def write_cycle(bank: SramBank) -> Second:
    """Decoder, wordline, pulse and a precharge from full swing."""
    path = bank.row_path
    opened = decoder_delay(path) + wordline_delay(path)
    return opened + write_pulse(bank) + precharge_time(bank, swing=bank.technology.supply)


def read_energy_parts(bank: SramBank) -> Parts:
    """Joules of one word. Every column of the open row discharges, selected or not."""
    path, supply = bank.row_path, bank.technology.supply
    bits, gate = bank.organisation.word_bits, bank.technology.gate_capacitance
    amplifier = gate * bank.cell.amplifier_total_width * supply**2
    precharge = 3 * gate * bank.cell.precharge_width * supply**2
    return (
        ("decoder and control", decoder_energy(path) + control_energy(path)),
        ("wordline", wordline_energy(path, voltage=supply)),
        ("bitlines", bank.organisation.columns * (bank.bitline_load * bank.swing * supply + precharge)),
        ("sense amplifiers", bits * amplifier),
        ("data latches and output", word_energy(path)),
    )


def write_energy(bank: SramBank) -> Joule:
    """One word: written columns swing fully, the rest of the row as in a read."""
    parts = dict(read_energy_parts(bank))
    supply = bank.technology.supply
    full = bank.organisation.word_bits * bank.bitline_load * supply**2
    share = (bank.organisation.mux - 1) / bank.organisation.mux
    row = parts["decoder and control"] + parts["wordline"] + share * parts["bitlines"]
    return row + full + parts["data latches and output"]


def leakage(bank: SramBank) -> Watt:
    """Cells (an 8T one in proportion to its area) and periphery."""
    cell = leakage_current(bank.technology, bank.cell, temperature=bank.temperature) * bank.technology.supply
    cells = bank.organisation.cells * cell * bank.cell_area / bank.cell.area
    return cells + periphery_leakage(bank.plan, temperature=bank.temperature)


def read_error_rate(bank: SramBank) -> float:
    """Normal tail of the swing at the guarded sense time over the spreads of cell current and offset."""
    time = bank.periphery.timing_guard * bank.development_time
    spread = math.hypot(bank.read_sigma * time / bank.bitline_load, bank.offset)
    return normal_tail(bank.read_current * time / bank.bitline_load / spread)
