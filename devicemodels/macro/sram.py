"""Time, energy, area and error rates of a bank of 6T cells, whose read current discharges a bitline."""

import numpy as np

from devicemodels.errors import UserError
from devicemodels.macro.area import area_parts, periphery_leakage
from devicemodels.macro.limits import Limit, refuse, with_limits
from devicemodels.macro.memory_macro import MemoryMacro, Parts, total
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.output_path import control_energy, output_delay, resolve_time, word_energy
from devicemodels.macro.periphery import Periphery, load_periphery
from devicemodels.macro.row_path import decoder_energy, wordline_energy
from devicemodels.macro.sram_bank import SramBank, sram_limits
from devicemodels.macro.wires import elmore_delay
from devicemodels.quantities import Ampere, Joule, Kelvin, Second, Volt, Watt
from devicemodels.sram.cell import SramCell, leakage_current
from devicemodels.technology import Technology, check_temperature
from devicemodels.transistor import switch_resistance


def sram_bank(
    *,
    technology: Technology,
    cell: SramCell,
    organisation: Organisation,
    temperature: Kelvin,
    ports: int = 1,
    periphery: Periphery | None = None,
) -> SramBank:
    """Collect a bank, or many; the periphery defaults to the shipped sheet.

    Raises
    ------
    UserError
        If `ports` is neither 1 nor 2, or the temperature is out of range. What else forbids a bank is a limit
        (`sram_limits`).
    """
    for extreme in (np.min(temperature), np.max(temperature)):
        check_temperature(extreme, technology)
    if ports not in (1, 2):
        raise UserError(f"an SRAM bank with {ports} ports is not modelled; use 1 (6T) or 2 (8T, one more read port)")
    return SramBank(
        technology=technology,
        cell=cell,
        periphery=periphery or load_periphery().device,
        organisation=organisation,
        temperature=temperature,
        ports=ports,
    )


def sram_macro(**parts) -> MemoryMacro:
    """One bank as a `MemoryMacro` of floats; arguments and `UserError` as for `sram_bank`, and for a broken limit."""
    macro, limits = evaluate_sram(**parts)
    refuse(limits)
    return macro


def evaluate_sram(**parts) -> tuple[MemoryMacro, tuple[Limit, ...]]:
    """Many banks at once: a `MemoryMacro` of arrays, and the limits, which say where it can be built.

    Arguments as for `sram_bank`, whose parts may hold arrays that broadcast together (`ports` may not).
    """
    return evaluate(sram_bank(**parts))


def evaluate(bank: SramBank) -> tuple[MemoryMacro, tuple[Limit, ...]]:
    """Numbers and limits of a bank, or of many."""
    return with_limits(macro_of, sram_limits, bank)


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
        read_cycle=read_cycle(bank, times),
        write_pulse=write_pulse(bank),
        write_cycle=write_cycle(bank),
        read_energy=total(energies),
        write_energy=write_energy(bank),
        leakage=leakage(bank),
        area=total(areas),
        read_current=read_current(bank, times),
        write_current=write_current(bank),
        read_error_rate=bank.read_error_rate,
        write_error_rate=0.0,
        retention_error_rate=0.0,
        read_disturb_rate=0.0,
        array_yield=bank.array_yield,
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
        ("wordline", path.wordline_delay),
        ("bitline swing", bank.development_time),
        ("amplifier", resolve_time(path, margin=margin)),
    )
    guard = (bank.periphery.timing_guard - 1) * total(timed)
    return (("decoder", path.decoder_delay), *timed, ("timing guard", guard), ("data out", output_delay(path)))


def precharge_time(bank: SramBank, *, swing: Volt) -> Second:
    """Wordline down, then the bitline back to within a tenth of an offset sigma of the supply."""
    device = switch_resistance(
        bank.technology, width=bank.cell.precharge_width, temperature=bank.temperature, pmos=True
    )
    wire = elmore_delay(driver=0.0, wire=bank.bitline_resistance, wire_load=bank.bitline_load)
    settle = device * bank.bitline_load * np.log(np.maximum(10 * swing / bank.offset, 1.0))
    return bank.row_path.wordline_delay + wire + settle


def read_cycle(bank: SramBank, times: Parts) -> Second:
    """The longer of the access and of opening, sensing and closing the row.

    The wordline falls and the bitlines recover from the moment at which the amplifiers are enabled, while those resolve
    and the data leave.
    """
    parts = dict(times)
    opened = parts["decoder"] + bank.periphery.timing_guard * (parts["wordline"] + parts["bitline swing"])
    return np.maximum(total(times), opened + precharge_time(bank, swing=bank.swing))


def write_pulse(bank: SramBank) -> Second:
    """Bitline to ground through its driver, then four FO4 delays for the cell to flip, times the timing guard."""
    driver = switch_resistance(bank.technology, width=bank.switch_width, temperature=bank.temperature)
    bitline = elmore_delay(driver=2 * driver, wire=bank.bitline_resistance, wire_load=bank.bitline_load)
    return bank.periphery.timing_guard * (bitline + 4 * bank.row_path.fo4)


def write_cycle(bank: SramBank) -> Second:
    """Decoder, wordline, pulse and a precharge from full swing."""
    path = bank.row_path
    opened = path.decoder_delay + path.wordline_delay
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


def read_current(bank: SramBank, times: Parts) -> Ampere:
    """What the row and the precharged bitlines draw, over the time in which they move."""
    parts, energies = dict(times), dict(read_energy_parts(bank))
    moved = energies["wordline"] + energies["bitlines"]
    return moved / bank.technology.supply / (parts["wordline"] + parts["bitline swing"])


def write_current(bank: SramBank) -> Ampere:
    """The charge of the written bitlines over the pulse."""
    return bank.organisation.word_bits * bank.bitline_load * bank.technology.supply / write_pulse(bank)
