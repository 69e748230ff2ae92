"""The command line: streams, JSON, and exit statuses. The hardware is stood in for; benches run it elsewhere."""

import json
import sys
import types
from pathlib import Path

import pytest

from devicemodels.errors import UserError
from devicemodels.quantities import sheet_names
from sim.__main__ import main
from sim.design import design_names
from sim.measurement import Measurement

MEASURED = Measurement(
    design="mram-22nm", model="verse", simulator="verilator", prompt="In the", text=" beginning", tokens=(7, 8),
    golden_equal=True, predicted_cycles=900, simulated_cycles=900, cycles_per_token=450.0, utilisation=0.7,
    phase_cycles={"weights": 450}, clock_hz=5e8, max_clock_hz=6e8, tile_area_mm2=1.0, area_mm2={"banks": 1.0},
    bandwidth_density_tb_per_s_mm2=0.1, peak_bandwidth_density_tb_per_s_mm2=0.2,
    bank_bandwidth_density_tb_per_s_mm2=0.3, tokens_per_s=1.1e6, energy_per_token_j=1e-7,
    energy_j={"banks": 1e-7}, weight_words_read=5, corrected_words=0, uncorrectable_words=0, macs=1000,
    simulation_s=0.1, build_s=0.0, run_folder="",
)  # fmt: skip


