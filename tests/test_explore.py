"""The search of organisations: an exact front, limits that hold, and a chosen design that can be built."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from devicemodels.errors import UserError
from devicemodels.macro import Organisation, mram_macro, pareto, sram_macro
from devicemodels.macro.answer import with_value
from devicemodels.macro.explore import AXES, FIGURES, RISING, Bound, Space, all_choices, front, search
from devicemodels.macro.figures import figures
from devicemodels.macro.pareto import pareto_front
from devicemodels.macro.sheets import bank_sheets

SPACE = Space(
    capacity_bits=2**18, temperature=358.15, word_bits=(64, 256), banks=(1, 4), rows=(64, 256), mux=(1, 4, 16)
)

COSTS = arrays(float, st.tuples(st.integers(0, 40), st.integers(1, 4)), elements=st.integers(0, 5).map(float))


def dominated(costs, one):
    return bool(((costs <= one).all(axis=1) & (costs < one).any(axis=1)).any())


@given(costs=COSTS, block=st.integers(1, 50))
@settings(max_examples=200)
def test_the_front_is_what_no_point_dominates(costs, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pareto, "BLOCK", block)
        assert pareto_front(costs).tolist() == [not dominated(costs, one) for one in costs]


def test_what_is_no_number_is_on_no_front():
    assert pareto_front(np.array([[np.nan, 0.0], [1.0, 1.0]])).tolist() == [False, True]


def searched(kind, space=SPACE, **sheets):
    return list(search(space, replace(bank_sheets(kind, "22nm"), **sheets)))[-1]


@pytest.mark.parametrize("kind", ["mram", "sram"])
def test_a_point_is_the_bank_that_its_choices_build(kind):
    sheets, found = bank_sheets(kind, "22nm"), searched(kind)
    points = found.points
    assert found.evaluated == found.total == len(points["rows"]) > 20
    for index in np.linspace(0, len(points["rows"]) - 1, 5).astype(int):
        one = {name: values[index].item() for name, values in points.items()}
        layout = Organisation(words=one["words"], data_bits=one["word_bits"], check_bits=one["check_bits"],
                              rows=one["rows"], mux=one["mux"])  # fmt: skip
        parts = {"technology": sheets.technology.device, "organisation": layout, "temperature": 358.15}
        cell, scale = sheets.cell.device, one["amplifier_scale"]
        if kind == "sram":
            scaled = {name: getattr(cell, name) * scale for name in ("amplifier_input_width", "amplifier_total_width")}
            macro = sram_macro(**parts, cell=replace(cell, **scaled))
        else:
            mtj, sense = sheets.mtj.device, sheets.sense.device
            macro = mram_macro(
                **parts,
                cell=replace(cell, read_voltage=cell.read_voltage * one["read_voltage_scale"]),
                mtj=replace(mtj, diameter=mtj.diameter * one["diameter_scale"]),
                sense=replace(sense, input_pitches=sense.input_pitches * scale),
            )
        for name, value in figures(macro).items():
            times = one["banks"] if name in ("area_mm2", "bandwidth_gb_per_s", "leakage_mw") else 1
            assert one[name] == pytest.approx(value * times, rel=0.02)  # a rate of errors has coarser steps in bulk
        watts = (macro.read_energy / macro.read_cycle + macro.leakage) / (macro.area * 1e6)
        assert one["power_density_w_per_mm2"] == pytest.approx(watts, rel=1e-6)
        assert one["yield"] == pytest.approx(macro.array_yield ** one["banks"], rel=1e-6)


def test_the_axes_hold_the_capacity_and_waste_little():
    choices = all_choices(SPACE, sram=False)
    assert set(choices) == {*AXES, "check_bits"}
    assert (choices["words"] * choices["word_bits"] * choices["banks"] == 2**18).all()
    held = -(-choices["words"] // (choices["rows"] * choices["mux"])) * choices["rows"] * choices["mux"]
    assert (held <= 1.125 * choices["words"]).all()
    assert set(zip(choices["word_bits"].tolist(), choices["check_bits"].tolist(), strict=True)) == {(64, 8), (256, 10)}


def test_a_space_without_a_bank_is_refused():
    with pytest.raises(UserError, match="64 bits in 1 banks of 64 bits a word are at most 1 words, fewer than the 64"):
        all_choices(replace(SPACE, capacity_bits=64), sram=True)


@given(
    figure=st.sampled_from(FIGURES), share=st.floats(0, 1), below=st.booleans(),
    objectives=st.lists(st.sampled_from(FIGURES), min_size=1, max_size=3, unique=True),
)  # fmt: skip
@settings(max_examples=50)
def test_the_front_is_within_its_bounds_and_not_dominated(figure, share, below, objectives):
    points = POINTS
    bound = Bound(figure=figure, below=below, value=np.quantile(points[figure], share))
    best = front(points, objectives=objectives, bounds=[bound])
    within = np.flatnonzero(points[figure] <= bound.value if below else points[figure] >= bound.value)
    costs = np.column_stack([points[name] * (-1 if name in RISING else 1) for name in objectives])
    assert set(best) == {index for index in within if not dominated(costs[within], costs[index])}
    assert (np.diff(costs[best, 0]) >= 0).all()


def test_points_that_physics_forbids_are_counted_by_what_they_break():
    mtj = bank_sheets("mram", "22nm").mtj
    weak = searched("mram", mtj=with_value(mtj, "tmr_zero_bias", 0.02))
    assert not len(weak.points["rows"])
    assert sum(weak.refused.values()) >= weak.evaluated


POINTS = searched("mram").points
