"""The synthesis report: sums and ranges by hand, the node's mapping, and the command around it."""

import dataclasses
import json
import math

import pytest

from devicemodels.errors import UserError
from devicemodels.technology import load_technology
from devicemodels.transistor import fo4_at, leakage_scale
from rtl.memory.macros import model_sources
from sim.__main__ import main
from sim.design import load_design
from sim.physical import Physical, estimate, max_clock
from sim.synth import report, spreads
from sim.synth.spread import within
from sim.synthesis import ModuleGates, Synthesis
from sim.tile import build_tile

NODE = load_technology("22nm").device


@pytest.fixture(scope="module")
def tile():
    return build_tile(load_design("sram-22nm"))


def physical(tile, *modules: tuple[str, int, float, int, float]) -> Physical:
    """A tile of modules (name, count, gates, flops, depth)."""
    keys = ("name", "count", "nand2_equivalents", "flops", "depth_fo4")
    gates = tuple(ModuleGates(**dict(zip(keys, values, strict=True))) for values in modules)
    synthesis = Synthesis(modules=gates, depth_fo4=max(module.depth_fo4 for module in gates), tool="by hand")
    return Physical(tile=tile, synthesis=synthesis, area={}, max_clock_hz=max_clock(tile, synthesis))


def test_blocks_sum_to_the_node_and_to_the_tile(tile):
    found = report("d", physical(tile, ("lane.dot_0", 8, 100.0, 10, 40.0), ("tile", 1, 50.0, 7, 60.0)), activity=0.2)
    assert [(block.name, block.count, block.nand2_equivalents, block.flops) for block in found.blocks] == [
        ("lane.dot", 8, 800.0, 80),
        ("tile", 1, 50.0, 7),
    ]
    assert found.nand2_equivalents == 850 and found.flops == 87
    assert sum(block.area for block in found.blocks) == pytest.approx(850 * NODE.nand2_area / 0.7)
    assert sum(block.area for block in found.blocks) == pytest.approx(found.node.logic_area.value)
    assert found.tile_area.value == pytest.approx(tile.macro_area + found.node.logic_area.value)
    leakage = 850 * NODE.nand2_leakage * leakage_scale(NODE, temperature=tile.temperature)
    switching = (850 * 0.2 + 87) * NODE.nand2_energy * tile.clock_hz
    assert found.node.power == pytest.approx(switching + leakage)
    assert sum(block.power for block in found.blocks) == pytest.approx(found.node.power)


def test_the_deepest_block_or_the_slowest_memory_sets_the_clock(tile):
    deep = report("d", physical(tile, ("a_3", 2, 1.0, 1, 90.0), ("b", 1, 1.0, 1, 5.0)))
    period = (90 + NODE.flop_overhead_fo4) * fo4_at(NODE, temperature=tile.temperature) / (1 - NODE.clock_margin)
    assert deep.limit == "a"
    assert deep.max_clock_hz == pytest.approx(1 / period) == pytest.approx(deep.node.logic_clock.value)
    assert not deep.clock_met
    shallow = report("d", physical(tile, ("a", 1, 1.0, 1, 1.0)))
    slowest = max(tile.srams, key=lambda name: tile.srams[name].macro.read_access)
    assert shallow.limit == f"{slowest} memory"
    assert shallow.max_clock_hz < shallow.node.logic_clock.value


def test_names_lose_their_number_only_where_they_stay_apart(tile):
    names = ("lane.word_1", "lane.word_2", "tile.embedding$117", "tile.stage_9")
    found = report("d", physical(tile, *((name, 1, 1.0, 1, 1.0) for name in names)))
    assert [block.name for block in found.blocks] == ["lane.word_1", "lane.word_2", "tile.embedding", "tile.stage"]


def test_another_node_maps_the_same_gates(tile):
    dense = dataclasses.replace(NODE, name="dense", nand2_area=NODE.nand2_area / 2, fo4_delay=NODE.fo4_delay / 2)
    found = report("d", physical(tile, ("a", 4, 250.0, 30, 50.0)), others=[dense])
    (other,) = found.others
    assert other.name == "dense"
    assert other.logic_area.value == pytest.approx(found.node.logic_area.value / 2)
    assert other.logic_clock.value == pytest.approx(found.node.logic_clock.value * 2)
    assert other.power == pytest.approx(found.node.power)


