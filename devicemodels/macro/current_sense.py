"""Current sensing of an MRAM bit: currents, margin, the time it takes and the errors it makes.

A clamp holds the bitline at the read voltage; the difference between the cell's current and a mid-point reference
is integrated on a sense node, and a latch decides. Two spreads oppose it: those of the currents (cell, reference,
clamp), which grow with the signal, and the latch's own offset, which does not. Both are normal and independent, and
the sense time is the one at which the signal exceeds `margin_sigmas` of their sum:

    m f >= n sqrt((s f)^2 + v^2)   with   f(t) = R_o (1 - exp(-t / R_o C_s)),

m the half difference of the currents, s and v the spreads of current and latch. So f = n v / sqrt(m^2 - n^2 s^2):
no time is long enough if m <= n s, or if R_o is too small.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from devicemodels.errors import UserError
from devicemodels.mtj import Mtj
from devicemodels.quantities import (
    Ampere,
    Farad,
    Kelvin,
    Metre,
    Ohm,
    PerVolt,
    Ratio,
    Second,
    Sheet,
    Volt,
    load_sheet,
)
from devicemodels.statistics import normal_tail, pair_offset_sigma
from devicemodels.technology import REFERENCE_TEMPERATURE, Technology


@dataclass(frozen=True, kw_only=True)
class CurrentSense:
    """Facts of a clamped current sense amplifier.

    `clamp_efficiency` is g_m / I of the clamp at 300 K; `clamp_offset` the standard deviation of the bitline voltage
    that is left after offset cancellation; `settling_fraction` how small a bitline transient must be beside the signal
    before integration starts; `branches` how many branches carry about the mean current while sensing;
    `phase_gates` the NAND2-equivalent transitions per bit of its sampling phases.
    """

    name: str
    clamp_efficiency: PerVolt
    clamp_offset: Volt
    settling_fraction: Ratio
    sense_capacitance: Farad
    sense_output_resistance: Ohm
    branches: Ratio
    phase_gates: Ratio
    reference_cells: Ratio
    margin_sigmas: Ratio
    amplifier_input_width: Metre
    amplifier_input_length: Metre
    amplifier_total_width: Metre


def load_current_sense(name_or_path: Path | str) -> Sheet[CurrentSense]:
    """Read a current-sense sheet by its shipped name or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("sense", name_or_path, CurrentSense)


@dataclass(frozen=True, kw_only=True)
class ReadCurrents:
    """Currents of one read: the two states, half their difference, its spread, and the path they flow through."""

    parallel: Ampere
    antiparallel: Ampere
    spread: Ampere
    path_resistance: Ohm

    @property
    def signal(self) -> Ampere:
        """Distance of either state from the mid-point reference."""
        return (self.parallel - self.antiparallel) / 2

    @property
    def mean(self) -> Ampere:
        """The reference current."""
        return (self.parallel + self.antiparallel) / 2

    def net_signal(self, sigmas: Ratio) -> Ampere:
        """sqrt(signal^2 - (sigmas x spread)^2), or zero if the spread is the larger."""
        return math.sqrt(max(self.signal**2 - (sigmas * self.spread) ** 2, 0.0))


def read_currents(
    *, mtj: Mtj, sense: CurrentSense, read_voltage: Volt, series: Ohm, temperature: Kelvin
) -> ReadCurrents:
    """Currents of both states at the clamp's voltage, with `series` ohms of transistor, switches and wire.

    The spread is the larger of the two states' spreads, joined with those of the averaged reference and the clamp. A
    state's spread is the relative one of its resistance, as far as the junction and not `series` sets the current.
    """
    low = mtj.resistance(0.0, read_voltage, temperature)
    high = mtj.resistance(math.pi, read_voltage, temperature)
    parallel, antiparallel = read_voltage / (low + series), read_voltage / (high + series)
    magnetic = mtj.sigma_tmr * (high - low) / high
    spreads = (
        parallel * mtj.sigma_resistance * low / (low + series),
        antiparallel * math.hypot(mtj.sigma_resistance, magnetic) * high / (high + series),
    )
    reference = math.hypot(*spreads) / 2 / math.sqrt(sense.reference_cells)
    clamp = sense.clamp_offset / (low + series)
    return ReadCurrents(
        parallel=parallel,
        antiparallel=antiparallel,
        spread=math.hypot(max(spreads), reference, clamp),
        path_resistance=2 / (1 / (low + series) + 1 / (high + series)),
    )


def amplifier_offset(technology: Technology, sense: CurrentSense) -> Volt:
    """Standard deviation of the latch's input offset, from the mismatch of its input pair."""
    return pair_offset_sigma(
        matching=technology.matching, width=sense.amplifier_input_width, length=sense.amplifier_input_length
    )


def bitline_time_constant(*, sense: CurrentSense, currents: ReadCurrents, load: Farad, temperature: Kelvin) -> Second:
    """C / (g_m + 1/R): the clamp's source and the cell discharge the bitline's error together."""
    efficiency = sense.clamp_efficiency * REFERENCE_TEMPERATURE / temperature
    return load / (efficiency * currents.mean + 1 / currents.path_resistance)


def settling_time(*, sense: CurrentSense, currents: ReadCurrents, time_constant: Second) -> Second:
    """Until the transient, at first the whole read current, is `settling_fraction` of the net signal."""
    target = sense.settling_fraction * currents.net_signal(sense.margin_sigmas)
    return time_constant * math.log(currents.parallel / target)


def check_margin(technology: Technology, sense: CurrentSense, currents: ReadCurrents) -> None:
    """Refuse a cell whose states cannot be told apart.

    Raises
    ------
    UserError
        If the signal is below `margin_sigmas` of its spread, or if it cannot drive the sense node past the latch's
        offset however long it waits.
    """
    sigmas = sense.margin_sigmas
    if currents.signal <= sigmas * currents.spread:
        raise UserError(
            f"the read margin is too small: half the current difference of the two states is "
            f"{currents.signal * 1e6:.2f} uA, but {sigmas:g} sigma of its spread are "
            f"{sigmas * currents.spread * 1e6:.2f} uA; raise the TMR or the read voltage, or lower sigma_resistance"
        )
    reach = sense.sense_output_resistance * currents.net_signal(sigmas)
    need = sigmas * amplifier_offset(technology, sense)
    if reach <= need:
        raise UserError(
            f"the read margin is under the sense amplifier's offset: the signal reaches {reach * 1e3:.1f} mV, but "
            f"{sigmas:g} sigma of offset are {need * 1e3:.1f} mV; raise the TMR or the read voltage, or enlarge the "
            f"amplifier's input pair"
        )


def development_time(technology: Technology, sense: CurrentSense, currents: ReadCurrents) -> Second:
    """Until the sense node has `margin_sigmas` of all spreads; call `check_margin` first."""
    constant = sense.sense_output_resistance * sense.sense_capacitance
    reach = sense.sense_output_resistance * currents.net_signal(sense.margin_sigmas)
    return -constant * math.log1p(-sense.margin_sigmas * amplifier_offset(technology, sense) / reach)


def error_rate(technology: Technology, sense: CurrentSense, currents: ReadCurrents, *, duration: Second) -> float:
    """Probability that a bit of the array reads wrong when the signal develops for `duration`: a normal tail."""
    constant = sense.sense_output_resistance * sense.sense_capacitance
    gain = sense.sense_output_resistance * -math.expm1(-duration / constant)
    spread = math.hypot(currents.spread * gain, amplifier_offset(technology, sense))
    return normal_tail(currents.signal * gain / spread)
