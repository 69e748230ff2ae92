"""`spinstream macro` and `spinstream explore` from end to end: JSON, tables, pictures, designs, mistakes."""

import json

import pytest

from devicemodels.macro.sheets import bank_sheets
from sim.__main__ import main
from sim.chain import load_sheets, weight_bank
from sim.design import load_design
from sim.explore import parse_capacity
from sim.tile import build_tile

KEYS = {
    "read_access_ns", "read_cycle_ns", "read_energy_pj_per_bit", "write_energy_pj_per_bit", "area_mm2",
    "density_mb_per_mm2", "bandwidth_gb_per_s", "bandwidth_density_tb_per_s_mm2", "leakage_mw", "read_error_rate",
    "write_error_rate",
}  # fmt: skip
QUERY = 'kind = "mram"\nnode = "22nm"\ncapacity_bits = 1048576\nword_bits = 1024\n'
SMALL = ["explore", "--capacity", "64kb", "--word-bits", "64", "--word-bits", "128"]


@pytest.fixture
def run(capsys):
    """Call the command line; return status, standard output and standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(one) for one in arguments])
        text = capsys.readouterr()
        return stop.value.code, text.out, text.err

    return call


@pytest.fixture
def query(tmp_path):
    """Write a query file of four plain lines and some more."""

    def write(more=""):
        path = tmp_path / "query.toml"
        path.write_text(QUERY + more, encoding="utf-8")
        return path

    return write


def test_macro_as_json(run, query):
    status, out, err = run("macro", query("temperature_k = 300.0\n"), "--json")
    found = json.loads(out)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert set(found) >= KEYS
    for key in KEYS:
        assert list(found[key]) == ["nominal", "low", "high"]
        assert found[key]["low"] <= found[key]["nominal"] <= found[key]["high"]
    assert found["organisation"]["words"] == 1024
    asked = {one["name"] for one in found["assumed"] if one["asked"]}
    assert {"tmr", "cell_area_um2", "supply_v"} <= asked and "temperature_k" not in asked


def test_macro_as_a_table(run):
    status, out, _ = run("macro", "mram-1mb-22nm")
    assert status == 0
    for text in ("read access", "TB/s/mm²", "Left out of the query, so assumed", "1024 words", "mtj/mram22"):
        assert text in out


def test_explore_as_json(run):
    status, out, _ = run(*SMALL, "--limit", "read_access_ns<2", "--limit", "yield>=0.99", "--json")
    found = json.loads(out)
    assert status == 0
    assert len(found["front"]) <= found["legal"] <= found["evaluated"]
    assert found["organisations_per_s"] > 0
    assert found["chosen"] == found["front"][0]
    densities = [one["bandwidth_density_tb_per_s_mm2"] for one in found["front"]]
    assert densities == sorted(densities, reverse=True)
    assert all(one["read_access_ns"] < 2 and one["yield"] >= 0.99 for one in found["front"])
    assert {one["word_bits"] for one in found["front"]} <= {64, 128}


def test_objectives_choose_the_point(run):
    chosen = {}
    for figure in ("read_energy_pj_per_bit", "density_mb_per_mm2"):
        _, out, _ = run(*SMALL, "--objective", figure, "--json")
        chosen[figure] = json.loads(out)["chosen"]
    frugal, dense = chosen.values()
    assert frugal["read_energy_pj_per_bit"] < dense["read_energy_pj_per_bit"]
    assert frugal["density_mb_per_mm2"] < dense["density_mb_per_mm2"]


def test_explore_as_a_table_and_a_picture(run, tmp_path):
    status, out, err = run(*SMALL, "--kind", "sram", "--plot", tmp_path / "front.png")
    assert status == 0
    assert "Pareto front: sram, 22nm, 65536 bits" in out and "a second" in out
    assert "Evaluate organisations" in err
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("base", ["mram-22nm", "sram-22nm"])
def test_a_written_design_loads_and_has_the_chosen_bank(run, tmp_path, base):
    path = tmp_path / "chosen.toml"
    status, out, _ = run("explore", base, "--limit", "read_cycle_ns<2.35", "--write", path, "--json")
    chosen, design = json.loads(out)["chosen"], load_design(path)
    assert status == 0
    bank = weight_bank(design, load_sheets(design))
    assert bank.read_cycle * 1e9 == pytest.approx(chosen["read_cycle_ns"], rel=1e-6) and bank.read_cycle < 2.35e-9
    assert bank.area * 1e6 == pytest.approx(chosen["area_mm2"], rel=1e-6)
    assert (design.memory.rows, design.memory.mux) == (chosen["rows"], chosen["mux"])
    assert design.tile == load_design(base).tile
    assert build_tile(design).bank == bank


def test_a_written_design_may_be_of_another_node(run, tmp_path):
    path = tmp_path / "other.toml"
    assert run("explore", "mram-22nm", "--node", "16nm", "--write", path)[0] == 0
    design = load_design(path)
    assert (design.sheets.technology, design.sheets.mtj) == ("16nm", bank_sheets("mram", "16nm").mtj.device.name)
    assert weight_bank(design, load_sheets(design)).read_cycle > 0


@pytest.mark.parametrize(("text", "bits"), [("1Mb", 2**20), ("2 MB", 2**24), ("4096b", 4096), ("1.5kb", 1536)])
def test_capacities(text, bits):
    assert parse_capacity(text) == bits


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("tmp = 1.8\n", "unknown key 'tmp': did you mean 'tmr'?"),
        ("tmr = '1.8'\n", "'tmr' is '1.8', but it must be a number above 0"),
        ("cell_area_um2 = 0.01\n", "cannot be drawn at 22nm: its gate and metal pitches take at least"),
        ("mtj = 'lowbarrier'\n", "the read margin is too small"),
        ("temperature_k = 85\n", "the temperature is 85 K, but"),
        ("rows = 2048\n", "2048 rows of 1 words are 2048 words, but the macro has 1024"),
        ("kind = 'mram'\n", "is not TOML"),
    ],
)
def test_a_wrong_query_ends_with_2_and_one_sentence(run, query, more, sentence):
    status, out, err = run("macro", query(more), "--json")
    assert (status, out) == (2, "")
    assert err.startswith("spinstream: ") and sentence in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["macro", "nothing"], "there is no query 'nothing': those that ship are mram-1mb-22nm"),
        (["macro", "/nowhere/x.toml"], "cannot be read (No such file or directory)"),
        (["explore", "--node", "23nm"], "no technology sheet is called '23nm'"),
        (["explore", "--kind", "dram"], "'dram'"),
        (["explore", "--temperature", "25"], "the temperature is 25 K"),
        (["explore", "--capacity", "1.3b"], "--capacity is '1.3b', but it must be a whole number of bits"),
        (["explore", "--capacity", "64b"], "a word of 264 bits is wider than the array of 64 bits"),
        (["explore", "--capacity", "1kb", "--word-bits", "64", "--banks", "16"], "fewer than the 16"),
        (["explore", "--word-bits", "0"], "--word-bits is 0, but must be at least 1"),
        (["explore", "--limit", "read_acces_ns<3"], "no figure 'read_acces_ns': did you mean 'read_access_ns'?"),
        (["explore", "--limit", "read_access_ns=3"], "--limit is 'read_access_ns=3', but it must be"),
        (["explore", "--objective", "speed"], "there is no figure 'speed'"),
        (["explore", "--write", "x.toml", "--word-bits", "64"], "--write needs words of 264 bits"),
        (["explore", "--write", "x.toml", "--banks", "2"], "--write chooses one of a lane"),
        (["explore", "--write", "x.toml", "--check-bits", "0"], "--write needs the lane's 10 check bits a word"),
        (["explore", "--write", "x.toml", "--limit", "read_access_ns<0"], "no point is within the limits"),
        (["explore", "--plot", "x.foo"], "picture x.foo must end in a kind that can be drawn"),
        (["explore", "none"], "there is no design 'none'"),
    ],
)
def test_other_mistakes_end_with_2_and_one_sentence(run, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    status, _, err = run(*arguments)
    assert status == 2
    last = err.splitlines()[-1]
    assert last.startswith("spinstream: ") and sentence in last and "Traceback" not in err
    assert not list(tmp_path.iterdir())
