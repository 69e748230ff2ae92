"""What follows from a junction's sheet at a temperature: barrier, switching, reading, retention, endurance, spread."""

import math

import numpy as np

from devicemodels.checks import require_positive
from devicemodels.error_correction import array_failure, secded, uncoded
from devicemodels.mtj import Mtj, energy, fokker_planck
from devicemodels.mtj.breakdown import endurance
from devicemodels.mtj.reliability import read_disturb_rate, retention_failure
from devicemodels.mtj.variation import read_window, sigma_barrier
from devicemodels.mtj.write_spread import mean_write_error_rate
from devicemodels.quantities import Kelvin, Second, Sheet, Volt
from devicemodels.row import Row, derived_rows, sheet_rows

OVERDRIVE = 2.0
"""The current of the write rows, in I_c0."""
READ_DRIVE = 0.2
"""The current of the read rows, in I_c0, where no read voltage is given."""
WRITE_ERROR = 1e-6
READ_TIME = 5e-9
LIFETIME_READS = 1e12
WORDS = 2**24
"""Of 64 bits: a gigabit."""
TEN_YEARS = 10 * 365.25 * 86400
REFLOW = (90.0, 533.0)
"""Duration and temperature of one solder reflow, 260 degrees Celsius."""


def mtj_rows(sheet: Sheet[Mtj], *, temperature: Kelvin) -> list[Row]:
    """Rows of a junction on its own: first what its sheet says, then what follows.

    Raises
    ------
    UserError
        If the free layer lies in the plane at that temperature, or the temperature is out of range.
    """
    return [*sheet_rows([("stack", sheet)]), *junction_rows(sheet.device, temperature)]


def junction_rows(mtj: Mtj, temperature: Kelvin, read_voltage: Volt | None = None) -> list[Row]:
    """Rows that follow from the sheet; a device that is not perpendicular is refused with a `UserError`.

    Read at `read_voltage`, or with `READ_DRIVE` of the critical current.
    """
    energy.check_perpendicular(mtj, temperature)
    require_positive(f"tmr_zero_bias of {mtj.name}, without which it is neither read nor written,", mtj.tmr_zero_bias)
    bias = read_voltage or READ_DRIVE * mtj.critical_current(temperature) * mtj.resistance(0.0, 0.0, temperature)
    written_by_current = not (mtj.spin_hall_angle or mtj.voltage_anisotropy)
    return [
        *_barrier_rows(mtj, temperature),
        *_other_torque_rows(mtj, temperature),
        *_read_rows(mtj, temperature, bias),
        *(_write_rows(mtj, temperature) if written_by_current else []),
        *_retention_rows(mtj, temperature),
        *_spread_rows(mtj, temperature),
    ]


def _barrier_rows(mtj: Mtj, kelvin: Kelvin) -> list[Row]:
    rate = energy.relaxation_rate(mtj, temperature=kelvin)
    dwell = fokker_planck.mean_switching_time(delta=min(mtj.thermal_stability(kelvin), fokker_planck.DELTAS[1]))
    leave_parallel, leave_antiparallel = energy.state_critical_currents(mtj, temperature=kelvin)
    return derived_rows(
        "junction at temperature",
        ("temperature", kelvin, "K", "chosen"),
        ("anisotropy field", energy.anisotropy_field(mtj, temperature=kelvin), "A/m", "K_i, M_s and shape: chen1991"),
        ("thermal stability", mtj.thermal_stability(kelvin), "1", "coherent rotation or nucleation"),
        ("nucleation diameter", energy.nucleation_diameter(mtj, temperature=kelvin), "m", "width of a wall: sato2011"),
        ("attempt time", energy.attempt_time(mtj, temperature=kelvin), "s", "brown1963"),
        ("mean dwell time", 2 * dwell / rate, "s", "fokker_planck.mean_switching_time"),
        ("critical current", mtj.critical_current(kelvin), "A", "sun2000"),
        ("critical current out of P", leave_parallel, "A", "with the stray field"),
        ("critical current out of AP", leave_antiparallel, "A", "with the stray field"),
    )


