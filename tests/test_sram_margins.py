"""SRAM margins: exact cases, ngspice's rows, monotony, and probabilities that are known."""

import csv
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from devicemodels.ekv import channel, drain_current, load_mosfet
from devicemodels.errors import UserError
from devicemodels.sram.bitcell import Bitcell, draw_mismatch, half_cells, hold_bias, mismatch_sigmas, read_bias
from devicemodels.sram.butterfly import hold_margin, lobe_margins, read_margin, state_margin
from devicemodels.sram.n_curve import n_curve
from devicemodels.sram.rare_failure import (
    array_yield,
    importance_sample,
    most_probable_failure,
    sample_directly,
    tail_sigmas,
)
from devicemodels.sram.read_port import ReadPort, port_mismatch_sigmas, port_read_current
from devicemodels.sram.roots import bracketed_roots
from devicemodels.sram.standby import retention_voltage, standby_current
from devicemodels.sram.write_margin import bitline_flip, wordline_flip
from devicemodels.sram.yields import failure_probability, lowest_supply, sampled_failure_probability
from devicemodels.statistics import normal_tail

GOLDEN = Path(__file__).parent / "golden" / "ngspice-39"
F = 22e-9
NMOS, PMOS = (load_mosfet(f"ptm22hp_{polarity}").device for polarity in "np")
CELL = Bitcell(nmos=NMOS, pmos=PMOS, pull_down_width=2.08 * F, pass_gate_width=1.31 * F, pull_up_width=1.23 * F)
ROOM = {"supply": 0.8, "temperature": 300.15}

few = settings(max_examples=8, deadline=None)
supplies = st.floats(0.45, 0.8)
temperatures = st.floats(260.0, 380.0)


def mismatch(samples, seed=1):
    return draw_mismatch(CELL, samples=samples, generator=np.random.default_rng(seed))


def quieter(factor):
    """The cell with every mismatch times `factor`."""
    nmos, pmos = (replace(mosfet, matching=factor * mosfet.matching) for mosfet in (NMOS, PMOS))
    return replace(CELL, nmos=nmos, pmos=pmos)


