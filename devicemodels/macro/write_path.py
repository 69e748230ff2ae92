"""Can the access transistor that fits the cell write the junction, in both directions?

From antiparallel to parallel the current enters through the junction and the transistor's source is grounded. From
parallel to antiparallel it leaves through the junction, whose voltage lifts the source: less gate drive, more
threshold. Half of the wire and switch resistance lies on either side.
"""

import math

from scipy.optimize import brentq

from devicemodels.errors import UserError
from devicemodels.macro.mram_cell import MramCell
from devicemodels.mtj import Mtj
from devicemodels.quantities import Ampere, Kelvin, Ohm, Volt
from devicemodels.technology import Technology
from devicemodels.transistor import drain_current


def available_current(
    *, technology: Technology, mtj: Mtj, cell: MramCell, series: Ohm, temperature: Kelvin, degenerated: bool
) -> Ampere:
    """Current through a cell that starts antiparallel (parallel when `degenerated`), solved for the junction's voltage.

    `series` is the resistance of switches and wires, half of it on either side of the cell.
    """
    angle = 0.0 if degenerated else math.pi

    def junction_current(voltage: Volt) -> Ampere:
        return voltage / mtj.resistance(angle, voltage, temperature)

    def surplus(voltage: Volt) -> Ampere:
        current = junction_current(voltage)
        drop = current * series / 2
        source = voltage + drop if degenerated else drop
        return _transistor(technology, cell, source, cell.write_voltage - voltage - 2 * drop, temperature) - current

    return junction_current(brentq(surplus, 0.0, cell.write_voltage))


def _transistor(
    technology: Technology, cell: MramCell, source: Volt, drain_source: Volt, temperature: Kelvin
) -> Ampere:
    return drain_current(
        technology,
        width=cell.access_width,
        gate_source=cell.wordline_write_voltage - source,
        drain_source=drain_source,
        temperature=temperature,
        source_body=source,
    )


def required_current(*, mtj: Mtj, cell: MramCell, temperature: Kelvin) -> Ampere:
    """The write current: `write_overdrive` times the critical current."""
    return cell.write_overdrive * mtj.critical_current(temperature)


def check_write(*, technology: Technology, mtj: Mtj, cell: MramCell, series: Ohm, temperature: Kelvin) -> None:
    """Refuse a cell that cannot be written.

    Raises
    ------
    UserError
        If the transistor does not carry the write current in one of the two directions, or no width is left for it.
    """
    if cell.access_width <= 0:
        raise UserError(f"MRAM cell {cell.name}: its area leaves no width for an access transistor; enlarge the cell")
    need = required_current(mtj=mtj, cell=cell, temperature=temperature)
    for degenerated, name in ((False, "AP to P"), (True, "P to AP, against its source")):
        have = available_current(
            technology=technology, mtj=mtj, cell=cell, series=series, temperature=temperature, degenerated=degenerated
        )
        if have < need:
            raise UserError(
                f"the access transistor is too small to write {mtj.name}: {cell.access_width * 1e9:.0f} nm in a cell "
                f"of {cell.area * 1e12:.4f} um2 carry {have * 1e6:.1f} uA from {name}, but {cell.write_overdrive:g} x "
                f"Ic0 is {need * 1e6:.1f} uA at {temperature:g} K; enlarge the cell, raise the write voltages, or "
                f"lower damping, diameter or RA"
            )
