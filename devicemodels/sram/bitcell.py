"""The six transistors of an SRAM cell as a circuit: two half cells, each an inverter with its pass gate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devicemodels.compact_model import CompactModel, DrawnTransistor, check_fit_range
from devicemodels.errors import UserError
from devicemodels.quantities import Kelvin, Metre
from devicemodels.statistics import threshold_sigma

Array = NDArray[np.float64]

TRANSISTORS = ("pull_down_a", "pass_gate_a", "pull_up_a", "pull_down_b", "pass_gate_b", "pull_up_b")
"""Order of the last axis of every array of threshold shifts."""


@dataclass(frozen=True, kw_only=True)
class Bitcell:
    """A 6T cell as drawn: which transistors, and how wide. The two halves are alike."""

    nmos: CompactModel
    pmos: CompactModel
    pull_down_width: Metre
    pass_gate_width: Metre
    pull_up_width: Metre


@dataclass(frozen=True, kw_only=True)
class Bias:
    """Voltages on a cell in volts, each a number or one per sample, and its temperature.

    Node A hangs on `bitline_a`, node B on `bitline_b`.
    """

    supply: ArrayLike
    wordline: ArrayLike
    bitline_a: ArrayLike
    bitline_b: ArrayLike
    temperature: Kelvin


def hold_bias(*, supply: ArrayLike, temperature: Kelvin) -> Bias:
    """Wordline low, both bitlines precharged."""
    return Bias(supply=supply, wordline=0.0, bitline_a=supply, bitline_b=supply, temperature=temperature)


def read_bias(*, supply: ArrayLike, temperature: Kelvin) -> Bias:
    """Wordline high, both bitlines still at the supply: the worst moment of a read."""
    return Bias(supply=supply, wordline=supply, bitline_a=supply, bitline_b=supply, temperature=temperature)


def write_bias(*, supply: ArrayLike, temperature: Kelvin) -> Bias:
    """Wordline high, bitline A at ground: a zero is written into node A."""
    return Bias(supply=supply, wordline=supply, bitline_a=0.0, bitline_b=supply, temperature=temperature)


@dataclass(frozen=True, kw_only=True)
class HalfCell:
    """An inverter and the pass gate on its output; voltages in volts, numbers or one per sample."""

    pull_down: DrawnTransistor
    pass_gate: DrawnTransistor
    pull_up: DrawnTransistor
    supply: ArrayLike
    wordline: ArrayLike
    bitline: ArrayLike

    def current(self, gate: ArrayLike, node: ArrayLike) -> Array:
        """Current in amperes into the output `node` when the inverter's input is at `gate`; falls with either."""
        down = self.pull_down.drain_current(gate=gate, drain=node, source=0.0)
        return self.pass_current(node) + self.up_current(gate, node) - down

    def pass_current(self, node: ArrayLike) -> Array:
        """Current in amperes from the bitline into the node."""
        return self.pass_gate.drain_current(gate=self.wordline, drain=self.bitline, source=node)

    def up_current(self, gate: ArrayLike, node: ArrayLike) -> Array:
        """Current in amperes from the supply into the node: the n-channel model with every voltage mirrored."""
        mirrored = np.subtract(self.supply, gate), np.subtract(self.supply, node)
        return self.pull_up.drain_current(gate=mirrored[0], drain=mirrored[1], source=0.0)


def half_cells(cell: Bitcell, bias: Bias, threshold_shift: ArrayLike | None = None) -> tuple[HalfCell, HalfCell]:
    """Halves A and B under a bias.

    `threshold_shift` in volts has the shape (samples, 6) in the order of `TRANSISTORS`; a positive one weakens its
    transistor, p-channel ones too. None is one perfect cell. Raises `UserError` for a bias outside the fit.
    """
    shift = np.zeros((1, 6)) if threshold_shift is None else np.asarray(threshold_shift, dtype=float)
    if shift.ndim != 2 or shift.shape[1] != len(TRANSISTORS):
        raise UserError(
            f"the threshold shifts have the shape {shift.shape}, but must be (samples, {len(TRANSISTORS)}): one column "
            f"each for {', '.join(TRANSISTORS)}"
        )
    for mosfet in (cell.nmos, cell.pmos):
        check_fit_range(mosfet, voltage=float(np.max(bias.supply)), temperature=bias.temperature)
    return _half(cell, bias, bias.bitline_a, shift[:, :3]), _half(cell, bias, bias.bitline_b, shift[:, 3:])


def _half(cell: Bitcell, bias: Bias, bitline: ArrayLike, shift: Array) -> HalfCell:
    drawn = (
        (cell.nmos, cell.pull_down_width),
        (cell.nmos, cell.pass_gate_width),
        (cell.pmos, cell.pull_up_width),
    )
    down, access, up = (
        mosfet.drawn(width=width, temperature=bias.temperature, threshold_shift=column)
        for (mosfet, width), column in zip(drawn, shift.T, strict=True)
    )
    rails = {"supply": bias.supply, "wordline": bias.wordline, "bitline": bitline}
    return HalfCell(pull_down=down, pass_gate=access, pull_up=up, **rails)


def mismatch_sigmas(cell: Bitcell) -> Array:
    """Standard deviation of each threshold in volts, shape (6,), from the Pelgrom constants of the two sheets."""
    half = [
        (cell.nmos, cell.pull_down_width),
        (cell.nmos, cell.pass_gate_width),
        (cell.pmos, cell.pull_up_width),
    ]
    return np.array([threshold_sigma(matching=m.matching, width=w, length=m.channel_length) for m, w in half] * 2)


def draw_mismatch(cell: Bitcell, *, samples: int, generator: np.random.Generator) -> Array:
    """Threshold shifts in volts of `samples` cells, shape (samples, 6)."""
    sigmas: Array = mismatch_sigmas(cell)
    shifts: Array = sigmas * generator.standard_normal((samples, len(TRANSISTORS)))
    return shifts