def table(name):
    with (GOLDEN / name).open(encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


# Exact cases.


@given(roots=st.lists(st.floats(-3, 3), min_size=1, max_size=5), steep=st.floats(0.1, 50))
def test_roots_of_many_functions_at_once(roots, steep):
    wanted = np.array(roots)
    found = bracketed_roots(lambda x: np.expm1(steep * (x - wanted)), wanted - 5, wanted + 3.3, tolerance=1e-9)
    assert found == pytest.approx(wanted, abs=2e-9)


def test_a_function_without_a_sign_change_has_no_root():
    found = bracketed_roots(lambda x: x**2 + np.array([1.0, -1.0]), np.zeros(2), np.full(2, 3.0), tolerance=1e-9)
    assert math.isnan(found[0]) and found[1] == pytest.approx(1.0)


@pytest.mark.parametrize("gain", [2.0, 4.0, 8.0, 30.0])
def test_the_margin_of_a_straight_inverter_is_half_the_supply_less_its_finite_gain(gain):
    # Output high, then falling with `gain` about the middle, then low: the largest square is (V/2) (1 - 1/gain).
    inverter = SimpleNamespace(
        supply=1.0,
        bitline=1.0,
        wordline=0.0,
        pull_down=SimpleNamespace(threshold=np.zeros(1)),
        current=lambda gate, node: np.clip(0.5 - gain * (gate - 0.5), 0.0, 1.0) - node,
    )
    assert state_margin(inverter, inverter, steps=400)[0] == pytest.approx(0.5 * (1 - 1 / gain), abs=2e-3)


def curve(half, gates):
    """Outputs of a half cell, each from its own scalar root: independent of the vectorised solver."""
    return np.array([brentq(lambda v, g=g: half.current(g, v).item(), -0.1, 0.9) for g in gates])


@pytest.mark.parametrize("bias", [hold_bias(**ROOM), read_bias(**ROOM)], ids=["hold", "read"])
def test_the_margin_is_the_largest_square_between_the_curves(bias):
    gates = np.linspace(0, 0.8, 201)
    for shift in mismatch(2):
        a, b = half_cells(CELL, bias, shift[None])
        on_a, on_b = curve(a, gates), curve(b, gates)
        # Seevinck by brute force: squares whose corners are points of one curve and, along a diagonal, of the other.
        differences = np.linspace(0, 0.8, 801)
        sides = np.interp(-differences, gates - on_a, gates) - np.interp(differences, gates - on_b, gates) + differences
        assert state_margin(a, b)[0] == pytest.approx(sides.max(), abs=5e-4)


@given(seed=st.integers(0, 1000))
@few
def test_exchanging_the_halves_exchanges_the_lobes(seed):
    shift = mismatch(4, seed)
    lobes = lobe_margins(CELL, read_bias(**ROOM), shift)
    assert lobe_margins(CELL, read_bias(**ROOM), np.roll(shift, 3, axis=1)) == pytest.approx(lobes[:, ::-1], abs=1e-6)


def test_a_lost_state_has_a_negative_margin_and_no_n_curve():
    shift = 2 * mismatch(200)
    lobes = lobe_margins(CELL, read_bias(**ROOM), shift)
    lost = lobes.min(axis=1) < 0
    assert 10 < lost.sum() < 190
    found = np.isfinite(n_curve(CELL, threshold_shift=shift, **ROOM).voltage_margin)
    assert not (found & (lobes.min(axis=1) < -2e-3)).any()
    # The others are cells so skewed that their curves cross five times, and the N-curve has no such reading.
    assert (found == ~lost).mean() > 0.97


def test_a_bitline_at_its_flip_voltage_leaves_no_margin():
    shift = mismatch(5)
    flips = bitline_flip(CELL, threshold_shift=shift, **ROOM)
    a, b = half_cells(CELL, replace(read_bias(**ROOM), bitline_a=flips), shift)
    assert state_margin(a, b) == pytest.approx(np.zeros(5), abs=2e-4)


def test_a_cell_at_its_retention_voltage_has_no_margin():
    shift = mismatch(5)
    volts = retention_voltage(CELL, temperature=300.15, threshold_shift=shift)
    margins = lobe_margins(CELL, hold_bias(supply=volts, temperature=300.15), shift).min(axis=1)
    assert margins == pytest.approx(np.zeros(5), abs=2e-4)


# Beside ngspice.

QUANTITIES = {
    "hold_snm_v": lambda given: hold_margin(CELL, **given),
    "read_snm_v": lambda given: read_margin(CELL, **given),
    "leakage_w": lambda given: given["supply"] * standby_current(CELL, **given),
    "bitline_flip_v": lambda given: bitline_flip(CELL, **given),
    "wordline_flip_v": lambda given: wordline_flip(CELL, **given),
    "read_bump_v": lambda given: n_curve(CELL, **given).read_bump,
    "read_current_a": lambda given: n_curve(CELL, **given).read_current,
    "svnm_v": lambda given: n_curve(CELL, **given).voltage_margin,
    "sinm_a": lambda given: n_curve(CELL, **given).current_margin,
    "wtv_v": lambda given: n_curve(CELL, **given).trip_voltage,
    "wti_a": lambda given: n_curve(CELL, **given).trip_current,
}


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("row", table("cell_rows.csv"), ids=lambda r: f"{r['celsius']:g}C-{r['supply_v']:g}V")
def test_the_cell_is_that_of_ngspice(row, quantity):
    given = {"supply": row["supply_v"], "temperature": row["celsius"] + 273.15}
    assert QUANTITIES[quantity](given)[0] == pytest.approx(row[quantity], rel=0.10)


def test_two_hundred_mismatched_cells_are_those_of_ngspice():
    rows = np.array([list(row.values()) for row in table("mismatch_200.csv")])
    lobes = lobe_margins(CELL, read_bias(**ROOM), rows[:, :6])
    found, wanted = lobes.min(axis=1), rows[:, 6:].min(axis=1)
    assert found.mean() == pytest.approx(wanted.mean(), rel=0.10)
    assert found.std() == pytest.approx(wanted.std(), rel=0.10)
    assert np.sqrt(np.mean((lobes - rows[:, 6:]) ** 2)) < 0.002


@pytest.mark.parametrize("celsius", [27, 85])
def test_retention_voltages_are_those_of_ngspice(celsius):
    rows = np.array([list(row.values()) for row in table("retention.csv")])
    found = retention_voltage(CELL, temperature=celsius + 273.15, threshold_shift=rows[:, :6])
    assert found == pytest.approx(rows[:, 6 if celsius == 27 else 7], rel=0.05)


@pytest.fixture
def spice(monkeypatch):
    """The runner of ngspice; skipped where it is not installed."""
    monkeypatch.syspath_prepend(str(GOLDEN))
    import ngspice

    if ngspice.executable() is None:
        pytest.skip("needs ngspice")
    yield ngspice
    for name in ("cell", "ngspice"):
        sys.modules.pop(name, None)


@pytest.fixture
def bench(spice):
    """The cell of the PTM cards in ngspice; skipped where they are not."""
    import cell

    if spice.card(22) is None:
        pytest.skip(f"needs the PTM cards in {spice.CARDS}")
    return cell


def as_subcircuit(name, device, sign):
    """Our equations once more, as a behavioural source; `sign` is -1 for p-channel, whose body is at node b."""
    d = {key: np.asarray(value).item() for key, value in vars(device).items()}
    k = d["velocity_saturation"] - d["resistance"]
    functions = {
        "sq(v)": "pow(ln(1+exp(v/2)),2)",
        "q(v)": "sq(v)/(sqrt(0.25+sq(v))+0.5)",
        "bent(low)": f"sqrt(max({d['surface_potential']}+low,1e-6))-sqrt({d['surface_potential']})",
        "u(g,low,vd)": f"(g-low-({d['threshold']}+{d['body_factor']}*bent(low)-{d['barrier_lowering']}*vd))"
        f"/{d['slope_voltage']}",
        "c(qs)": f"(1+2*{d['resistance']}*qs)",
        "most(qs)": f"(1+2*qs)*c(qs)/(c(qs)+sqrt(c(qs)*(c(qs)+({k})*(1+2*qs))))",
        "cut(x,m)": "x/pow(1+pow(x/m,8),0.125)",
        "i(qs,x)": f"x*(1+2*qs-x)/(c(qs)+({k})*x)",
        "y(qs,vd)": f"max(vd-{d['thermal']}*(3+2*min(most(qs),qs)),0.01)",
        "more(qs,vd)": f"(1+{d['length_modulation']}*vd/(1+{d['modulation_screening']}*qs))"
        f"*(1+y(qs,vd)/{d['avalanche_voltage']}*exp(-{d['avalanche_field_voltage']}/y(qs,vd)))",
        "flow(qs,qd,vd)": f"{d['current']}*i(qs,cut(qs-qd,most(qs)))*more(qs,vd)",
        "at(w,vd)": f"flow(q(w),q(w-vd/{d['thermal']}),vd)",
        "all(g,a,z)": "sgn(a-z)*at(u(g,min(a,z),abs(a-z)),abs(a-z))",
    }
    lines = [f".subckt {name} d g s b"]
    lines += [f".func {head} {{{body}}}" for head, body in functions.items()]
    volts = ",".join(f"{sign}*V({node},b)" for node in "gds")
    lines += [f"B1 d s I={sign}*all({volts})", ".ends"]
    return "\n".join(lines) + "\n"


def test_ngspice_solves_our_equations_to_the_same_curves(spice):
    shift = mismatch(1, seed=5)
    a, _ = half_cells(CELL, read_bias(**ROOM), shift)
    netlist = "* half cell\n" + "".join(
        as_subcircuit(name, device, sign)
        for name, device, sign in (("down", a.pull_down, 1), ("access", a.pass_gate, 1), ("up", a.pull_up, -1))
    )
    netlist += """Vdd vdd 0 0.8
Vin in 0 0
X1 out in 0 0 down
X2 vdd vdd out 0 access
X3 out in vdd vdd up
.options gmin=1e-15 reltol=1e-6 abstol=1e-15
.control
dc Vin 0 0.8 0.02
wrdata t.dat v(out)
.endc
.end
"""
    gates, outputs = spice.run(netlist)["t"].T
    assert outputs == pytest.approx(curve(a, gates), abs=1e-4)


@pytest.mark.parametrize(("supply", "celsius"), [(0.7, 50), (0.8, 110), (0.5, 0)])
def test_ngspice_agrees_away_from_the_golden_rows(bench, supply, celsius):
    shift = mismatch(4, seed=9)
    given = {"supply": supply, "temperature": celsius + 273.15}
    hold = bench.margins(shift, supply=supply, wordline=0, celsius=celsius)
    assert lobe_margins(CELL, hold_bias(**given), shift) == pytest.approx(hold, rel=0.10)
    read = bench.margins(shift, supply=supply, wordline=supply, celsius=celsius)
    assert lobe_margins(CELL, read_bias(**given), shift) == pytest.approx(read, abs=0.010)


# Monotony.


@given(temperature=temperatures, supply=supplies)
@few
def test_more_mismatch_lowers_the_margin(temperature, supply):
    # Each draw with its negative: what is left is the harm that spread does, not the luck of the draw.
    shift = mismatch(64)
    shift = np.concatenate([shift, -shift])
    means = [
        read_margin(CELL, supply=supply, temperature=temperature, threshold_shift=k * shift).mean()
        for k in (0.3, 0.6, 1.0)
    ]
    assert means[0] > means[1] > means[2]


@given(ratio=st.floats(1.2, 3.0), supply=supplies, temperature=temperatures)
@few
def test_a_stronger_pull_down_raises_the_read_margin(ratio, supply, temperature):
    margins = [
        read_margin(replace(CELL, pull_down_width=r * CELL.pass_gate_width), supply=supply, temperature=temperature)
        for r in (ratio, 1.1 * ratio)
    ]
    assert margins[1] > margins[0]


@given(supply=supplies, temperature=temperatures)
@few
def test_margins_rise_with_the_supply_and_fall_with_heat(supply, temperature):
    for margin in (hold_margin, read_margin):
        here = margin(CELL, supply=supply, temperature=temperature)
        assert margin(CELL, supply=supply - 0.04, temperature=temperature) < here
        assert margin(CELL, supply=supply, temperature=temperature + 15) < here


@given(supply=supplies, temperature=temperatures)
@few
def test_a_wider_pass_gate_writes_more_easily_and_reads_faster_but_less_safely(supply, temperature):
    given = {"supply": supply, "temperature": temperature}
    wide = replace(CELL, pass_gate_width=1.2 * CELL.pass_gate_width)
    assert bitline_flip(wide, **given) > bitline_flip(CELL, **given)
    assert wordline_flip(wide, **given) < wordline_flip(CELL, **given)
    assert n_curve(wide, **given).read_current > n_curve(CELL, **given).read_current
    assert read_margin(wide, **given) < read_margin(CELL, **given) < hold_margin(CELL, **given)


@given(supply=supplies, temperature=temperatures)
@few
def test_leakage_grows_with_heat_and_supply(supply, temperature):
    here = standby_current(CELL, supply=supply, temperature=temperature)
    assert standby_current(CELL, supply=supply + 0.04, temperature=temperature) > here
    assert standby_current(CELL, supply=supply, temperature=temperature + 15) > here


# The 8T cell's read port.


def test_a_read_port_with_an_endless_driver_is_its_select_transistor_alone():
    port = ReadPort(nmos=NMOS, select_width=2 * F, drive_width=1e-3)
    alone = drain_current(channel(NMOS, width=2 * F, temperature=300.15), gate=0.8, drain=0.8, source=0.0)
    assert port_read_current(port, **ROOM)[0] == pytest.approx(alone, rel=1e-3)


def test_a_read_port_carries_the_same_current_through_both_transistors_and_leaks_little():
    port = ReadPort(nmos=NMOS, select_width=2 * F, drive_width=3 * F)
    shift = np.random.default_rng(3).standard_normal((50, 2)) * port_mismatch_sigmas(port)
    current = port_read_current(port, threshold_shift=shift, **ROOM)
    for k, (select, drive) in enumerate(shift):
        upper = channel(NMOS, width=2 * F, temperature=300.15, threshold_shift=select)
        lower = channel(NMOS, width=3 * F, temperature=300.15, threshold_shift=drive)
        node = brentq(
            lambda v, c=lower, k=k: drain_current(c, gate=0.8, drain=v, source=0.0).item() - current[k], 0, 0.8
        )
        assert drain_current(upper, gate=0.8, drain=0.8, source=node) == pytest.approx(current[k], rel=1e-4)
    off = port_read_current(port, stored=False, **ROOM)
    assert 0 < off[0] < drain_current(channel(NMOS, width=3 * F, temperature=300.15), gate=0.0, drain=0.8, source=0.0)


# Rare failures.


def plane(sigmas, direction):
    unit = np.array(direction) / np.linalg.norm(direction)
    return lambda points: sigmas - points @ unit


@pytest.mark.parametrize("sigmas", [2.0, 4.0, 6.0, 8.0])
def test_a_flat_failure_surface_has_the_tail_of_a_normal(sigmas):
    margin = plane(sigmas, [1.0, -2.0, 0.5, 0.0, 1.0, 3.0])
    point = most_probable_failure(margin, np.array([1.0, -1.0, 0.0, 0.0, 0.0, 2.0]))
    assert np.linalg.norm(point) == pytest.approx(sigmas, rel=5e-3)
    found = importance_sample(margin, [point], samples=4000, generator=np.random.default_rng(2))
    assert found.low < normal_tail(sigmas) < found.high
    assert (found.high - found.low) / found.estimate < 0.25


@pytest.mark.parametrize("bend", [-0.05, 0.1])
def test_a_curved_failure_surface_has_its_integral(bend):
    # Fails where z_0 > 6 + bend z_1^2: integrate the tail over z_1.
    margin = lambda points: 6 + bend * points[:, 1] ** 2 - points[:, 0]  # noqa: E731
    density = lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * normal_tail(6 + bend * z * z)  # noqa: E731
    exact = 2 * quad(density, 0, 10, epsabs=0, epsrel=1e-8)[0]
    point = most_probable_failure(margin, np.array([1.0, 0.2, 0.1]))
    found = importance_sample(margin, [point], samples=20000, generator=np.random.default_rng(4))
    assert found.estimate == pytest.approx(exact, rel=0.1)


def test_the_confidence_interval_covers_as_often_as_it_says():
    margin, point = plane(5.0, [1.0, 1.0, 1.0]), np.full(3, 5 / math.sqrt(3))
    runs = [importance_sample(margin, [point], samples=500, generator=np.random.default_rng(k)) for k in range(400)]
    covered = np.mean([run.low < normal_tail(5.0) < run.high for run in runs])
    assert 0.92 < covered < 0.98  # 95 %, and three standard deviations of 400 trials


def test_several_ways_to_fail_add_up():
    margin = lambda points: 4.5 - np.abs(points[:, 0])  # noqa: E731
    points = [np.array([4.5, 0.0]), np.array([-4.5, 0.0])]
    found = importance_sample(margin, points, samples=4000, generator=np.random.default_rng(6))
    assert found.low < 2 * normal_tail(4.5) < found.high


def test_plain_sampling_counts():
    found = sample_directly(plane(1.0, [1.0]), dimensions=1, samples=20000, generator=np.random.default_rng(8))
    assert found.low < normal_tail(1.0) < found.high


def test_tail_and_yield_are_closed_forms():
    assert tail_sigmas(normal_tail(6.0)) == pytest.approx(6.0)
    assert array_yield(1e-9, bits=10**6) == pytest.approx(math.exp(-1e-3), rel=1e-8)
    assert array_yield(1.0, bits=1) == 0.0


def test_a_failure_that_is_not_there_is_bounded_not_invented():
    found = failure_probability(quieter(0.3), "hold", **ROOM)
    assert found.estimate == 0.0 and 0 < found.high < 1e-27


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "supply"), [("read", 0.8), ("hold", 0.35), ("write", 0.5)])
def test_importance_sampling_agrees_with_brute_force_at_three_sigma(mode, supply):
    cell = quieter(0.85) if mode == "read" else CELL
    given = {"supply": supply, "temperature": 300.15}
    fast = failure_probability(cell, mode, **given)
    slow = sampled_failure_probability(cell, mode, samples=60000, seed=11, **given)
    assert 2.3 < fast.sigmas < 3.3
    assert slow.evaluations * slow.estimate > 20
    spread = math.hypot(fast.high - fast.estimate, slow.high - slow.estimate)
    assert abs(fast.estimate - slow.estimate) < 1.5 * spread  # 1.5 x 1.96 standard deviations


