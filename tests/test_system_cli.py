"""`spinstream system` and `spinstream claim`: the keys that programs read, tables, pictures, mistakes."""

import json
import subprocess
import sys

import pytest
import typer

from devicemodels.errors import UserError
from sim.system.command import claim, system

KEYS = {"machine", "ms_per_token", "ttft_s", "latency_s", "tokens_per_s_per_user", "tokens_per_s", "terms_ms", "fits"}


@pytest.fixture
def run(capsys):
    """Call a command as the command line does; return standard output."""
    app = typer.Typer()
    app.command()(system)
    app.command()(claim)

    def call(*arguments):
        app(list(arguments), standalone_mode=False)
        return capsys.readouterr().out

    return call


def test_json_is_a_list_with_an_object_for_each_machine(run):
    text = run("system", "llama-3-8b", "h100", "groq-v1", "2xh200+groq-v1", "lp30:rubin", "--users", "4", "--json")
    answers = json.loads(text)
    assert text.count("\n") == 1
    assert [one["machine"] for one in answers] == ["h100", "groq-v1", "2xh200+groq-v1", "lp30:rubin"]
    for one in answers:
        assert set(one) >= KEYS
        assert set(one["terms_ms"]) == {"bytes", "layers", "sync"}
        assert sum(one["terms_ms"].values()) == pytest.approx(one["ms_per_token"])
        assert one["latency_s"] > one["ttft_s"] > 0


def test_options_reach_the_model(run):
    base = ["system", "llama-3-8b", "h100", "--json"]
    (plain,) = json.loads(run(*base))
    for options, smaller in [
        (["--chips", "4"], "ms_per_token"), (["--bits", "8"], "ms_per_token"), (["--input", "128"], "ttft_s"),
        (["--output", "128"], "latency_s"), (["--columns", "4"], "ms_per_token"),
    ]:  # fmt: skip
        (changed,) = json.loads(run(*base, *options))
        assert changed[smaller] < plain[smaller]
    for options, larger in [
        (["--engine", "vllm"], "ms_per_token"), (["--context", "100000"], "ms_per_token"),
        (["--users", "8"], "tokens_per_s"), (["--workload", "long-context"], "ttft_s"),
    ]:  # fmt: skip
        (changed,) = json.loads(run(*base, *options))
        assert changed[larger] > plain[larger]


def test_an_engine_is_for_the_machines_that_have_it(run):
    arguments = ["system", "llama-3-8b", "h100", "groq-v1", "2xh200+groq-v1", "--engine", "vllm", "--json"]
    gpu, lpu, both = json.loads(run(*arguments))
    assert gpu["engine"] == "h100_vllm"
    assert lpu["engine"] == both["engine"] == "groq-v1_2023"
    with pytest.raises(UserError, match="machine 'groq-v1' has no engine 'vllm'"):
        run("system", "llama-3-8b", "groq-v1", "--engine", "vllm")


def test_a_table_shows_machines_side_by_side(run):
    text = run("system", "llama-3-70b", "4xh100", "groq-v1")
    assert "4xh100" in text and "groq-v1" in text and "J/token" in text


def test_a_picture_of_the_terms(run, tmp_path):
    run("system", "llama-3-8b", "h100", "a100", "--plot", str(tmp_path / "terms.png"))
    assert (tmp_path / "terms.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_machine_twice_has_two_bars(run, tmp_path):
    run("system", "llama-3-8b", "h100", "h100", "--plot", str(tmp_path / "terms.svg"))
    assert (tmp_path / "terms.svg").read_text().count("ytick_") == 2


def test_a_picture_of_no_kind_is_a_mistake(run, tmp_path):
    for name in ("terms.foo", "terms"):
        with pytest.raises(UserError, match="must end in a kind that can be drawn"):
            run("system", "llama-3-8b", "h100", "--plot", str(tmp_path / name))
    assert not list(tmp_path.iterdir())


def test_what_is_given_comes_before_what_a_workload_says(run):
    (chat,) = json.loads(run("system", "llama-3-8b", "h100", "--workload", "chat", "--json"))
    arguments = ["--workload", "chat", "--input", "8192", "--users", "3", "--columns", "2", "--context", "20000"]
    (longer,) = json.loads(run("system", "llama-3-8b", "h100", *arguments, "--json"))
    assert longer["users"] == 3 and longer["columns"] == 2
    assert longer["ttft_s"] > 8 * chat["ttft_s"]
    assert longer["kv_gb"] == pytest.approx(3 * 20000 * 2**17 / 1e9)


def test_the_claim_of_the_documentation(run):
    arguments = [
        "--model",
        "llama-3-70b",
        "--bits",
        "8",
        "--chips",
        "576",
        "--tokens-per-s",
        "300",
        "--machine",
        "groq-v1",
    ]
    values = json.loads(run("claim", *arguments, "--json"))
    assert values["holds"] is True
    assert values["us_per_layer"] == pytest.approx(41.67, abs=0.01)
    assert len(run("claim", *arguments).splitlines()) == len(values["verdict"]) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["llama-3-8b", "h100", "--users", "0"], "--users is 0, but it must be at least 1"),
        (["llama-3-8b", "h100", "--bits", "0"], "a weight of 0 bits cannot be: --bits is at least 1 and at most 64"),
        (["llama-3-8b", "h100", "--context", "5"], "--context is 5, but prompt and answer take 2048 tokens"),
        (["llama-3-8b", "h100", "--acceptance", "2"], "--acceptance is 2, but a chance lies between 0 and 1"),
        (["llama-3-8b", "h101"], "no machine is called 'h101': did you mean 'h100'?"),
        (["llama-3-70b", "h100", "--chips", "1"], "llama-3-70b at 16 bits needs 141.1 GB"),
    ],
)
def test_mistakes_are_one_sentence(run, arguments, sentence):
    with pytest.raises(UserError) as caught:
        run("system", *arguments)
    assert str(caught.value).startswith(sentence)


def test_published_machines_load_no_hardware():
    """Only this project's own tiles need the compiler, whose imports take seconds."""
    code = """
import sys
import sim.system as s
s.answer("h100", "llama-3-8b", s.Request(input=1, output=1))
assert "amaranth" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
