"""What one run of a design on a model gave: the only place where headline numbers come from."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Speculation:
    """A decode with drafts, whose tokens are those of one without.

    Attributes
    ----------
    columns
        Tokens that a step takes at most.
    passes, tokens_per_pass
        Times that the host gave the tile tokens, the prompt the first time, and tokens of the answer that came of each.
    drafted, accepted, acceptance
        Drafts given; those that became tokens of the answer; and the second over the first, 0 without drafts.
    one_column_cycles_per_token, one_column_clock_hz, one_column_tokens_per_s
        Predicted of the same design with one column, at the clock that it asks for, for the same tokens.
    gain
        Tokens per second over those.
    pass_cycles, predicted_pass_cycles
        Of each pass, from the hardware's counter and from the schedule.
    """

    columns: int
    passes: int
    tokens_per_pass: float
    drafted: int
    accepted: int
    acceptance: float
    one_column_cycles_per_token: float
    one_column_clock_hz: float
    one_column_tokens_per_s: float
    gain: float
    pass_cycles: tuple[int, ...]
    predicted_pass_cycles: tuple[int, ...]

    @property
    def cycles_equal(self) -> bool:
        """Whether there were the predicted passes, and each took exactly the predicted cycles."""
        return self.pass_cycles == self.predicted_pass_cycles


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Tokens, cycles, area and energy of one measured decode.

    ``tokens`` come from the simulated hardware, cycles from its counters, area and the highest clock from synthesis
    mapped by the node's sheet, energy from counted events times the macros' energies. The three bandwidth densities
    are bytes of weights, codes and scales without check bits, per second and area: over a whole decode step and the
    whole tile; with every bank busy and the whole tile; of a bank alone.

    Attributes
    ----------
    tokens
        Ids that the simulated hardware emitted, in order.
    golden_equal
        Whether they equal those of the integer golden model.
    predicted_cycles, simulated_cycles
        Of the whole run, from the schedule and from the hardware's counter.
    cycles_per_token
        Mean over the generated tokens.
    utilisation
        Weight words delivered over those that the banks could deliver in the time, 0 to 1.
    phase_cycles
        Phase to cycles of a decode step, mean over the generated tokens; they sum to `cycles_per_token`.
    clock_hz, max_clock_hz
        Chosen by the design, and the highest that synthesis found.
    tiles, chips
        That share the model; areas are of all of them.
    area_mm2, energy_j
        Part to mm², and to joules per token; they sum to ``tile_area_mm2`` and ``energy_per_token_j``.
    speculation
        What drafts gave, in a tile with columns.
    """

    design: str
    model: str
    simulator: str
    prompt: str
    text: str
    tokens: tuple[int, ...]
    golden_equal: bool
    predicted_cycles: int
    simulated_cycles: int
    cycles_per_token: float
    utilisation: float
    phase_cycles: dict[str, float]
    clock_hz: float
    max_clock_hz: float
    tile_area_mm2: float
    area_mm2: dict[str, float]
    bandwidth_density_tb_per_s_mm2: float
    peak_bandwidth_density_tb_per_s_mm2: float
    bank_bandwidth_density_tb_per_s_mm2: float
    tokens_per_s: float
    energy_per_token_j: float
    energy_j: dict[str, float]
    weight_words_read: int
    corrected_words: int
    uncorrectable_words: int
    macs: int
    simulation_s: float
    build_s: float
    run_folder: str
    speculation: Speculation | None = None
    tiles: int = 1
    chips: int = 1

    @property
    def cycles_equal(self) -> bool:
        """Whether the simulated run, and every pass of it, took exactly the predicted cycles."""
        passes = self.speculation is None or self.speculation.cycles_equal
        return self.predicted_cycles == self.simulated_cycles and passes

    def as_dict(self) -> dict[str, Any]:
        """Field to value, ready for JSON: keys as the fields are named, tuples as lists."""
        return _plain(dataclasses.asdict(self))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """With lists instead of tuples."""
    return {
        key: list(value) if isinstance(value, tuple) else _plain(value) if isinstance(value, dict) else value
        for key, value in values.items()
    }


def measurement_from_dict(values: dict[str, Any]) -> Measurement:
    """The inverse of ``Measurement.as_dict``, so that a run folder can be reported again; extra keys are ignored."""
    kept = _fields(Measurement, values)
    drafts = kept.get("speculation")
    return Measurement(**kept | {"speculation": drafts and Speculation(**_fields(Speculation, drafts))})


def _fields(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a dataclass's fields, with tuples instead of lists."""
    names = {field.name for field in dataclasses.fields(record)}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key in names}