@pytest.mark.slow
def test_the_lowest_supply_at_six_sigma_just_does():
    cell, limit = quieter(0.45), normal_tail(6.0)
    given = {"temperature": 300.15, "samples": 1000}
    found = lowest_supply(cell, failure_limit=limit, span=(0.3, 0.85), **given)
    assert all(p.estimate <= limit for p in found.probabilities.values())
    below = failure_probability(cell, found.limiting_mode, supply=found.supply - 0.003, **given)
    assert below.estimate > limit
    assert found.probabilities[found.limiting_mode].sigmas == pytest.approx(6.0, abs=0.05)


# Mismatch, and bad input.


def test_thresholds_spread_as_pelgrom_says():
    # 1.3 mV um of one transistor: 41, 52 and 53 mV.
    expected = [1.3e-9 / math.sqrt(w * F) for w in (2.08 * F, 1.31 * F, 1.23 * F)] * 2
    assert mismatch_sigmas(CELL) == pytest.approx(expected, rel=1e-3)
    assert mismatch(20000).std(axis=0) == pytest.approx(expected, rel=0.03)


def test_too_low_a_supply_is_refused_with_the_mode_and_the_probability():
    with pytest.raises(
        UserError, match=r"at 0.8 V a cell fails to read with probability 0.00\d+, but the limit is 1e-09;"
    ):
        lowest_supply(CELL, failure_limit=1e-9, temperature=300.15, span=(0.4, 0.8), samples=500, modes=("read",))


def test_bad_shapes_modes_and_biases_are_refused():
    with pytest.raises(UserError, match=r"shape \(5, 4\), but must be \(samples, 6\)"):
        read_margin(CELL, threshold_shift=np.zeros((5, 4)), **ROOM)
    with pytest.raises(UserError, match="the failure mode is 'erase', but must be one of hold, read, write"):
        failure_probability(CELL, "erase", **ROOM)
    with pytest.raises(UserError, match=r"the supply is 1\.2 V"):
        read_margin(CELL, supply=1.2, temperature=300.0)
    with pytest.raises(UserError, match="the temperature is 27 K"):
        hold_margin(CELL, supply=0.8, temperature=27.0)