def test_every_range_holds_its_value_and_follows_from_the_sheet():
    by_name = {spread.quantity: spread for spread in spreads(NODE)}
    for spread in by_name.values():
        assert spread.low <= spread.value <= spread.high
        assert spread.area[0] <= 1 <= spread.area[1] and spread.period[0] <= 1 <= spread.period[1]
        assert spread.source and spread.where and spread.kind == "assumed"
    gate = by_name["NAND2 area"]
    assert (gate.low, gate.high) == pytest.approx((3 * 110e-9 * 86e-9 * 6, 3 * 110e-9 * 86e-9 * 9))
    delay = by_name["FO4 delay at 300 K"]
    assert (delay.low, delay.high) == pytest.approx((0.36e-3 * 28e-9, 0.5e-3 * 28e-9))
    assert by_name["placement utilisation"].area == pytest.approx((0.7 / 0.8, 0.7 / 0.6))


def test_a_sheet_outside_the_usual_range_widens_it():
    odd = dataclasses.replace(NODE, placement_utilisation=0.9, nand2_area=1e-12, fo4_delay=50e-12)
    for spread in spreads(odd):
        assert spread.low <= spread.value <= spread.high


def test_independent_doubts_add_as_squares_of_logarithms():
    assert vars(within(5.0, [(0.5, 3.0)])) == pytest.approx({"value": 5.0, "low": 2.5, "high": 15.0})
    both = within(1.0, [(0.5, 2.0), (0.5, 2.0)])
    assert both.high == pytest.approx(2 ** math.sqrt(2)) == pytest.approx(1 / both.low)
    assert vars(within(2.0, [])) == {"value": 2.0, "low": 2.0, "high": 2.0}


@pytest.mark.parametrize("activity", [0.0, -0.1, 1.5, math.nan])
def test_an_impossible_activity_is_refused(tile, activity):
    with pytest.raises(UserError, match=r"--activity is \S+, but it is the share .* above 0, at most 1"):
        report("d", physical(tile, ("a", 1, 1.0, 1, 1.0)), activity=activity)


def test_yosys_counts_a_tile_whose_flops_a_hand_can_count(tile, tmp_path, monkeypatch):
    monkeypatch.setenv("SPINSTREAM_CACHE", str(tmp_path))
    text = "module tile(input clk, input [7:0] d, output reg [7:0] q); always @(posedge clk) q <= d; endmodule"
    found = report("d", estimate(tile, {"tile.sv": text, **model_sources()}))
    (block,) = found.blocks
    assert (block.name, block.flops, block.nand2_equivalents) == ("tile", 8, pytest.approx(8 * 17 / 3))


@pytest.fixture
def synth(capsys, monkeypatch, tmp_path, tile):
    """The command with Yosys stood in for, in an empty folder: status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sim.generate.verilog", lambda config: {})

    def run(*arguments: str, depth: float = 40.0) -> tuple[int, str, str]:
        stand_in = physical(tile, ("lane", 8, 1e4, 500, depth), ("tile", 1, 3e4, 900, 5.0))
        monkeypatch.setattr("sim.physical.estimate", lambda tile, sources: stand_in)
        with pytest.raises(SystemExit) as left:
            main(["synth", *arguments])
        streams = capsys.readouterr()
        return left.value.code, streams.out, streams.err

    return run


def test_the_command_shows_blocks_ranges_and_their_sources(synth):
    status, out, _ = synth("sram-22nm", "--plot")
    assert status == 0
    for text in ("110,000", "4,900", "weight banks", "850 MHz: reached", "from memory", "sram-22nm-area.svg"):
        assert text in out


def test_json_is_one_object_that_sums(synth, tmp_path):
    status, out, _ = synth("sram-22nm", "--json", "--plot", "--activity", "0.1", "--technology", "22nm")
    found = json.loads(out)
    assert status == 0 and out.count("\n") == 1
    assert found["activity"] == 0.1
    assert sum(block["nand2_equivalents"] for block in found["blocks"]) == found["nand2_equivalents"] == 110_000
    assert found["others"][0]["logic_area"] == found["node"]["logic_area"]
    assert found["plot"] == "sram-22nm-area.svg" and (tmp_path / found["plot"]).read_text().startswith("<?xml")


def test_a_clock_that_the_logic_does_not_reach_fails(synth):
    status, out, _ = synth("sram-22nm", depth=100.0)
    assert status == 1
    assert "850 MHz: NOT reached" in out and "through lane" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mram-2nm"], "there is no design 'mram-2nm'"),
        (["--technology", "2nm"], "2nm"),
        (["--activity", "2"], "--activity is 2, but"),
        (["--activity", "much"], "should be a valid number"),
    ],
)
def test_a_wrong_use_is_one_sentence_and_status_2(synth, arguments, message):
    status, out, err = synth(*arguments)
    assert (status, out) == (2, "")
    assert message in err and len(err.strip().splitlines()) == 1
