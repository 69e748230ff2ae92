"""Current sensing of an MRAM bit: currents, margin, the time it takes and the errors it makes.

A clamp holds the bitline at the read voltage; the difference between the cell's current and a mid-point reference
(or, with two junctions per bit, the other junction's current) is integrated on a sense node, and a latch decides. Two
spreads oppose it: those of the currents (cell, reference, clamp), which grow with the signal, and the latch's own
offset, which does not. Both are normal and independent, and the sense time is the one at which the signal exceeds n
standard deviations of their sum:

    m f >= n sqrt((s f)^2 + v^2)   with   f(t) = R_o (1 - exp(-t / R_o C_s)),

m the signal, s and v the spreads of current and latch. So f = n v / sqrt(m^2 - n^2 s^2): no time is long enough if
m <= n s, or if R_o is too small. n follows from what the array may lose.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from devicemodels.macro.limits import Limit, limit
from devicemodels.macro.periphery import width_of
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
    """Facts and sizes of a clamped current sense amplifier, at every node.

    `clamp_efficiency` is g_m / I of the clamp at 300 K; `clamp_offset` the standard deviation of the bitline voltage
    that is left after offset cancellation; `settling_fraction` how small a bitline transient must be beside the signal
    before integration starts; `branches` how many branches carry about the mean current while sensing; `phase_gates`
    the NAND2-equivalent transitions per bit of its sampling phases; `reference_cells` the pairs averaged into one
    reference; `read_loss` the share of arrays that may hold a word whose weak bits the code does not correct.

    Sizes are in gate pitches (widths) and channel lengths: `input_pitches` and `input_lengths` of one transistor of
    the input pair, `pair_copies` such widths that scale with it, `other_pitches` the rest. `sampling_capacitance` loads
    the sense node besides the input pair, at every node alike: noise and charge injection set it. The output resistance
    is `early_voltage` over the current.
    """

    name: str
    clamp_efficiency: PerVolt
    clamp_offset: Volt
    settling_fraction: Ratio
    sampling_capacitance: Farad
    early_voltage: Volt
    branches: Ratio
    phase_gates: Ratio
    reference_cells: Ratio
    read_loss: Ratio
    input_pitches: Ratio
    input_lengths: Ratio
    pair_copies: Ratio
    other_pitches: Ratio


def load_current_sense(name_or_path: Path | str = "standard") -> Sheet[CurrentSense]:
    """Read a current-sense sheet by its shipped name or by path; raises `UserError` as `load_sheet`."""
    return load_sheet("sense", name_or_path, CurrentSense)


@dataclass(frozen=True, kw_only=True)
class ReadCurrents:
    """Currents of one read: the two states, the signal between cell and reference, its spread, and the path."""

    parallel: Ampere
    antiparallel: Ampere
    signal: Ampere
    spread: Ampere
    path_resistance: Ohm

    @property
    def mean(self) -> Ampere:
        """The reference current."""
        return (self.parallel + self.antiparallel) / 2

    def net_signal(self, sigmas: Ratio) -> Ampere:
        """sqrt(signal^2 - (sigmas x spread)^2), or zero if the spread is the larger."""
        return np.sqrt(np.maximum(self.signal**2 - (sigmas * self.spread) ** 2, 0.0))


def read_currents(
    *, mtj: Mtj, sense: CurrentSense, read_voltage: Volt, series: Ohm, temperature: Kelvin, junctions: Ratio = 1
) -> ReadCurrents:
    """Currents of both states at the clamp's voltage, with `series` ohms of transistor, switches and wire.

    A state's spread is the relative one of its resistance, as far as the junction and not `series` sets the current.
    One junction per bit is compared with the middle between averaged pairs: half the difference is the signal, and the
    larger of the states' spreads opposes it, with that of reference and clamp. Two junctions in opposite states are
    compared with each other: the whole difference, against the spreads of both and of two clamps.
    """
    low = mtj.resistance(0.0, read_voltage, temperature)
    high = mtj.resistance(math.pi, read_voltage, temperature)
    parallel, antiparallel = read_voltage / (low + series), read_voltage / (high + series)
    magnetic = mtj.sigma_tmr * (high - low) / high
    spreads = (
        parallel * mtj.sigma_resistance * low / (low + series),
        antiparallel * np.hypot(mtj.sigma_resistance, magnetic) * high / (high + series),
    )
    both, clamp = np.hypot(*spreads), sense.clamp_offset / (low + series)
    single = np.hypot(np.hypot(np.maximum(*spreads), both / 2 / np.sqrt(sense.reference_cells)), clamp)
    paired = np.asarray(junctions) > 1
    return ReadCurrents(
        parallel=parallel,
        antiparallel=antiparallel,
        signal=np.where(paired, parallel - antiparallel, (parallel - antiparallel) / 2),
        spread=np.where(paired, np.hypot(both, np.sqrt(2) * clamp), single),
        path_resistance=2 / (1 / (low + series) + 1 / (high + series)),
    )


def input_width(technology: Technology, sense: CurrentSense) -> Metre:
    """Of one transistor of the input pair."""
    return width_of(technology, sense.input_pitches)


def input_length(technology: Technology, sense: CurrentSense) -> Metre:
    """Channel length of the input pair."""
    return sense.input_lengths * technology.channel_length


def amplifier_offset(technology: Technology, sense: CurrentSense) -> Volt:
    """Standard deviation of the latch's input offset, from the mismatch of its input pair."""
    return pair_offset_sigma(
        matching=technology.matching, width=input_width(technology, sense), length=input_length(technology, sense)
    )


