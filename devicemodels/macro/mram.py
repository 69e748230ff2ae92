"""Time, energy, area and error rates of a bank of MRAM cells, for one bank or for many at once."""

import numpy as np

from devicemodels.errors import UserError
from devicemodels.macro import current_sense
from devicemodels.macro.area import area_parts, periphery_leakage
from devicemodels.macro.current_sense import CurrentSense
from devicemodels.macro.limits import Limit, refuse, with_limits
from devicemodels.macro.memory_macro import MemoryMacro, Parts, total
from devicemodels.macro.mram_bank import MramBank, mram_limits
from devicemodels.macro.mram_cell import MramCell
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.output_path import control_energy, output_delay, resolve_time, word_energy
from devicemodels.macro.periphery import Periphery, width_of
from devicemodels.macro.row_path import decoder_energy, wordline_energy
from devicemodels.macro.sheets import bank_sheets, node_name
from devicemodels.macro.wires import elmore_delay
from devicemodels.mtj import Mtj
from devicemodels.quantities import Ampere, Joule, Kelvin, Second
from devicemodels.technology import Technology, check_temperature
from devicemodels.transistor import switch_resistance, switching_energy


def mram_bank(
    *,
    technology: Technology,
    mtj: Mtj,
    organisation: Organisation,
    temperature: Kelvin,
    cell: MramCell | None = None,
    sense: CurrentSense | None = None,
    periphery: Periphery | None = None,
) -> MramBank:
    """Collect a bank, or many; cell, sense amplifier and periphery default to the sheets of the technology's node.

    Raises
    ------
    UserError
        If the temperature is out of range, the free layer lies in the plane or has a stray field, or the node has no
        MRAM cell sheet. Whatever else physics forbids is a limit (`mram_limits`).
    """
    for extreme in (np.min(temperature), np.max(temperature)):
        check_temperature(extreme, technology)
    if np.any(mtj.thermal_stability(temperature) <= 0):
        raise UserError(
            f"the free layer of {mtj.name} lies in the plane at {np.max(temperature):g} K (no energy barrier); raise "
            f"interface_anisotropy, or make the layer thinner"
        )
    sheets = None if cell and sense and periphery else bank_sheets("mram", node_name(technology))
    return MramBank(
        technology=technology,
        mtj=mtj,
        cell=cell or sheets.cell.device,
        sense=sense or sheets.sense.device,
        periphery=periphery or sheets.periphery.device,
        organisation=organisation,
        temperature=temperature,
    )


def mram_macro(**parts) -> MemoryMacro:
    """One bank as a `MemoryMacro` of floats.

    Arguments as for `mram_bank`, which also says what it raises; here a limit that does not hold raises `UserError`
    too: the access transistor is too small to write, the read margin is below spread or offset, a read disturbs more
    than `DISTURB_LIMIT`, or writing leaves more errors than the array can bear.
    """
    macro, limits = evaluate_mram(**parts)
    refuse(limits)
    return macro


def evaluate_mram(**parts) -> tuple[MemoryMacro, tuple[Limit, ...]]:
    """Many banks at once: a `MemoryMacro` of arrays, and the limits, which say where it can be built.

    Arguments as for `mram_bank`: fields of each part (by `dataclasses.replace`) and the temperature may be arrays that
    broadcast together. Numbers of a point at which a limit does not hold may be infinite or not a number.
    """
    return evaluate(mram_bank(**parts))


def evaluate(bank: MramBank) -> tuple[MemoryMacro, tuple[Limit, ...]]:
    """Numbers and limits of a bank, or of many."""
    return with_limits(macro_of, mram_limits, bank)


def macro_of(bank: MramBank) -> MemoryMacro:
    """Time, energy, area and error rates of a bank, each a number or an array as its facts are."""
    times, energies, areas = read_time_parts(bank), read_energy_parts(bank), area_parts(bank.plan)
    organisation = bank.organisation
    return MemoryMacro(
        kind="mram",
        words=organisation.words,
        data_bits=organisation.data_bits,
        check_bits=organisation.check_bits,
        read_access=total(times),
        read_cycle=read_cycle(bank, times),
        write_pulse=bank.cell.write_pulse,
        write_cycle=write_cycle(bank),
        read_energy=total(energies),
        write_energy=write_energy(bank),
        leakage=periphery_leakage(bank.plan, temperature=bank.temperature),
        area=total(areas),
        read_current=read_current(bank, times),
        write_current=organisation.word_bits / organisation.write_steps * bank.cell.junctions * bank.write_current,
        read_error_rate=bank.read_error_rate,
        write_error_rate=bank.errors.write,
        retention_error_rate=bank.errors.retention,
        read_disturb_rate=bank.errors.disturb,
        array_yield=bank.array_yield,
        temperature=bank.temperature,
        supply=bank.technology.supply,
        area_parts=areas,
        read_time_parts=times,
        read_energy_parts=energies,
    )


