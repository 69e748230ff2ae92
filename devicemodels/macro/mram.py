"""Time, energy, area and error rates of a bank of 1T1MTJ cells."""

import math
from functools import lru_cache

from devicemodels.macro import current_sense
from devicemodels.macro.area import area_parts, periphery_leakage
from devicemodels.macro.current_sense import CurrentSense
from devicemodels.macro.memory_macro import MemoryMacro, Parts, total
from devicemodels.macro.mram_bank import MramBank, mram_bank
from devicemodels.macro.mram_cell import MramCell
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.output_path import control_energy, output_delay, resolve_time, word_energy
from devicemodels.macro.periphery import Periphery
from devicemodels.macro.row_path import decoder_delay, decoder_energy, wordline_delay, wordline_energy
from devicemodels.macro.wires import elmore_delay
from devicemodels.mtj import Mtj
from devicemodels.mtj.write_spread import mean_write_error_rate
from devicemodels.quantities import Ampere, Joule, Kelvin, Ratio, Second
from devicemodels.technology import Technology
from devicemodels.transistor import switch_resistance

TEN_YEARS = 10 * 365.25 * 86400.0
"""Ten years in seconds, the time that `retention_error_rate` covers."""


def mram_macro(
    *,
    technology: Technology,
    mtj: Mtj,
    organisation: Organisation,
    temperature: Kelvin,
    cell: MramCell | None = None,
    sense: CurrentSense | None = None,
    periphery: Periphery | None = None,
) -> MemoryMacro:
    """A bank of 1T1MTJ cells as a `MemoryMacro`; arguments and `UserError` as for `mram_bank`."""
    return macro_of(
        mram_bank(
            technology=technology,
            mtj=mtj,
            organisation=organisation,
            temperature=temperature,
            cell=cell,
            sense=sense,
            periphery=periphery,
        )
    )


def macro_of(bank: MramBank) -> MemoryMacro:
    """Time, energy, area and error rates of a bank."""
    times, energies, areas = read_time_parts(bank), read_energy_parts(bank), area_parts(bank.plan)
    return MemoryMacro(
        kind="mram",
        words=bank.organisation.words,
        data_bits=bank.organisation.data_bits,
        check_bits=bank.organisation.check_bits,
        read_access=total(times),
        read_cycle=read_cycle(bank),
        write_pulse=bank.cell.write_pulse,
        write_cycle=write_cycle(bank),
        read_energy=total(energies),
        write_energy=write_energy(bank),
        leakage=periphery_leakage(bank.plan, temperature=bank.temperature),
        area=total(areas),
        temperature=bank.temperature,
        supply=bank.technology.supply,
        area_parts=areas,
        read_time_parts=times,
        read_energy_parts=energies,
        **error_rates(bank),
    )


def read_time_parts(bank: MramBank) -> Parts:
    """Seconds from address to data. The timing guard is the share added to the self-timed parts before it."""
    path = bank.row_path
    margin = bank.sense.margin_sigmas * current_sense.amplifier_offset(bank.technology, bank.sense)
    resolve = resolve_time(bank.technology, bank.periphery, margin=margin, temperature=bank.temperature)
    timed = (
        ("wordline", wordline_delay(path)),
        ("bitline settling", bank.settling_time),
        ("sense margin", bank.development_time),
        ("amplifier", resolve),
    )
    guard = (bank.periphery.timing_guard - 1) * total(timed)
    return (("decoder", decoder_delay(path)), *timed, ("timing guard", guard), ("data out", output_delay(path)))


def precharge_time(bank: MramBank) -> Second:
    """Wordline down, then the bitline to within one per cent of ground through its equaliser."""
    device = switch_resistance(bank.technology, width=bank.periphery.equalise_width, temperature=bank.temperature)
    wire = elmore_delay(driver=0.0, wire=bank.wire_resistance, wire_load=bank.bitline_load)
    return wordline_delay(bank.row_path) + wire + device * bank.bitline_load * math.log(100)


def read_cycle(bank: MramBank) -> Second:
    """The longer of the access and of opening, sensing and closing the row.

    The wordline falls and the bitlines recover from the moment at which the amplifiers are enabled, while those resolve
    and the data leave.
    """
    parts = dict(read_time_parts(bank))
    opened = parts["decoder"] + bank.periphery.timing_guard * (
        parts["wordline"] + parts["bitline settling"] + parts["sense margin"]
    )
    return max(sum(parts.values()), opened + precharge_time(bank))


def write_cycle(bank: MramBank) -> Second:
    """Decoder, wordline, pulse and precharge. A verifying read is a read of its own."""
    path = bank.row_path
    return decoder_delay(path) + wordline_delay(path) + bank.cell.write_pulse + precharge_time(bank)


def read_energy_parts(bank: MramBank) -> Parts:
    """Joules of one word."""
    path, supply = bank.row_path, bank.technology.supply
    bits, gate = bank.organisation.word_bits, bank.technology.gate_capacitance
    bitline = bank.bitline_load * bank.cell.read_voltage * supply
    cell = bank.sense.branches * bank.currents.mean * supply * bank.sense_time
    node = (bank.sense.sense_capacitance + gate * bank.sense.amplifier_total_width) * supply**2
    amplifier = node + bank.sense.phase_gates * bank.technology.nand2_energy
    columns = 4 * bits * gate * bank.switch_width * supply**2
    return (
        ("decoder and control", decoder_energy(path) + control_energy(path)),
        ("wordline", wordline_energy(path, voltage=supply)),
        ("bitline and column switches", bits * bitline + columns),
        ("cell and reference current", bits * cell),
        ("sense amplifiers", bits * amplifier),
        ("data latches and output", word_energy(path)),
    )


def write_energy(bank: MramBank) -> Joule:
    """One word: every bit is driven for the whole pulse from the write supply, plus wordline, control and data.

    Making the write voltages from the supply is not included; a pump or regulator would divide by its efficiency.
    """
    path = bank.row_path
    pulse = bank.organisation.word_bits * bank.write_current * bank.cell.write_voltage * bank.cell.write_pulse
    row = wordline_energy(path, voltage=bank.cell.wordline_write_voltage)
    return pulse + row + decoder_energy(path) + control_energy(path) + word_energy(path)


def error_rates(bank: MramBank) -> dict[str, float]:
    """Raw rates per bit, the mean over the spread of cells, by the field names of `MemoryMacro`."""
    development = bank.periphery.timing_guard * bank.development_time
    write, retention = _cell_errors(bank.mtj, bank.write_current, bank.cell.write_pulse, bank.temperature)
    return {
        "read_error_rate": current_sense.error_rate(bank.technology, bank.sense, bank.currents, duration=development),
        "write_error_rate": write,
        "retention_error_rate": retention,
        "read_disturb_rate": bank.read_disturb,
    }


@lru_cache(maxsize=256)
def _cell_errors(mtj: Mtj, current: Ampere, pulse: Second, temperature: Kelvin) -> tuple[Ratio, Ratio]:
    """Write error and loss in ten years; kept, since they are the same for every organisation of the same cells."""
    write = mean_write_error_rate(mtj, current=current, pulse=pulse, temperature=temperature)
    return write, mtj.retention_failure(TEN_YEARS, temperature)
