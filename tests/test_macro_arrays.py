"""Many banks at once: equal to one at a time, legal where one at a time is, refused with the same sentence."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devicemodels.error_correction import allowed_bit_error, bch, secded, uncoded, word_failure
from devicemodels.errors import UserError
from devicemodels.macro import (
    Organisation,
    bank_sheets,
    evaluate_mram,
    evaluate_sram,
    legal,
    mram_macro,
    repair,
    sram_macro,
)

RNG = np.random.default_rng(20200216)
COUNT = 24
SHEETS = {kind: bank_sheets(kind, "22nm") for kind in ("mram", "sram")}
EVALUATE, BUILD = {"mram": evaluate_mram, "sram": evaluate_sram}, {"mram": mram_macro, "sram": sram_macro}


def parts(kind):
    sheets = {f.name: getattr(SHEETS[kind], f.name) for f in fields(SHEETS[kind])}
    return {name: sheet.device for name, sheet in sheets.items() if sheet is not None}


def layouts():
    return {
        "words": RNG.integers(64, 20_000, COUNT),
        "data_bits": RNG.choice([32, 64, 256, 1024], COUNT),
        "check_bits": RNG.choice([0, 8, 12], COUNT),
        "rows": 2 ** RNG.integers(4, 12, COUNT),
        "mux": RNG.integers(1, 65, COUNT),
        "spare_rows": RNG.integers(0, 5, COUNT),
    }


def varied(kind):
    """Parts with arrays in them, and a function that gives the parts of one point."""
    given, count = parts(kind), layouts()
    scale = {"amplifier": RNG.uniform(0.02, 3.0, COUNT), "cell": RNG.choice([0.8, 1.0, 1.3], COUNT)}
    amplifier = ("sense", "input_pitches") if kind == "mram" else ("cell", "amplifier_input_width")
    temperature = RNG.uniform(250.0, 400.0, COUNT)

    def at(index):
        pick = {name: column[index] for name, column in count.items()}
        changed = dict(given)
        part, field = amplifier
        changed["cell"] = replace(changed["cell"], area=changed["cell"].area * scale["cell"][index])
        changed[part] = replace(changed[part], **{field: getattr(changed[part], field) * scale["amplifier"][index]})
        whole = pick if isinstance(index, slice) else {name: int(value) for name, value in pick.items()}
        return changed | {"organisation": Organisation(**whole), "temperature": temperature[index]}

    return at


@pytest.mark.parametrize("kind", ["mram", "sram"])
def test_arrays_give_what_one_at_a_time_gives(kind):
    at = varied(kind)
    macros, limits = EVALUATE[kind](**at(slice(None)))
    good = legal(limits)
    assert 0.2 * COUNT < good.sum() < COUNT or kind == "sram"
    for index in range(COUNT):
        if not good[index]:
            continue
        one = BUILD[kind](**at(index))
        for field in fields(one):
            many, single = getattr(macros, field.name), getattr(one, field.name)
            if field.name.endswith("_parts"):
                assert [n for n, _ in many] == [n for n, _ in single]
                many, single = [v[index] for _, v in many], [v for _, v in single]
            elif field.name != "kind":
                many = many[index]
            # Rates of many devices are integrated with fewer nodes.
            tolerance = 0.5 if field.name in ("write_error_rate", "retention_error_rate", "read_disturb_rate") else 1e-9
            assert many == (single if field.name == "kind" else pytest.approx(single, rel=tolerance)), field.name


@pytest.mark.parametrize("kind", ["mram", "sram"])
def test_a_point_is_refused_with_the_sentence_of_its_limit(kind):
    at = varied(kind)
    _, limits = EVALUATE[kind](**at(slice(None)))
    bad = np.flatnonzero(~legal(limits))
    for index in bad[:12]:
        first = next(x for x in limits if not x.holds[index])
        with pytest.raises(UserError) as refusal:
            BUILD[kind](**at(int(index)))
        assert str(refusal.value) == first.sentence(index)


def test_one_bank_is_made_of_plain_numbers():
    found = mram_macro(
        **parts("mram"), organisation=Organisation(words=4608, data_bits=264, check_bits=10), temperature=300.0
    )
    numbers = [getattr(found, f.name) for f in fields(found) if f.name != "kind" and not f.name.endswith("_parts")]
    assert {type(number) for number in numbers} == {int, float}
    assert {type(value) for _, value in found.area_parts} <= {int, float}


@given(st.integers(1, 2000), st.sampled_from([0, 1, 2, 3]), st.floats(1e-9, 0.3))
def test_words_fail_as_the_codes_of_error_correction(data_bits, correctable, bit_error):
    code = uncoded(data_bits) if correctable == 0 else bch(data_bits, correctable=correctable)
    layout = Organisation(words=5000, data_bits=code.data_bits, check_bits=code.check_bits)
    assert repair.correctable_errors(layout) == correctable
    assert repair.word_failure(layout, bit_error) == pytest.approx(
        float(word_failure(code, bit_error=bit_error)), rel=1e-9
    )
    allowed = allowed_bit_error(0.01, code=code, words=5000)
    assert repair.allowed_bit_error(layout, loss=0.01) == pytest.approx(allowed, rel=1e-9)


@pytest.mark.parametrize("data_bits", [8, 64, 128, 264, 1024])
def test_check_bits_of_secded_correct_one(data_bits):
    code = secded(data_bits)
    assert repair.correctable_errors(Organisation(words=1, data_bits=data_bits, check_bits=code.check_bits)) == 1


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-9, 1e-2), st.integers(0, 10))
def test_the_yield_is_that_of_drawn_arrays(bit_error, spare_rows):
    layout = Organisation(words=512, data_bits=32, check_bits=0, rows=32, mux=4, spare_rows=spare_rows)
    generator = np.random.default_rng(7)
    words = generator.random((4000, layout.subarrays, 128)) < word_failure(uncoded(32), bit_error=bit_error)
    works = np.all(words.sum(axis=2) <= spare_rows, axis=1)
    expected = repair.array_yield(layout, bit_error=bit_error)
    # Poisson for binomial costs up to the share of failing words.
    slack = 4 * np.sqrt(expected * (1 - expected) / 4000) + 40 * bit_error + 1e-3
    assert np.mean(works) == pytest.approx(expected, abs=slack)
