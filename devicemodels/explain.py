"""The chain of numbers from stack to bank, each with unit, source and kind: what `spinstream device` prints."""

from devicemodels.explain_mtj import junction_rows
from devicemodels.macro import write_path
from devicemodels.macro.current_sense import CurrentSense, amplifier_offset, load_current_sense
from devicemodels.macro.memory_macro import MemoryMacro
from devicemodels.macro.mram import macro_of as mram_macro_of
from devicemodels.macro.mram_bank import MramBank, mram_bank
from devicemodels.macro.mram_cell import MramCell, load_mram_cell
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.periphery import Periphery, load_periphery
from devicemodels.macro.sram import macro_of as sram_macro_of
from devicemodels.macro.sram_bank import SramBank, sram_bank
from devicemodels.mtj import Mtj
from devicemodels.quantities import Kelvin, Sheet
from devicemodels.row import Row, derived_rows, sheet_rows
from devicemodels.sram import SramCell
from devicemodels.technology import Technology


def device_rows(
    *,
    technology: Sheet[Technology],
    memory: Sheet[Mtj] | Sheet[SramCell],
    organisation: Organisation,
    temperature: Kelvin,
    cell: Sheet[MramCell] | None = None,
    sense: Sheet[CurrentSense] | None = None,
    periphery: Sheet[Periphery] | None = None,
) -> list[Row]:
    """Rows of one bank: first what the sheets say, then what follows from it, down to density and error rates.

    `memory` is an MTJ sheet (an MRAM bank) or an SRAM cell sheet; sheets left out are the shipped 22 nm ones.

    Raises
    ------
    UserError
        As `mram_bank` or `sram_bank`.
    """
    around = periphery or load_periphery("22nm")
    bank = {"organisation": organisation, "temperature": temperature, "technology": technology.device}
    if isinstance(memory.device, SramCell):
        built = sram_bank(cell=memory.device, periphery=around.device, **bank)
        sheets = [("technology", technology), ("cell", memory), ("periphery", around)]
        return [*sheet_rows(sheets), *_sram_rows(built), *_macro_rows(sram_macro_of(built))]
    access, amplifier = cell or load_mram_cell("22nm"), sense or load_current_sense("22nm")
    built = mram_bank(mtj=memory.device, cell=access.device, sense=amplifier.device, periphery=around.device, **bank)
    sheets = [
        ("technology", technology),
        ("stack", memory),
        ("cell", access),
        ("sense", amplifier),
        ("periphery", around),
    ]
    return [*sheet_rows(sheets), *_mram_rows(built), *_macro_rows(mram_macro_of(built))]


def _mram_rows(bank: MramBank) -> list[Row]:
    return [
        *junction_rows(bank.mtj, bank.temperature, bank.cell.read_voltage),
        *_write_rows(bank),
        *_sense_rows(bank),
    ]


def _write_rows(bank: MramBank) -> list[Row]:
    setting = {
        "technology": bank.technology,
        "mtj": bank.mtj,
        "cell": bank.cell,
        "series": bank.series_resistance,
        "temperature": bank.temperature,
    }
    forward = write_path.available_current(**setting, degenerated=False)
    backward = write_path.available_current(**setting, degenerated=True)
    return derived_rows(
        "write",
        ("access transistor width", bank.cell.access_width, "m", "cell area / height less spacing"),
        ("write current needed", bank.write_current, "A", "overdrive x critical current"),
        ("current available, AP to P", forward, "A", "sakurai1990"),
        ("current available, P to AP", backward, "A", "sakurai1990, source degenerated"),
    )


def _sense_rows(bank: MramBank) -> list[Row]:
    currents, sigmas = bank.currents, bank.sense.margin_sigmas
    return derived_rows(
        "read",
        ("read current, parallel", currents.parallel, "A", "clamp voltage over the path"),
        ("read current, antiparallel", currents.antiparallel, "A", "clamp voltage over the path"),
        ("signal to the reference", currents.signal, "A", "half the difference"),
        ("spread of the signal, all sigmas", sigmas * currents.spread, "A", "cells, reference, clamp"),
        ("amplifier offset, all sigmas", sigmas * amplifier_offset(bank.technology, bank.sense), "V", "pelgrom1989"),
        ("bitline capacitance", bank.bitline_load, "F", "rows x (wire + drain)"),
        ("bitline time constant", bank.bitline_time_constant, "s", "C / (g_m + 1/R)"),
        ("bitline settling", bank.settling_time, "s", "clamp and wire"),
        ("sense margin development", bank.development_time, "s", "current_sense"),
    )


def _sram_rows(bank: SramBank) -> list[Row]:
    sigmas = bank.cell.margin_sigmas
    return derived_rows(
        "read",
        ("read current", bank.read_current, "A", "sakurai1990, two transistors in series"),
        ("spread of the read current, all sigmas", sigmas * bank.read_sigma, "A", "pelgrom1989"),
        ("amplifier offset, all sigmas", sigmas * bank.offset, "V", "pelgrom1989"),
        ("bitline capacitance", bank.bitline_load, "F", "rows x (wire + drain)"),
        ("bitline swing development", bank.development_time, "s", "C V / I"),
    )


def _macro_rows(macro: MemoryMacro) -> list[Row]:
    return [
        *derived_rows("read time", *((n, v, "s", "model") for n, v in macro.read_time_parts)),
        *derived_rows("read energy", *((n, v, "J", "model") for n, v in macro.read_energy_parts)),
        *derived_rows("area", *((n, v, "m^2", "model") for n, v in macro.area_parts)),
        *_bank_rows(macro),
    ]


def _bank_rows(macro: MemoryMacro) -> list[Row]:
    return derived_rows(
        "bank",
        ("words", macro.words, "1", "organisation"),
        ("word bits", macro.word_bits, "1", "organisation"),
        ("read access", macro.read_access, "s", "sum of read time"),
        ("read cycle", macro.read_cycle, "s", "model"),
        ("write cycle", macro.write_cycle, "s", "model"),
        ("read energy per word", macro.read_energy, "J", "sum of read energy"),
        ("write energy per word", macro.write_energy, "J", "model"),
        ("leakage", macro.leakage, "W", "model"),
        ("area", macro.area, "m^2", "sum of area"),
        ("bandwidth", macro.bandwidth, "B/s", "data bits / read cycle"),
        ("bandwidth density of the bank alone", macro.bandwidth_density, "B/s/m^2", "bandwidth / area"),
        ("read error rate, raw", macro.read_error_rate, "1", "normal tail of the margin"),
        ("write error rate, raw", macro.write_error_rate, "1", "Fokker-Planck, mean over the spread"),
        ("retention error rate, ten years", macro.retention_error_rate, "1", "Fokker-Planck, mean over the spread"),
        ("read disturb rate", macro.read_disturb_rate, "1", "Fokker-Planck, mean over the spread"),
    )