@pytest.fixture
def spinstream(capsys):
    """Run the command line: exit status, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        streams = capsys.readouterr()
        return left.value.code, streams.out, streams.err

    return run


@pytest.fixture
def hardware(monkeypatch, tmp_path):
    """Stand in for the parts behind ``decode`` with a function that returns a measurement, or raises."""

    def put(answer) -> dict:
        seen = {}

        def decode(design, model, *, progress, **options):
            seen.update(options, design=design.name, model=model)
            with progress.step("run the hardware"):
                progress.token(" begin")
                progress.token("ning")
            return answer(tmp_path)

        stand_ins = {
            "sim.decode": {"decode": decode},
            "sim.checkpoint": {"load_model": lambda name, progress: name},
            "sim.chain": {"chain_rows": lambda _design: []},
        }
        for name, members in stand_ins.items():
            module = types.ModuleType(name)
            vars(module).update(members)
            monkeypatch.setitem(sys.modules, name, module)
        return seen

    return put


def measured(folder: Path, **changes) -> Measurement:
    return Measurement(**{**vars(MEASURED), "run_folder": str(folder), **changes})


def raising(error: BaseException):
    def answer(_folder):
        raise error

    return answer


def one_sentence(error_output: str) -> str:
    lines = error_output.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("spinstream: ")
    assert "Traceback" not in error_output
    return lines[0]


def test_decode_prints_tokens_as_they_come_and_then_the_figures(spinstream, hardware, tmp_path):
    seen = hardware(measured)
    status, out, err = spinstream("decode", "sram-22nm", "--tokens", "5", "--prompt", "In the", "--waves")
    assert status == 0
    assert out.startswith(" beginning\n")
    assert "0.100 TB/s/mm²" in out
    assert str(tmp_path / "report.html") in out
    assert "run the hardware" in err
    assert seen == {
        "design": "sram-22nm", "model": "verse", "prompt": "In the", "tokens": 5,
        "simulator": "verilator", "waves": True, "run_folder": None, "chat": None, "columns": None,
    }  # fmt: skip


def test_decode_with_json_prints_one_object_only(spinstream, hardware, tmp_path):
    hardware(measured)
    status, out, err = spinstream("decode", "--json")
    values = json.loads(out)
    assert status == 0
    assert out.count("\n") == 1
    assert values["tokens"] == [7, 8]
    assert Path(values["report"]).is_file()
    assert {
        "text", "golden_equal", "predicted_cycles", "simulated_cycles", "cycles_per_token", "utilisation", "clock_hz",
        "bandwidth_density_tb_per_s_mm2", "tile_area_mm2", "tokens_per_s", "energy_per_token_j", "simulation_s",
        "run_folder",
    } <= set(values)  # fmt: skip
    assert "beginning" in err


@pytest.mark.parametrize("wrong", [{"golden_equal": False}, {"simulated_cycles": 901}])
def test_a_run_that_is_not_as_expected_fails(spinstream, hardware, wrong):
    hardware(lambda folder: measured(folder, **wrong))
    status, out, _ = spinstream("decode", "--json")
    assert status == 1
    assert json.loads(out)["simulated_cycles"] == wrong.get("simulated_cycles", 900)


def test_a_mistake_of_the_user_is_one_sentence_and_status_2(spinstream, hardware):
    hardware(raising(UserError("the prompt has 300 tokens,\n but the context is 256: shorten it")))
    status, out, err = spinstream("decode", "--json")
    assert (status, out) == (2, "")
    assert "spinstream: the prompt has 300 tokens, but the context is 256: shorten it" in err.splitlines()


def test_an_interrupted_run_exits_with_130(spinstream, hardware):
    hardware(raising(KeyboardInterrupt()))
    status, out, err = spinstream("decode", "--json")
    assert (status, out) == (130, "")
    assert err.rstrip().endswith("spinstream: interrupted")


def test_a_folder_that_cannot_be_written_is_one_sentence(spinstream, hardware):
    hardware(raising(PermissionError(13, "Permission denied", "/somewhere")))
    status, _, err = spinstream("decode")
    assert status == 2
    assert err.rstrip().endswith("spinstream: Permission denied: /somewhere")


def test_unknown_design_is_one_sentence(spinstream):
    status, out, err = spinstream("decode", "mram-2nm")
    assert (status, out) == (2, "")
    assert f"there is no design 'mram-2nm': the presets are {', '.join(design_names())}," in one_sentence(err)


def test_missing_compiler_is_one_sentence(spinstream, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    status, out, err = spinstream("decode", "--json")
    assert (status, out) == (2, "")
    assert "apt-get install g++" in one_sentence(err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode", "--tokens", "none"], "'--tokens': Input should be a valid integer"),
        (["decode", "--tokens", "0"], "--tokens is 0, but a decode generates at least 1"),
        (["decode", "--columns", "3"], "--columns is 3, but a tile has 1, 2, 4, 8 or 16"),
        (["decode", "--columns", "0"], "--columns is 0, but a tile has 1, 2, 4, 8 or 16"),
        (["decode", "--columns", "two"], "'--columns': Input should be a valid integer"),
        (["decode", "--simulator", "spice"], "'spice' is not one of"),
        (["decode", "--speed"], "No such option: --speed"),
        (["decode", "mram-22nm", "verse"], "unexpected extra argument"),
        (["generate"], "Missing option '--output'"),
        (["fly"], "No such command 'fly'"),
    ],
)
def test_a_wrong_use_is_one_sentence_and_status_2(spinstream, arguments, message):
    status, out, err = spinstream(*arguments)
    assert (status, out) == (2, "")
    assert message in one_sentence(err)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["decode", "-h"]])
def test_help_goes_to_standard_output(spinstream, arguments):
    status, out, err = spinstream(*arguments)
    assert (status, err) == (0, "")
    assert "Usage: spinstream" in out


def test_version(spinstream):
    status, out, _ = spinstream("--version")
    assert status == 0
    assert out.startswith("spinstream 0.")


def test_doctor_json_lists_every_tool(spinstream):
    status, out, err = spinstream("doctor", "--json")
    values = json.loads(out)
    assert (status, err) == (0, "")
    assert values["ready"] is True
    assert {"python", "g++", "verilator", "iverilog"} <= {tool["name"] for tool in values["tools"]}


def test_doctor_fails_and_says_what_to_install(spinstream, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = spinstream("doctor")
    assert status == 1
    assert "MISSING" in out
    assert "apt-get install g++" in out
    assert "A decode needs: g++, make, perl." in out


@pytest.mark.parametrize("design", ["mram-22nm", "sram-22nm"])
def test_device_shows_the_chain_to_the_bank(spinstream, design):
    status, out, err = spinstream("device", design)
    assert status == 0
    assert "spinstream:" not in err
    assert design in out
    assert "read access" in out


def test_device_json_gives_unit_source_and_kind_of_every_number(spinstream):
    status, out, _err = spinstream("device", "--json")
    values = json.loads(out)
    assert status == 0
    assert values["design"] == "mram-22nm"
    assert {key for row in values["rows"] for key in row} == {"group", "name", "value", "unit", "source", "kind"}


def test_device_shows_a_junction_alone_and_draws_it(spinstream, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _err = spinstream("device", "--mtj", "ikeda2010", "--temperature", "320", "--plot", "--json")
    values = json.loads(out)
    assert status == 0
    assert (values["temperature"], values["plot"]) == (320.0, "ikeda2010.svg")
    assert "thermal stability" in {row["name"] for row in values["rows"]}
    assert (tmp_path / "ikeda2010.svg").read_text().lstrip().startswith("<?xml")


@pytest.mark.parametrize("name", sheet_names("mtj"))
def test_device_shows_every_shipped_junction(spinstream, name):
    status, out, _err = spinstream("device", "--mtj", name, "--json")
    rows = {row["name"]: row["value"] for row in json.loads(out)["rows"]}
    assert status == 0
    assert rows["thermal stability"] > 0
    assert rows["resistance, antiparallel"] > rows["resistance, parallel"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mtj", "nosuch"], "no mtj sheet is called 'nosuch'"),
        (["--mtj", "ikeda2010", "--temperature", "-1"], "temperature"),
        (["--mtj", "ikeda2010", "--temperature", "nan"], "temperature"),
        (["--mtj", "ikeda2010", "--temperature", "2000"], "curie_temperature"),
        (["--temperature", "10"], "temperature"),
        (["sram-22nm", "--plot"], "its memory is SRAM"),
    ],
)
def test_device_refuses_in_one_sentence(spinstream, arguments, sentence):
    status, out, err = spinstream("device", *arguments)
    assert (status, out) == (2, "")
    assert sentence in err.strip().splitlines()[-1]
    assert err.count("spinstream:") == 1
