"""The headline figures of a measurement, each with its definition: one list for the terminal and for the report."""

from dataclasses import dataclass

from sim.measurement import Measurement, Speculation
from sim.report.units import number, three_digits, with_unit


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure as people read it: its name, its value with unit, a note beside it, and what it means."""

    name: str
    value: str
    note: str
    definition: str


def headline(m: Measurement) -> list[Figure]:
    """All figures that a decode ends with, the most important first."""
    order = (_density, _rate, _energy, _area, _clock, _utilisation, _tokens, _cycles, _ecc, _speed)
    figures = [figure(m) for figure in order]
    if m.speculation:
        figures[3:3] = [_gain(m.speculation), _drafts(m.speculation)]
    return figures


def _gain(s: Speculation) -> Figure:
    alone = f"{number(s.one_column_tokens_per_s)} tokens/s at {with_unit(s.one_column_clock_hz, 'Hz')}"
    return Figure(
        name="Gain of drafts",
        value=f"{s.gain:.2f} ×",
        note=f"one column: {number(s.one_column_cycles_per_token)} cycles per token, {alone}, predicted",
        definition="Decode rate over that of the same design with one column, by its schedule and at the clock that "
        "the design asks for. The host's time between two passes is outside the tile and in neither.",
    )


def _drafts(s: Speculation) -> Figure:
    return Figure(
        name="Tokens per pass",
        value=f"{s.tokens_per_pass:.2f}",
        note=f"{s.passes} passes on {s.columns} columns, {s.accepted} of {s.drafted} drafts accepted "
        f"({s.acceptance:.1%})",
        definition="A pass verifies drafts: tokens that followed the last ones when these stood in the text before. "
        "It gives one token more than it has right drafts. The first pass takes the prompt.",
    )


def _density(m: Measurement) -> Figure:
    peak = three_digits(m.peak_bandwidth_density_tb_per_s_mm2)
    alone = three_digits(m.bank_bandwidth_density_tb_per_s_mm2)
    return Figure(
        name="Bandwidth density",
        value=f"{three_digits(m.bandwidth_density_tb_per_s_mm2)} TB/s/mm²",
        note=f"peak {peak}, a bank alone {alone}",
        definition="Bytes of weights (codes and scales, without check bits) delivered to the lanes per second, "
        "averaged over a whole decode step, divided by the tile's area. Peak: every bank reads all the time. "
        "A bank alone: peak, divided by the area of the bank only.",
    )


def _rate(m: Measurement) -> Figure:
    return Figure(
        name="Decode rate",
        value=f"{number(m.tokens_per_s)} tokens/s",
        note=f"{number(m.cycles_per_token)} cycles per token",
        definition="One divided by the time between two emitted tokens, its mean: cycles between them times the "
        "clock period, for one user.",
    )


def _energy(m: Measurement) -> Figure:
    return Figure(
        name="Energy",
        value=f"{with_unit(m.energy_per_token_j, 'J')}/token",
        note=f"{with_unit(m.energy_per_token_j * m.tokens_per_s, 'W')} while decoding",
        definition="Reads and writes of the macros, logic and SRAM, plus leakage times the time of one token.",
    )


def _area(m: Measurement) -> Figure:
    return Figure(
        name="Tile area",
        value=f"{number(m.tile_area_mm2)} mm²",
        note=f"holds the whole model: {_count(m.tiles, 'tile')} on {_count(m.chips, 'chip')}",
        definition="Macros, synthesised logic at a stated placement utilisation, and SRAM of all tiles together. "
        "No pads, no host interface, no clock generation.",
    )


def _count(number_of: int, what: str) -> str:
    return f"one {what}" if number_of == 1 else f"{number_of} {what}s"


def _clock(m: Measurement) -> Figure:
    return Figure(
        name="Clock",
        value=with_unit(m.clock_hz, "Hz"),
        note=f"synthesis allows {with_unit(m.max_clock_hz, 'Hz')}",
        definition="Chosen by the design. The limit beside it is the depth that synthesis found, in FO4 delays of the "
        "node's sheet: an estimate before placement.",
    )


def _utilisation(m: Measurement) -> Figure:
    return Figure(
        name="Utilisation",
        value=f"{m.utilisation:.1%}",
        note=f"{number(m.weight_words_read)} weight words read",
        definition="Weight words delivered, divided by the words that all banks could have delivered in that time.",
    )


def _tokens(m: Measurement) -> Figure:
    verdict = "equal to the golden model's" if m.golden_equal else "NOT equal to the golden model's"
    return Figure(
        name="Tokens",
        value=f"{len(m.tokens)}",
        note=verdict,
        definition="Emitted by the simulated hardware, and compared with those of a model in integers.",
    )


def _cycles(m: Measurement) -> Figure:
    note = "as predicted" if m.cycles_equal else f"but {number(m.predicted_cycles)} were PREDICTED"
    return Figure(
        name="Cycles",
        value=number(m.simulated_cycles),
        note=note,
        definition="Of the whole run, counted by the hardware, beside what the static schedule says.",
    )


def _ecc(m: Measurement) -> Figure:
    return Figure(
        name="Read errors",
        value=f"{number(m.corrected_words)} words corrected",
        note=f"{number(m.uncorrectable_words)} not correctable",
        definition="Words of the weight banks in which the error-correcting code found something.",
    )


def _speed(m: Measurement) -> Figure:
    rate = m.macs / m.simulation_s / 1e6 if m.simulation_s > 0 else 0.0
    return Figure(
        name="Simulation",
        value=f"{number(round(m.simulation_s, 2))} s",
        note=f"{number(round(rate, 1))} million MAC/s, build {number(round(m.build_s, 1))} s",
        definition="Time on this machine, on one core; it says nothing about the hardware.",
    )