def amplifier_width(technology: Technology, sense: CurrentSense) -> Metre:
    """Total transistor width of an amplifier; a longer pair counts by its gate area."""
    pair = sense.pair_copies * input_width(technology, sense) * np.maximum(sense.input_lengths, 1.0)
    return pair + width_of(technology, sense.other_pitches)


def sense_capacitance(technology: Technology, sense: CurrentSense) -> Farad:
    """Of the sense node: sampling capacitor, mirror drains, and the gate of the input pair, the price of its offset."""
    gate = input_width(technology, sense) * sense.input_lengths
    return sense.sampling_capacitance + technology.gate_capacitance * gate


def output_resistance(sense: CurrentSense, currents: ReadCurrents) -> Ohm:
    """Of the sense node."""
    return sense.early_voltage / currents.mean


def bitline_time_constant(*, sense: CurrentSense, currents: ReadCurrents, load: Farad, temperature: Kelvin) -> Second:
    """C / (g_m + 1/R): the clamp's source and the cell discharge the bitline's error together."""
    efficiency = sense.clamp_efficiency * REFERENCE_TEMPERATURE / temperature
    return load / (efficiency * currents.mean + 1 / currents.path_resistance)


def settling_time(*, sense: CurrentSense, currents: ReadCurrents, time_constant: Second, sigmas: Ratio) -> Second:
    """Until the transient, at first the whole read current, is `settling_fraction` of the net signal."""
    target = sense.settling_fraction * currents.net_signal(sigmas)
    return time_constant * np.log(currents.parallel / target)


def margin_limits(
    technology: Technology, sense: CurrentSense, currents: ReadCurrents, sigmas: Ratio
) -> tuple[Limit, Limit]:
    """Limits that a cell must meet for its states to be told apart.

    Its signal must be above `sigmas` of its spread, and must drive the sense node past as many of the latch's offset.
    """
    reach = output_resistance(sense, currents) * currents.net_signal(sigmas)
    need = sigmas * amplifier_offset(technology, sense)
    return (
        limit(
            "read margin",
            currents.signal > sigmas * currents.spread,
            "the read margin is too small: the current differs from its reference by {signal:.2f} uA, but {sigmas:.1f} "
            "sigma of its spread are {spread:.2f} uA; raise the TMR or the read voltage, or lower sigma_resistance",
            signal=currents.signal * 1e6,
            sigmas=sigmas,
            spread=sigmas * currents.spread * 1e6,
        ),
        limit(
            "amplifier offset",
            reach > need,
            "the read margin is under the sense amplifier's offset: the signal reaches {reach:.1f} mV, but "
            "{sigmas:.1f} sigma of offset are {need:.1f} mV; raise the TMR or the read voltage, or enlarge the "
            "amplifier's input pair",
            reach=reach * 1e3,
            sigmas=sigmas,
            need=need * 1e3,
        ),
    )


def development_time(technology: Technology, sense: CurrentSense, currents: ReadCurrents, sigmas: Ratio) -> Second:
    """Until the sense node has `sigmas` of all spreads; infinite where `margin_limits` do not hold."""
    resistance = output_resistance(sense, currents)
    share = sigmas * amplifier_offset(technology, sense) / (resistance * currents.net_signal(sigmas))
    return -resistance * sense_capacitance(technology, sense) * np.log1p(-np.minimum(share, 1.0))


def error_rate(technology: Technology, sense: CurrentSense, currents: ReadCurrents, *, duration: Second) -> Ratio:
    """Probability that a bit of the array reads wrong when the signal develops for `duration`: a normal tail."""
    resistance = output_resistance(sense, currents)
    gain = resistance * -np.expm1(-duration / (resistance * sense_capacitance(technology, sense)))
    spread = np.hypot(currents.spread * gain, amplifier_offset(technology, sense))
    return normal_tail(currents.signal * gain / spread)
