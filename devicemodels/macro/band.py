"""How far an answer may be off: the sheets' numbers varied together, each by what its origin is worth.

A sheet's number is as good as its source. Each is drawn from a log-normal distribution about its value whose spread
depends on its kind, as the tables below say; what the query gave is not varied. All are independent. An organisation
that the query left open is varied too. The macro is evaluated for all draws at once, and each draw is off by the error
of the model, as silicon shows it. A figure's band runs from the 5th to the 95th percentile of the draws; it is widened
to hold the nominal answer.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from devicemodels.macro.memory_macro import MemoryMacro
from devicemodels.macro.organisation import Organisation
from devicemodels.mtj import Mtj
from devicemodels.quantities import Sheet

SPREADS: Mapping[str, float] = {"measured": 0.03, "derived": 0.10, "fitted": 0.10, "assumed": 0.20}
"""Relative standard deviation of a number by its kind."""

MODEL_ERRORS: Mapping[str, Mapping[str, float]] = {
    "mram": {"time": 0.52, "energy": 1.1, "area": 0.62},
    "sram": {"time": 0.52, "energy": 1.1, "area": 0.06},
}
"""Standard deviation of ln(model / silicon) by kind of bank: what stays where all inputs are known.

Root mean square over the published macros, each beside constants fitted to the others (`silicon.model_error`). No
source gives leakage, which has the error of the energy.
"""

VOLT_SHARE = 0.25
"""Voltages vary by this share of `SPREADS`: oxide, headroom and the supply's standard values bind them."""

DRAWS, SEED = 256, 20200216
JUNCTIONS = 16
"""Different junctions, and ways to write them, among the draws: their error rates take most of the time."""
_OF_A_JUNCTION = {field.name for field in fields(Mtj)} | {"write_overdrive", "write_pulse"}

LOW, HIGH = 5.0, 95.0
"""Percentiles of a band."""

EXACT = {
    "counts, names and ranges": "feature_size access_fingers junctions reference_cells branches pair_copies "
    "lowest_temperature highest_temperature",
    "widths of whole fins, and the supply at which the node's logic is given": "fin_pitch minimum_width "
    "pass_gate_width pull_down_width pull_up_width logic_voltage",
    "the shape of a transistor's curve between the currents that are varied": "on_current_voltage voltage_limit "
    "subthreshold_ideality barrier_lowering body_effect inversion_capacitance mobility access_resistance "
    "saturation_exponent threshold_slope mobility_exponent velocity_exponent channel_length",
    "a free layer, set as a whole for one barrier": "free_layer_thickness saturation_magnetisation "
    "interface_anisotropy exchange_stiffness curie_temperature magnetisation_exponent anisotropy_exponent stray_field",
    "what is fitted to silicon, which the error of the model stands for": "timing_guard array_overhead phase_gates",
    "what a designer chooses to meet a target": "read_loss write_attempts corner_sigmas margin_sigmas defects "
    "wordline_write_voltage write_voltage",
}
"""Fields that are not varied, by why."""

_EXACT = frozenset(" ".join(EXACT.values()).split())


@dataclass(frozen=True, kw_only=True)
class Band:
    """A figure: the answer of the sheets as they stand, and the percentiles between which it lies."""

    nominal: float
    low: float
    high: float


def band(nominal: ArrayLike, drawn: NDArray[np.float64]) -> Band:
    """Band of a figure from its nominal value and its draws, of which those that are not finite are left out."""
    usable = drawn[np.isfinite(drawn)]
    value = float(nominal)
    low, high = np.percentile(usable, [LOW, HIGH]) if len(usable) else (value, value)
    return Band(nominal=value, low=min(value, float(low)), high=max(value, float(high)))


class Deviates:
    """Random numbers for `draws` draws, stratified one by one: a Latin hypercube with a fixed seed."""

    def __init__(self, draws: int = DRAWS, seed: int = SEED):
        self.draws, self._random = draws, np.random.default_rng(seed)

    def uniform(self, levels: int | None = None) -> NDArray[np.float64]:
        """A number in each of `levels` equal parts (`draws` if None) of 0 to 1, in random order, over and over."""
        parts = levels or self.draws
        once = (self._random.permutation(parts) + self._random.random(parts)) / parts
        return np.resize(once, self.draws)

    def normal(self, levels: int | None = None) -> NDArray[np.float64]:
        """The same for a standard normal distribution."""
        return ndtri(self.uniform(levels))


def vary(sheet: Sheet, deviates: Deviates, *, given: Set[str] = frozenset()) -> Any:
    """The device of a sheet whose fields, but for those `given`, are arrays of shape (draws,)."""
    changed = {}
    for name, origin in sheet.origins.items():
        if name in given or name in _EXACT:
            continue
        spread = SPREADS[origin.kind] * (VOLT_SHARE if origin.unit == "V" else 1.0)
        levels = JUNCTIONS if name in _OF_A_JUNCTION else None
        changed[name] = getattr(sheet.device, name) * np.exp(spread * deviates.normal(levels))
    return replace(sheet.device, **changed)


def vary_organisation(organisation: Organisation, deviates: Deviates, *, given: Set[str]) -> Organisation:
    """Rows and columns per amplifier halved, kept or doubled unless they were given; never more than hold the words."""
    changed, room = {}, organisation.words
    for name in ("rows", "mux"):
        value = getattr(organisation, name)
        if name not in given:
            value = np.clip(value * 2 ** np.floor(3 * deviates.uniform()).astype(int) // 2, 1, np.maximum(room, 1))
            changed[name] = value
        room = room // value
    return replace(organisation, **changed)


def with_model_error(macro: MemoryMacro, deviates: Deviates, errors: Mapping[str, float]) -> MemoryMacro:
    """The banks of all draws, each off by the model's `errors` in time, area, read and write energy and leakage."""
    groups = [("time", ("read_access", "read_cycle")), ("area", ("area",))]
    groups += [("energy", (name,)) for name in ("read_energy", "write_energy", "leakage")]
    changed = {}
    for error, names in groups:
        factor = np.exp(errors[error] * deviates.normal())
        changed |= {name: getattr(macro, name) * factor for name in names}
    return replace(macro, **changed)
