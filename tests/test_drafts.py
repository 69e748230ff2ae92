"""Drafts: what look-up returns, what a host keeps, and a decode with them against the one without."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devicemodels.errors import UserError
from sim.accounts import MEASURED, events
from sim.checkpoint import load_model
from sim.compiler import quantise_model
from sim.console import Silent
from sim.decode import decode, measure, prepare, simulate
from sim.golden import greedy
from sim.speculation import run_of
from sim.synthesis import ModuleGates, Synthesis
from sim.timing import run_emissions
from testbench.drafts import Drafting, draft, foresee, right_drafts
from tests.test_columns import CONTEXT, small_design

WORDS = st.lists(st.integers(0, 3), min_size=1, max_size=40)
COLUMNS = st.sampled_from([1, 2, 4, 8, 16])
GENEALOGY = "And Reu lived after he begat Serug two hundred and seven years, and begat sons"


def by_definition(tokens: list[int], count: int, longest: int) -> list[int]:
    """The drafts as their docstring has them: of all earlier occurrences the longest, and of those the latest."""
    found = [
        (length, start)
        for length in range(1, longest + 1)
        for start in range(len(tokens) - length)
        if tokens[start : start + length] == tokens[-length:]
    ]
    length, start = max(found, default=(len(tokens), 0))
    return tokens[start + length :][:count]


@given(tokens=WORDS, count=st.integers(0, 20), longest=st.integers(1, 5))
def test_drafts_are_what_followed(tokens, count, longest):
    assert draft(tokens, count, longest) == by_definition(tokens, count, longest)


def test_drafts_of_some_texts():
    """The longest ending counts before the latest; an occurrence may overlap the ending; a new token has no drafts."""
    assert draft([1, 2, 3, 9, 4, 3, 8, 1, 2, 3], 2) == [9, 4]
    assert draft([5, 5, 5], 4) == [5]
    assert draft([1, 2, 3], 4) == draft([7], 4) == []


@given(drafts=st.lists(st.integers(0, 1), max_size=5), emitted=st.lists(st.integers(0, 1), max_size=6))
def test_right_drafts_are_the_common_prefix(drafts, emitted):
    right = right_drafts(drafts, emitted)
    assert drafts[:right] == emitted[:right]
    assert right in (len(drafts), len(emitted)) or drafts[right] != emitted[right]


def one_by_one(prompt: list[int], most: int, end: int | None, salt: int) -> list[int]:
    """The answer of a stand-in for a model, whose next token is a number made of the last ones."""
    text = list(prompt)
    for _ in range(most):
        text.append(successor(text, salt))
        if text[-1] == end:
            break
    return text[len(prompt) :]


def successor(text: list[int], salt: int) -> int:
    return (7 * text[-1] + sum(text[-3:]) * salt + len(text) // 5) % 5


@given(
    prompt=WORDS, columns=COLUMNS, most=st.integers(1, 40), end=st.none() | st.integers(0, 4), salt=st.integers(0, 4)
)
def test_a_decode_with_drafts_is_the_one_without(prompt, columns, most, end, salt):
    """Whatever is emitted behind wrong drafts; and no pass goes beyond what is wanted or what was foreseen."""
    expected = one_by_one(prompt, most, end, salt)
    drafting, passes = Drafting(prompt, columns=columns, most=most, end=end), []
    while not drafting.finished:
        passes.append(drafting.next_pass())
        text = (prompt + drafting.answer)[: passes[-1].first] + list(passes[-1].tokens)
        emitted = [successor(text[: at + 1], salt) for at in range(passes[-1].emitted, passes[-1].total)]
        assert drafting.take(passes[-1], emitted) == drafting.answer[passes[-1].emitted + 1 - len(prompt) :]
    assert drafting.answer == expected
    assert passes == foresee(prompt, expected, columns=columns, most=most, end=end)
    for one in passes:
        assert one.total <= len(prompt) + most - 1
        assert [step.tokens for step in run_of(one, columns).steps() if step.emits] == [one.drafted + 1]
    assert all(before.first < before.emitted + 1 <= after.first for before, after in pairwise(passes))


@pytest.fixture
def logic(monkeypatch):
    """Stand in for synthesis with logic of a depth."""

    def put(depth_fo4: float):
        module = ModuleGates(name="lane", count=8, nand2_equivalents=1e4, flops=500, depth_fo4=depth_fo4)
        synthesis = Synthesis(modules=(module,), depth_fo4=depth_fo4, tool="none")
        monkeypatch.setattr("sim.physical.synthesise", lambda **_: synthesis)

    return put


@pytest.fixture(scope="module")
def verse():
    return load_model("verse")


def test_hardware_decodes_with_drafts(logic, verse, tmp_path):
    """To the last position of the context, in whose last pass there is room for no draft."""
    logic(depth_fo4=120.0)
    prompt = verse.tokenizer.encode(GENEALOGY)
    wanted = CONTEXT + 1 - len(prompt)
    m = decode(
        small_design(1), verse, prompt=GENEALOGY, tokens=wanted, simulator="verilator", columns=4,
        run_folder=tmp_path / "run", progress=Silent(),
    )  # fmt: skip
    expected = greedy(quantise_model(verse, CONTEXT, small_design(1).format), prompt, wanted)
    assert list(m.tokens) == expected and m.golden_equal and m.cycles_equal
    passes, accepted, drafted = replayed(prompt, expected, 4)
    s = m.speculation
    assert (s.passes, s.accepted, s.drafted, s.columns) == (passes, accepted, drafted, 4)
    assert wanted == passes + accepted and accepted > 5
    assert s.acceptance == accepted / drafted and s.tokens_per_pass == wanted / passes
    assert sum(m.phase_cycles.values()) == pytest.approx(m.cycles_per_token)
    assert 0 <= m.max_clock_hz - m.clock_hz < 1e6 < 8.5e8 - m.clock_hz
    assert s.gain == pytest.approx(m.clock_hz / m.cycles_per_token / (8.5e8 / s.one_column_cycles_per_token))
    assert json.loads((tmp_path / "run" / "measurement.json").read_text()) == m.as_dict()


def replayed(prompt: list[int], answer: list[int], columns: int) -> tuple[int, int, int]:
    """Passes, right drafts and drafts of a decode, from its text alone."""
    text, at, free, passes, accepted, drafted = prompt + answer, len(prompt), -len(prompt) % columns, 0, 0, 0
    while at < len(text):
        drafts = by_definition(text[:at], min(free, len(text) - at - 1), 3)
        right = next((n for n, token in enumerate(drafts) if text[at + n] != token), len(drafts))
        passes, accepted, drafted = passes + 1, accepted + right, drafted + len(drafts)
        at, free = at + right + 1, columns - 1
    return passes, accepted, drafted


def test_hardware_stops_where_the_answer_ends(logic, verse, tmp_path):
    """In the middle of a pass; and all the tile's counters are those of the passes foreseen."""
    logic(depth_fo4=30.0)
    run = prepare(
        small_design(4), verse, prompt=GENEALOGY, tokens=20, simulator="verilator", waves=False, progress=Silent()
    )
    end = right_draft(run)
    run = replace(run, end=end, expected=run.expected[: run.expected.index(end) + 1])
    observed = simulate(run, tmp_path, Silent())
    assert observed["tokens"] == run.expected and observed["passes"][-1]["kept"] < len(observed["passes"][-1]["tokens"])
    queues, config = run.program.queues, run.tile.config
    assert [one["cycles"] for one in observed["passes"]] == [run_emissions(queues, config, one)[-1] for one in run.runs]
    counts = [events(queues, config, s.position, emits=s.emits, columns=s.columns) for s in run.steps]
    for event, name in MEASURED.items():
        assert observed[name] == sum(count[event] for count in counts), name
    measurement = measure(run, observed, tmp_path)
    assert measurement.golden_equal and measurement.cycles_equal


def right_draft(run) -> int:
    """A token that is drafted rightly, with others behind it in its pass, and that the answer has not had before."""
    answer, given = run.expected, len(run.prompt_tokens)
    for one in foresee(expected=answer, **run.drafting):
        at = one.emitted + 1 - given
        if right_drafts(one.drafts, answer[at:]) and answer[at] not in answer[:at]:
            return answer[at]
    raise AssertionError("no draft is right")


def test_a_design_whose_own_columns_are_too_slow_is_refused(logic, verse):
    logic(depth_fo4=120.0)
    with pytest.raises(UserError, match=r"tile.clock_mhz is 850 and the logic reaches"):
        prepare(small_design(4), verse, prompt="The", tokens=1, simulator="verilator", waves=False, progress=Silent())
