"""The chain of numbers from stack to bank, each with unit, source and kind: what `spinstream device` prints."""

from devicemodels.explain_mtj import junction_rows
from devicemodels.macro import mram, sram
from devicemodels.macro.current_sense import CurrentSense, amplifier_offset, sense_capacitance
from devicemodels.macro.limits import refuse
from devicemodels.macro.memory_macro import MemoryMacro, Parts, total
from devicemodels.macro.mram_bank import MramBank
from devicemodels.macro.mram_cell import MramCell
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.periphery import Periphery, load_periphery
from devicemodels.macro.repair import correctable_errors
from devicemodels.macro.row_path import RowPath
from devicemodels.macro.sheets import bank_sheets, node_name
from devicemodels.macro.sram_bank import SramBank
from devicemodels.macro.write_path import available_current
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

    `memory` is an MTJ sheet (an MRAM bank) or an SRAM cell sheet; sheets left out are those of the node.

    Raises
    ------
    UserError
        As `mram_macro` or `sram_macro`.
    """
    bank = {"organisation": organisation, "temperature": temperature, "technology": technology.device}
    if isinstance(memory.device, SramCell):
        around = periphery or load_periphery()
        built = sram.sram_bank(cell=memory.device, periphery=around.device, **bank)
        macro, limits = sram.evaluate(built)
        sheets, rows = [("technology", technology), ("cell", memory), ("periphery", around)], _sram_rows
    else:
        default = bank_sheets("mram", node_name(technology.device))
        access, amplifier, around = cell or default.cell, sense or default.sense, periphery or default.periphery
        built = mram.mram_bank(
            mtj=memory.device, cell=access.device, sense=amplifier.device, periphery=around.device, **bank
        )
        macro, limits = mram.evaluate(built)
        sheets, rows = [("technology", technology), ("stack", memory), ("cell", access)], _mram_rows
        sheets += [("sense", amplifier), ("periphery", around)]
    refuse(limits)
    return [*sheet_rows(sheets), *rows(built), *_floorplan_rows(built.row_path), *_macro_rows(macro)]


def _mram_rows(bank: MramBank) -> list[Row]:
    return [
        *junction_rows(bank.mtj, bank.temperature, bank.cell.read_voltage),
        *_write_rows(bank),
        *_sense_rows(bank),
    ]


def _write_rows(bank: MramBank) -> list[Row]:
    path = bank.write_path
    slow = [available_current(path, direction=direction, slow=True) for direction in (0, 1)]
    return derived_rows(
        "write",
        ("access transistor width", path.width, "m", "cell share less spacing, whole fins"),
        ("write current needed", bank.write_current, "A", "overdrive x critical current"),
        ("current available, AP to P", available_current(path, direction=0), "A", "virtual source"),
        ("current available, P to AP", available_current(path, direction=1), "A", "virtual source, source lifted"),
        ("current available at the slow corner, AP to P", slow[0], "A", "threshold, supply and junction at the corner"),
        ("current available at the slow corner, P to AP", slow[1], "A", "threshold, supply and junction at the corner"),
        ("write errors after all attempts", bank.errors.rewrite, "1", "Fokker-Planck, mean over the spread"),
    )


def _sense_rows(bank: MramBank) -> list[Row]:
    currents, sigmas, sense = bank.currents, bank.sigmas, bank.sense
    return derived_rows(
        "read",
        ("errors per word that the code corrects", correctable_errors(bank.organisation), "1", "check bits"),
        ("sigmas of margin that the array needs", sigmas, "1", "read_loss, words and code"),
        ("read current, parallel", currents.parallel, "A", "clamp voltage over the path"),
        ("read current, antiparallel", currents.antiparallel, "A", "clamp voltage over the path"),
        ("signal to the reference", currents.signal, "A", "half the difference, or all of it with two junctions"),
        ("spread of the signal, all sigmas", sigmas * currents.spread, "A", "cells, reference, clamp"),
        ("amplifier offset, all sigmas", sigmas * amplifier_offset(bank.technology, sense), "V", "pelgrom1989"),
        ("sense node capacitance", sense_capacitance(bank.technology, sense), "F", "capacitor and input pair"),
        ("bitline capacitance", bank.bitline_load, "F", "rows x (wire + drain), switches"),
        ("bitline time constant", bank.bitline_time_constant, "s", "C / (g_m + 1/R)"),
        ("bitline settling", bank.settling_time, "s", "clamp and wire"),
        ("sense margin development", bank.development_time, "s", "current_sense"),
    )


def _sram_rows(bank: SramBank) -> list[Row]:
    sigmas = bank.cell.margin_sigmas
    return derived_rows(
        "read",
        ("read current", bank.read_current, "A", "virtual source, two transistors in series"),
        ("spread of the read current, all sigmas", sigmas * bank.read_sigma, "A", "pelgrom1989"),
        ("amplifier offset, all sigmas", sigmas * bank.offset, "V", "pelgrom1989"),
        ("bitline capacitance", bank.bitline_load, "F", "rows x (wire + drain)"),
        ("bitline swing development", bank.development_time, "s", "C V / I"),
    )


def _floorplan_rows(path: RowPath) -> list[Row]:
    organisation = path.organisation
    return derived_rows(
        "floorplan",
        ("subarrays", organisation.subarrays, "1", "words / (rows x mux)"),
        ("piles of subarrays side by side", path.stacks, "1", "nearest to a square"),
        ("words per sense amplifier", organisation.rows * organisation.mux, "1", "rows x mux"),
        ("length of a bitline", path.subarray_height, "m", "rows and spare rows"),
        ("length of a wordline", path.subarray_width, "m", "columns"),
        ("wordline segments", path.segments, "1", "wire delay of a segment"),
        ("wire to the farthest subarray", path.distance, "m", "floorplan"),
    )


def _macro_rows(macro: MemoryMacro) -> list[Row]:
    return [
        *_part_rows("read time", macro.read_time_parts, "s"),
        *_part_rows("read energy", macro.read_energy_parts, "J"),
        *_part_rows("area", macro.area_parts, "m^2"),
        *_bank_rows(macro),
    ]


def _part_rows(group: str, parts: Parts, unit: str) -> list[Row]:
    """What a total is made of, each part with its share."""
    whole = total(parts)
    return derived_rows(group, *((name, value, unit, f"{value / whole:.1%}") for name, value in parts))


def _bank_rows(macro: MemoryMacro) -> list[Row]:
    cells = "Fokker-Planck, mean over the spread" if macro.kind == "mram" else "none in a powered cell that passed test"
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
        ("largest current of a read", macro.read_current, "A", "opening the row, or sensing"),
        ("largest current of a write", macro.write_current, "A", "bits written at once"),
        ("area", macro.area, "m^2", "sum of area"),
        ("bandwidth", macro.bandwidth, "B/s", "data bits / read cycle"),
        ("bandwidth density of the bank alone", macro.bandwidth_density, "B/s/m^2", "bandwidth / area"),
        ("data bits per area", macro.bit_density, "bit/m^2", "data bits / area"),
        ("read error rate, raw", macro.read_error_rate, "1", "normal tail of the margin"),
        ("write error rate, raw", macro.write_error_rate, "1", cells),
        ("retention error rate, ten years", macro.retention_error_rate, "1", cells),
        ("read disturb rate", macro.read_disturb_rate, "1", cells),
        ("array yield", macro.array_yield, "1", "dead and weak bits, code, spare rows"),
    )
