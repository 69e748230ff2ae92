"""Retention and read disturb: published figures, exact two-state kinetics, Boltzmann equilibrium, samples of cells."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm

from devicemodels.error_correction import allowed_bit_error, array_failure, secded, uncoded
from devicemodels.errors import UserError
from devicemodels.mtj import load_mtj
from devicemodels.mtj.energy import anisotropy_field, reduced_stray_field, relaxation_rate
from devicemodels.mtj.reliability import (
    arrhenius_failure,
    escape_rate,
    read_disturb_rate,
    required_stability,
    retention_errors,
    retention_failure,
    two_state,
)
from devicemodels.mtj.variation import SIGMAS, cell_currents, sample_cells, without_spread

TEN_YEARS = 10 * 365.25 * 86400.0
# Coherent reversal, a barrier of 58 kT at 300 K, 37 kT at 358 K.
MTJ = replace(
    load_mtj("mram22").device,
    name="junction",
    diameter=30e-9,
    exchange_stiffness=1e-10,
    sigma_diameter=0.015,
    sigma_anisotropy=0.008,
    sigma_resistance_area=0.03,
    sigma_tmr=0.03,
)
NOMINAL = without_spread(MTJ)


@pytest.mark.parametrize(
    ("stability", "sigma", "published"), [(60, 0.0, 2.8e-9), (60, 0.07, 1.3e-5), (70, 0.0, 1.3e-13), (70, 0.07, 1.8e-8)]
)
def test_ten_year_cell_failures_are_the_published_ones(stability, sigma, published):
    found = arrhenius_failure(stability=stability, duration=TEN_YEARS, attempt=1e9, sigma=sigma)
    assert found == pytest.approx(published, rel=0.04)


@pytest.mark.parametrize(("bits", "published"), [(8e6, 60.8), (1e9, 65.6), (8e9, 67.7)])
def test_stabilities_that_chips_need_are_the_published_ones(bits, published):
    bit_error = allowed_bit_error(0.01, code=uncoded(1), words=bits)
    found = required_stability(bit_error=bit_error, duration=TEN_YEARS, attempt=1e9)
    assert found == pytest.approx(published, abs=0.05)
    assert array_failure(
        arrhenius_failure(stability=found, duration=TEN_YEARS, attempt=1e9), code=uncoded(1), words=bits
    ) == pytest.approx(0.01, rel=1e-6)


@given(st.floats(60.0, 150.0), st.floats(0.005, 0.05))
def test_small_failures_are_those_of_the_effective_stability(stability, sigma):
    """The mean of e^-Delta over a Gaussian is e^-(mu - s^2/2), as long as no cell fails for sure (Thomas 2015)."""
    effective = stability - (sigma * stability) ** 2 / 2
    found = arrhenius_failure(stability=stability, duration=1e-9, attempt=1e9, sigma=sigma)
    assert found == pytest.approx(math.exp(-effective), rel=1e-6)


def test_required_stability_inverts_a_spread_and_has_its_limits():
    needed = required_stability(bit_error=1e-10, duration=TEN_YEARS, attempt=1e9, sigma=0.07)
    assert arrhenius_failure(stability=needed, duration=TEN_YEARS, attempt=1e9, sigma=0.07) == pytest.approx(1e-10)
    assert required_stability(bit_error=0.5, duration=1e-12, attempt=1e9) == 0.0
    with pytest.raises(
        UserError, match=r"no stability up to 1000 keeps bit errors at 1e-12 for .* spread of 0.2; lower"
    ):
        required_stability(bit_error=1e-12, duration=TEN_YEARS, attempt=1e9, sigma=0.2)


@given(st.floats(0, 1), st.floats(1e-9, 10), st.floats(1e-9, 10), st.floats(0, 5))
def test_two_states_follow_the_master_equation(wrong, out_rate, back_rate, duration):
    generator = np.array([[-out_rate, back_rate], [out_rate, -back_rate]])
    expected = (expm(generator * duration) @ [1 - wrong, wrong])[1]
    assert two_state(wrong, out_rate=out_rate, back_rate=back_rate, duration=duration) == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


def test_two_states_keep_small_probabilities_and_saturate():
    assert two_state(0.0, out_rate=1e-30, back_rate=1e-20, duration=1e3) == pytest.approx(1e-27, rel=1e-12)
    assert two_state(0.3, out_rate=3.0, back_rate=1.0, duration=1e9) == pytest.approx(0.75, rel=1e-12)
    assert two_state(0.3, out_rate=0.0, back_rate=0.0, duration=1e9) == 0.3


def exact_rate(stability, drive):
    """Escapes per reduced time: the inverse of the exact passage time from the pole into the other well."""

    def potential(z):
        return stability * (z * z - 2 * drive * z)

    def inner(z):
        return quad(lambda u: math.exp(potential(u) - potential(z)), z, 1, epsrel=1e-10)[0]

    around = [drive - 0.3, drive, drive + 0.3]
    return 1 / quad(lambda z: 2 * stability / (1 - z * z) * inner(z), -0.8, 1, points=around, epsrel=1e-8)[0]


@pytest.mark.parametrize("current", [0.0, 0.25, -0.4])
def test_rates_of_a_nominal_cell_are_those_of_the_exact_passage_time(current):
    state = -1 if current < 0 else 1
    drive = abs(current)
    rate = escape_rate(NOMINAL, temperature=358.0, state=state, current=drive * NOMINAL.critical_current(358.0))
    attempt = relaxation_rate(NOMINAL, temperature=358.0)
    exact = attempt * exact_rate(NOMINAL.thermal_stability(358.0), drive)
    assert float(rate) == pytest.approx(exact, rel=2e-3)


def test_long_storage_ends_in_boltzmann_equilibrium():
    """The shares of the two wells under a stray field, from the exact density exp[Delta (z^2 + 2 h z)]."""
    tilted = replace(NOMINAL, stray_field=2e3)
    stability, field = tilted.thermal_stability(400.0), reduced_stray_field(tilted, temperature=400.0)

    def share(low, high):
        return quad(lambda z: math.exp(stability * (z * z + 2 * field * z - 1 - 2 * field)), low, high, epsrel=1e-10)[0]

    down, up = share(-1, -field), share(-field, 1)
    errors = retention_errors(tilted, profile=[(1e20, 400.0)])
    assert errors.parallel == pytest.approx(down / (down + up), rel=0.01)
    assert errors.parallel + errors.antiparallel == pytest.approx(1, rel=1e-9)
    assert errors.parallel < 0.4


def test_reversing_the_stray_field_swaps_the_states():
    up, down = (retention_errors(replace(MTJ, stray_field=field), profile=[(1e5, 330.0)]) for field in (1e4, -1e4))
    assert up.parallel == pytest.approx(down.antiparallel) and up.antiparallel == pytest.approx(down.parallel)
    assert up.parallel < up.antiparallel / 10
    assert up.worst == up.antiparallel and up.mean == pytest.approx((up.parallel + up.antiparallel) / 2)


def test_retention_agrees_with_a_sample_of_cells():
    cells = sample_cells(MTJ, cells=200_000, seed=1)
    rate = escape_rate(cells, temperature=370.0, state=1)
    flips = -np.expm1(-2 * rate * 1e4) / 2
    found = retention_failure(MTJ, profile=[(1e4, 370.0)])
    assert 1e-4 < found < 0.1
    assert found == pytest.approx(float(np.mean(flips)), abs=4 * np.std(flips) / math.sqrt(len(flips)))


@given(st.floats(1.0, 1e9), st.floats(280.0, 420.0), st.floats(0.0, 1.0))
@settings(max_examples=50, deadline=None)
def test_a_phase_may_be_cut_in_two_and_heat_never_helps(duration, temperature, part):
    whole = retention_failure(NOMINAL, profile=[(duration, temperature)])
    cut = [(part * duration, temperature), ((1 - part) * duration, temperature)]
    assert retention_failure(NOMINAL, profile=cut) == pytest.approx(whole, rel=1e-9)
    assert retention_failure(NOMINAL, profile=[(duration, temperature + 10)]) > whole * (1 - 1e-12)


def test_reflow_and_years_add_while_both_are_rare():
    reflow, years = (90.0, 380.0), (TEN_YEARS, 300.0)
    both = retention_failure(MTJ, profile=[reflow, years])
    apart = [retention_failure(MTJ, profile=[phase]) for phase in (reflow, years)]
    assert max(apart) < both < sum(apart)
    assert sum(apart) < 1e-2 and both == pytest.approx(sum(apart), rel=0.05)


def test_spread_makes_retention_worse_by_the_effective_stability():
    """Rare flips of coherent cells: d Delta is Gaussian to first order, and the mean rate grows by e^(s^2/2)."""
    narrow = replace(MTJ, sigma_diameter=0.0, sigma_anisotropy=0.01)
    mean = MTJ.thermal_stability(300.0)
    heavy = replace(narrow, interface_anisotropy=MTJ.interface_anisotropy * (1 + 1e-4))
    slope = (heavy.thermal_stability(300.0) - mean) / 1e-4
    ratio = retention_failure(narrow, profile=[(1.0, 300.0)]) / retention_failure(NOMINAL, profile=[(1.0, 300.0)])
    assert ratio > 2
    # The attempt rate shifts the mean by some of its own spread.
    assert ratio == pytest.approx(math.exp((0.01 * slope) ** 2 / 2), rel=0.1)


def test_a_cell_without_a_barrier_is_a_coin():
    flat = replace(NOMINAL, interface_anisotropy=1e-4)
    assert retention_failure(flat, profile=[(1e-3, 300.0)]) == pytest.approx(0.5)


def test_read_disturb_accumulates_over_reads():
    critical = NOMINAL.critical_current(358.0)
    once = read_disturb_rate(NOMINAL, current=0.4 * critical, duration=3e-9, temperature=358.0)
    often = read_disturb_rate(NOMINAL, current=0.4 * critical, duration=3e-9, temperature=358.0, reads=1e9)
    rate = relaxation_rate(NOMINAL, temperature=358.0) * exact_rate(NOMINAL.thermal_stability(358.0), 0.4)
    assert once == pytest.approx(rate * 3e-9, rel=2e-3)
    assert often == pytest.approx(-math.expm1(1e9 * math.log1p(-once)), rel=1e-6)


def test_rates_of_many_cells_are_those_of_few():
    """Many are interpolated, few are solved one by one; the widest spread, down to cells without a barrier."""
    wild = replace(MTJ, sigma_anisotropy=0.08)
    many = sample_cells(wild, cells=5000, seed=8)
    few = replace(many, **{name: getattr(many, name)[:200] for name in SIGMAS})
    current = 0.3 * wild.critical_current(358.0)
    found, exact = (escape_rate(cells, temperature=358.0, state=1, current=current) for cells in (many, few))
    assert found[:200] == pytest.approx(exact, rel=3e-3)
    assert np.min(many.thermal_stability(358.0)) < 10


@pytest.mark.parametrize("series_resistance", [math.inf, 0.0])
@pytest.mark.parametrize("device", [MTJ, replace(MTJ, name="wild", sigma_anisotropy=0.02)], ids=lambda m: m.name)
def test_read_disturb_agrees_with_a_sample_of_cells(device, series_resistance):
    current = 0.5 * device.critical_current(358.0)
    cells = sample_cells(device, cells=200_000, seed=2)
    through = cell_currents(
        device, cells, current=current, series_resistance=series_resistance, temperature=358.0, antiparallel=False
    )
    flips = -np.expm1(-escape_rate(cells, temperature=358.0, state=1, current=through) * 5e-9 * 1e3)
    found = read_disturb_rate(
        device, current=current, duration=5e-9, temperature=358.0, reads=1e3, series_resistance=series_resistance
    )
    assert 1e-5 < found < 0.5
    assert found == pytest.approx(float(np.mean(flips)), abs=4 * np.std(flips) / math.sqrt(len(flips)))


@given(st.floats(0.0, 0.6), st.floats(0.0, 0.6))
@settings(max_examples=15, deadline=None)
def test_more_current_disturbs_more_and_spread_never_helps(first, second):
    low, high = (
        read_disturb_rate(NOMINAL, current=i * NOMINAL.critical_current(300.0), duration=1e-9)
        for i in sorted((first, second))
    )
    assert low <= high * (1 + 1e-9)
    spread = read_disturb_rate(MTJ, current=min(first, second) * MTJ.critical_current(300.0), duration=1e-9)
    assert spread > low


def test_the_sign_of_the_current_chooses_the_state():
    tilted = replace(MTJ, stray_field=1e4)
    current = 0.3 * MTJ.critical_current(330.0)
    up, down = (read_disturb_rate(tilted, current=i, duration=1e-9, temperature=330.0) for i in (current, -current))
    assert up < down / 10
    assert read_disturb_rate(MTJ, current=-current, duration=1e-9, temperature=330.0) == pytest.approx(
        read_disturb_rate(MTJ, current=current, duration=1e-9, temperature=330.0)
    )


def test_scrubbing_keeps_an_array_alive():
    """A lifetime of reads in one go, and in a thousand intervals with correction at the end of each."""
    current, code = 0.35 * MTJ.critical_current(330.0), secded(64)

    def failure(reads, intervals):
        bit_error = read_disturb_rate(MTJ, current=current, duration=1e-9, temperature=330.0, reads=reads)
        return float(array_failure(bit_error, code=code, words=1e4, intervals=intervals))

    once, scrubbed = failure(1e4, 1), failure(10, 1000)
    assert scrubbed < once / 100
    assert once > 1e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: retention_errors(MTJ, profile=[]), "the temperature profile of junction is empty; give pairs"),
        (
            lambda: retention_errors(MTJ, profile=[(-1.0, 300.0)]),
            "a storage time of junction is -1 s; give a finite value that is not negative",
        ),
        (lambda: retention_errors(MTJ, profile=[(1.0, -300.0)]), "the temperature is -300 K, "),
        (lambda: retention_errors(MTJ, profile=[(1.0, 2000.0)]), "junction has no energy barrier at 2000 K"),
        (lambda: read_disturb_rate(MTJ, current=math.nan, duration=1e-9), "the read current of junction is nan A; "),
        (lambda: read_disturb_rate(MTJ, current=1e-6, duration=-1e-9), "the read time of junction is -1e-09 s; "),
        (
            lambda: read_disturb_rate(MTJ, current=1e-6, duration=1e-9, reads=math.inf),
            "the number of reads of junction",
        ),
        (
            lambda: read_disturb_rate(MTJ, current=1e-6, duration=1e-9, series_resistance=-1.0),
            "the series resistance of junction is -1 ohm; give zero or more",
        ),
        (lambda: arrhenius_failure(stability=-1, duration=1, attempt=1e9), "the mean stability is -1; give"),
        (lambda: arrhenius_failure(stability=1, duration=1, attempt=0), "the attempt rate is 0 1/s; give"),
        (lambda: required_stability(bit_error=0, duration=1, attempt=1e9), "the bit error to be met is 0; give"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(UserError) as refusal:
        call()
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("share", [0.5, 0.9, 2.0])
def test_a_strong_stray_field_leaves_one_state_that_keeps(share):
    """Escape rates of both states stay finite and ordered, also where cells have lost one of them."""
    mtj = load_mtj("ikeda2010").device
    strong = replace(mtj, stray_field=share * anisotropy_field(mtj, temperature=300.0))
    errors = retention_errors(strong, profile=[(1e8, 300.0)])
    assert 0 <= errors.parallel < 1e-3 < 0.9 < errors.antiparallel <= 1
