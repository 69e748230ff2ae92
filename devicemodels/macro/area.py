"""Area and leakage of a bank, part by part."""

from dataclasses import dataclass

from devicemodels.macro.memory_macro import Parts
from devicemodels.macro.organisation import Organisation
from devicemodels.macro.periphery import Periphery, control_gates, transistor_area, transistor_width, width_of
from devicemodels.quantities import Kelvin, Metre, Ratio, SquareMetre, Watt
from devicemodels.technology import Technology
from devicemodels.transistor import leakage_scale


@dataclass(frozen=True, kw_only=True)
class AreaPlan:
    """What the area of a bank is made of. Widths are total transistor widths of one circuit.

    `amplifier_width` and `driver_width` are per sense amplifier, `column_width` per column of cells, `segments`
    wordline drivers per row, `ports` the number of independent ports (each with its own rows, amplifiers and columns).
    """

    technology: Technology
    periphery: Periphery
    organisation: Organisation
    cell_area: SquareMetre
    array_overhead: Ratio
    amplifier_width: Metre
    driver_width: Metre
    column_width: Metre
    segments: int
    ports: int = 1


def area_parts(plan: AreaPlan) -> Parts:
    """Areas in m^2 of cells, spare rows, overhead of the array, amplifiers, columns, rows, and control."""
    organisation = plan.organisation
    amplifiers = plan.ports * organisation.subarrays * organisation.word_bits
    columns = plan.ports * organisation.subarrays * organisation.columns
    cells = organisation.cells * plan.cell_area
    spares = organisation.spare_cells * plan.cell_area
    return (
        ("cells", cells),
        ("spare rows", spares),
        ("array overhead", (cells + spares) * plan.array_overhead),
        ("sense amplifiers", amplifiers * _silicon(plan, plan.amplifier_width)),
        ("write drivers and column switches", _column_area(plan, amplifiers=amplifiers, columns=columns)),
        ("row decoder and wordline drivers", _row_area(plan)),
        ("control and data latches", _control_area(plan)),
    )


def _silicon(plan: AreaPlan, width: Metre) -> SquareMetre:
    return transistor_area(plan.technology, plan.periphery, width=width)


def _column_area(plan: AreaPlan, *, amplifiers: int, columns: int) -> SquareMetre:
    return _silicon(plan, amplifiers * plan.driver_width + columns * plan.column_width)


def _row_area(plan: AreaPlan) -> SquareMetre:
    rows = plan.ports * plan.organisation.subarrays * plan.organisation.all_rows
    driver = _silicon(plan, width_of(plan.technology, plan.periphery.wordline_driver_pitches))
    return rows * (plan.segments * driver + plan.periphery.decoder_gates_per_row * plan.technology.nand2_area)


def _control_area(plan: AreaPlan) -> SquareMetre:
    """Control grows with the address; each bit has an input and an output latch and an output driver."""
    organisation, periphery = plan.organisation, plan.periphery
    latches = organisation.word_bits * 2 * periphery.latch_gates
    gates = plan.ports * (control_gates(periphery, words=organisation.words) + latches)
    driver = _silicon(plan, width_of(plan.technology, periphery.output_driver_pitches))
    return gates * plan.technology.nand2_area + plan.ports * organisation.word_bits * driver


def periphery_leakage(plan: AreaPlan, *, temperature: Kelvin) -> Watt:
    """Off-current of half the width of all peripheral transistors, at the supply.

    The overhead of the array is left out: it is mostly analogue, capacitors and dummy cells.
    """
    parts = dict(area_parts(plan))
    silicon = sum(parts.values()) - sum(parts[name] for name in ("cells", "spare rows", "array overhead"))
    width = transistor_width(plan.technology, plan.periphery, area=silicon)
    scale = leakage_scale(plan.technology, temperature=temperature)
    return width / 2 * plan.technology.off_current * scale * plan.technology.supply