def read_time_parts(bank: MramBank) -> Parts:
    """Seconds from address to data. The timing guard is the share added to the self-timed parts before it."""
    path = bank.row_path
    margin = bank.sigmas * current_sense.amplifier_offset(bank.technology, bank.sense)
    timed = (
        ("wordline", path.wordline_delay),
        ("bitline settling", bank.settling_time),
        ("sense margin", bank.development_time),
        ("amplifier", resolve_time(path, margin=margin)),
    )
    guard = (bank.periphery.timing_guard - 1) * total(timed)
    return (("decoder", path.decoder_delay), *timed, ("timing guard", guard), ("data out", output_delay(path)))


def precharge_time(bank: MramBank) -> Second:
    """Wordline down, then the bitline to within one per cent of ground through its equaliser."""
    width = width_of(bank.technology, bank.periphery.equalise_pitches)
    device = switch_resistance(bank.technology, width=width, temperature=bank.temperature)
    wire = elmore_delay(driver=0.0, wire=bank.wire_resistance, wire_load=bank.bitline_load)
    return bank.row_path.wordline_delay + wire + device * bank.bitline_load * np.log(100)


def read_cycle(bank: MramBank, times: Parts) -> Second:
    """The longer of the access and of opening, sensing and closing the row.

    The wordline falls and the bitlines recover from the moment at which the amplifiers are enabled, while those resolve
    and the data leave.
    """
    parts = dict(times)
    opened = parts["decoder"] + bank.periphery.timing_guard * (
        parts["wordline"] + parts["bitline settling"] + parts["sense margin"]
    )
    return np.maximum(total(times), opened + precharge_time(bank))


def write_cycle(bank: MramBank) -> Second:
    """Decoder, wordline, the pulses of a word and precharge. A verifying read is a read of its own."""
    path = bank.row_path
    pulses = bank.organisation.write_steps * bank.cell.write_pulse
    return path.decoder_delay + path.wordline_delay + pulses + precharge_time(bank)


def read_energy_parts(bank: MramBank) -> Parts:
    """Joules of one word."""
    path, supply, junctions = bank.row_path, bank.technology.supply, bank.cell.junctions
    bits, gate = bank.organisation.word_bits, bank.technology.gate_capacitance
    bitline = junctions * bank.bitline_load * bank.cell.read_voltage * supply
    cell = bank.sense.branches * bank.currents.mean * supply * bank.sense_time
    inside = gate * current_sense.amplifier_width(bank.technology, bank.sense)
    node = (current_sense.sense_capacitance(bank.technology, bank.sense) + inside) * supply**2
    amplifier = node + bank.sense.phase_gates * switching_energy(bank.technology)
    columns = 4 * junctions * bits * gate * bank.switch_width * supply**2
    return (
        ("decoder and control", decoder_energy(path) + control_energy(path)),
        ("wordline", wordline_energy(path, voltage=supply)),
        ("bitline and column switches", bits * bitline + columns),
        ("cell and reference current", bits * cell),
        ("sense amplifiers", bits * amplifier),
        ("data latches and output", word_energy(path)),
    )


def read_current(bank: MramBank, times: Parts) -> Ampere:
    """The larger of what opens the row and charges the bitlines, over the time of that, and of what senses."""
    parts, energies = dict(times), dict(read_energy_parts(bank))
    opening = energies["wordline"] + energies["bitline and column switches"]
    opened = opening / bank.technology.supply / (parts["wordline"] + parts["bitline settling"])
    return np.maximum(opened, bank.organisation.word_bits * bank.sense.branches * bank.currents.mean)


def write_energy(bank: MramBank) -> Joule:
    """One word: every bit is driven for the whole pulse from the write supply, plus wordline, control and data.

    Making the write voltages from the supply is not included; a pump or regulator would divide by its efficiency.
    """
    path = bank.row_path
    bit = bank.cell.junctions * bank.write_current * bank.cell.write_voltage * bank.cell.write_pulse
    row = wordline_energy(path, voltage=bank.cell.wordline_write_voltage)
    return bank.organisation.word_bits * bit + row + decoder_energy(path) + control_energy(path) + word_energy(path)