def _other_torque_rows(mtj: Mtj, kelvin: Kelvin) -> list[Row]:
    rows = []
    if mtj.spin_hall_angle:
        current = energy.spin_orbit_critical_current(mtj, temperature=kelvin)
        rows.append(("critical current of the line", current, "A", "lee2013, no in-plane field"))
    if mtj.voltage_anisotropy:
        density = energy.anisotropy_density(mtj, temperature=kelvin)
        per_volt = density - energy.anisotropy_density(mtj, temperature=kelvin, voltage=1.0)
        rows.append(("voltage without perpendicular anisotropy", density / per_volt, "V", "K_i - xi V/t_ox"))
    return derived_rows("other torques", *rows)


def _read_rows(mtj: Mtj, kelvin: Kelvin, bias: Volt) -> list[Row]:
    parallel = mtj.resistance(0.0, bias, kelvin)
    lifetime = read_disturb_rate(
        mtj, current=bias / parallel, duration=READ_TIME, temperature=kelvin, reads=LIFETIME_READS
    )
    return derived_rows(
        "junction, read",
        ("read voltage", bias, "V", "chosen"),
        ("TMR at the read voltage", mtj.tmr(bias, kelvin), "1", "shang1998, julliere1975"),
        ("resistance, parallel", parallel, "ohm", "RA / area"),
        ("resistance, antiparallel", mtj.resistance(math.pi, bias, kelvin), "ohm", "slonczewski1989"),
        ("TMR over the spread of resistance", read_window(mtj, voltage=bias, temperature=kelvin), "1", "sigma_*"),
        (
            "bits that one read of 5 ns across the junction flips",
            mtj.read_disturb_rate(bias / parallel, READ_TIME, kelvin), "1", "Fokker-Planck, mean over the spread",
        ),
        ("bits that 1e12 such reads flip", lifetime, "1", "the same"),
    )  # fmt: skip


def _write_rows(mtj: Mtj, kelvin: Kelvin) -> list[Row]:
    current = OVERDRIVE * mtj.critical_current(kelvin)
    pulse = pulse_for_error(mtj, kelvin)
    voltage = current * mtj.resistance(0.0, 0.0, kelvin)
    spread = mean_write_error_rate(mtj, current=current, pulse=pulse, temperature=kelvin)
    heat = mtj.junction_temperature(voltage, pulse, kelvin) - kelvin
    return derived_rows(
        "junction, write at twice the critical current",
        ("current", current, "A", "2 I_c0"),
        ("voltage, parallel", voltage, "V", "current x R_P"),
        ("pulse for a write error of 1e-6", pulse, "s", "Fokker-Planck, nominal cell"),
        ("write error of that pulse over the spread", spread, "1", "Fokker-Planck, mean over the spread"),
        ("temperature rise at its end", heat, "K", "thermal_resistance_area"),
        ("writes until 1 % of barriers break", endurance(mtj, voltage=voltage, pulse=pulse), "1", "yoshida2009"),
    )


def pulse_for_error(mtj: Mtj, kelvin: Kelvin) -> Second:
    """Pulse at `OVERDRIVE` that leaves `WRITE_ERROR` of nominal cells unswitched, by interpolation of ln WER."""
    pulses = np.linspace(0.5, 15, 59) / energy.relaxation_rate(mtj, temperature=kelvin)
    errors = mtj.write_error_rate(OVERDRIVE * mtj.critical_current(kelvin), pulses, kelvin)
    return float(np.interp(-math.log(WRITE_ERROR), -np.log(errors), pulses))


def _retention_rows(mtj: Mtj, kelvin: Kelvin) -> list[Row]:
    lost = mtj.retention_failure(TEN_YEARS, kelvin)
    plain, corrected = (float(array_failure(lost, code=code(64), words=WORDS)) for code in (uncoded, secded))
    return derived_rows(
        "junction, retention",
        ("bits lost in ten years", lost, "1", "brown1963, mean over the spread"),
        ("chance that a gigabit loses one", plain, "1", "binomial"),
        ("chance that it loses a word of 64 bits with SEC-DED", corrected, "1", "binomial"),
        ("bits lost in a reflow at 533 K", retention_failure(mtj, profile=[REFLOW]), "1", "as in ten years"),
    )


def _spread_rows(mtj: Mtj, kelvin: Kelvin) -> list[Row]:
    return derived_rows(
        "junction, spread",
        ("spread of resistance", mtj.sigma_resistance, "1", "diameter and RA"),
        ("spread of the barrier", sigma_barrier(mtj, temperature=kelvin), "1", "diameter and anisotropy"),
    )
