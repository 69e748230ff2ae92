"""Gate counts and depths: exact where a hand can count, in argued intervals where a mapper has its freedom."""

import re
from pathlib import Path

import pytest

from rtl.export.sharing import share_identical
from sim import cells, path_depth
from sim.synthesis import Synthesis, SynthesisError, synthesise

FLOP = 17 / 3

REGISTERED = """
module {name}(input clk, input signed [7:0] a, input signed [7:0] b, output reg signed [15:0] y);
  reg signed [7:0] x, z;
  initial begin x = 0; z = 0; y = 0; end
  always @(posedge clk) begin x <= a; z <= b; y <= {expression}; end
endmodule
"""


def gates(text: str, top: str, folder: Path, **more: object) -> Synthesis:
    """Synthesises one source with an empty cache."""
    return synthesise(sources={"design.v": text}, top=top, cache_root=folder, **more)


def test_a_register_is_its_flops(tmp_path: Path) -> None:
    text = "module r(input clk, input [7:0] d, output reg [7:0] q); always @(posedge clk) q <= d; endmodule"
    found = gates(text, "r", tmp_path)
    assert found.flops == 8
    assert found.nand2_equivalents == pytest.approx(8 * FLOP)
    assert found.depth_fo4 < 0.3


def test_a_counter_has_a_flop_and_a_half_adder_a_bit(tmp_path: Path) -> None:
    text = """module counter(input clk, input rst, output reg [7:0] q); initial q = 0;
    always @(posedge clk) if (rst) q <= 0; else q <= q + 1; endmodule"""
    found = gates(text, "counter", tmp_path)
    assert found.flops == 8
    logic = found.nand2_equivalents - 8 * FLOP
    # A bit needs an exclusive or (2 NAND2), a carry (1 to 2) and a reset gate (1); the first bit less.
    assert 7 * 2.5 < logic < 8 * 6
    # Eight bits of carry in a tree of at least three levels, plus sum and reset.
    assert 4 < found.depth_fo4 < 12


def test_an_adder_costs_some_full_adders(tmp_path: Path) -> None:
    found = gates(REGISTERED.format(name="adder", expression="x + z"), "adder", tmp_path)
    # 16 input flops and 9 sum bits, of which the sign repeats into the upper half of y.
    logic = found.nand2_equivalents - found.flops * FLOP
    assert 16 + 9 <= found.flops <= 32
    # A full adder is 5.3 NAND2 in a library that has one and about 9 without; a fast carry adds half.
    assert 8 * 5 < logic < 8 * 15
    # Eight bits: three levels of carry tree at 1 to 2 FO4 and two exclusive ors of about 2.
    assert 5 < found.depth_fo4 < 14


def test_a_multiplier_costs_some_sixty_full_adders(tmp_path: Path) -> None:
    found = gates(REGISTERED.format(name="multiplier", expression="x * z"), "multiplier", tmp_path)
    logic = found.nand2_equivalents - found.flops * FLOP
    assert found.flops == 32
    # An array has 64 product bits and 56 adders of 5.3 to 9 NAND2; Booth's recoding halves the rows and adds recoders.
    assert 250 < logic < 700
    # Recoding, at least two levels of carry-save adders (4 FO4 each) and a 16-bit carry chain.
    assert 15 < found.depth_fo4 < 40


CHILD = """
module \\child_{n} (input clk, input [7:0] a, output [7:0] y);
  assign y = a + 8'd77;
endmodule
"""
PARENT = (
    CHILD.format(n=0)
    + CHILD.format(n=1)
    + """
module parent(input clk, input [7:0] d, output reg [7:0] q);
  reg [7:0] x;
  wire [7:0] one, two;
  \\child_0  first (.clk(clk), .a(x), .y(one));
  \\child_1  second (.clk(clk), .a(one), .y(two));
  always @(posedge clk) begin x <= d; q <= two; end
endmodule
"""
)


def test_equal_modules_are_one_and_paths_go_through_them(tmp_path: Path) -> None:
    found = gates(PARENT, "parent", tmp_path)
    counts = {module.name: module.count for module in found.modules}
    assert counts == {"parent": 1, "child_0": 2}
    assert found.flops == 16
    once = gates(PARENT.replace(".a(one)", ".a(~x)"), "parent", tmp_path)
    # Two adders one after the other take about twice as long as one.
    assert 1.6 * once.depth_fo4 < found.depth_fo4 < 2.4 * once.depth_fo4
    # Of the two adders side by side nobody reads one, which is left out; an inverter a bit comes in.
    child = next(module.nand2_equivalents for module in found.modules if module.name == "child_0")
    assert found.nand2_equivalents - once.nand2_equivalents == pytest.approx(child - 8 * 2 / 3, rel=0.3)


def test_memories_are_black_boxes(tmp_path: Path) -> None:
    memory = """module memory #(parameter WORDS = 4) (input clk, input [7:0] address, output reg [7:0] data);
      string name; reg [7:0] words [0:WORDS-1]; initial $readmemh("nowhere.hex", words);
      always @(posedge clk) data <= words[address]; endmodule"""
    user = """module user(input clk, output reg [7:0] q); wire [7:0] d; reg [7:0] a = 0;
      memory #(.WORDS(256)) m(.clk(clk), .address(a), .data(d));
      always @(posedge clk) begin a <= a + 1; q <= ~d; end endmodule"""
    both = {"user.v": user, "memory.sv": memory}
    found = synthesise(sources=both, top="user", cache_root=tmp_path, blackboxes=["memory"])
    assert [module.name for module in found.modules] == ["user"]
    assert found.flops == 16
    with pytest.raises(ValueError, match=r"no source defines the black boxes \['elsewhere'\]"):
        synthesise(sources=both, top="user", cache_root=tmp_path, blackboxes=["elsewhere"])
    with pytest.raises(ValueError, match=r"black boxes share a file with other modules: \['design.v'\]"):
        gates(f"{user}\n{memory}", "user", tmp_path, blackboxes=["memory"])


def test_what_no_gate_can_do_is_refused(tmp_path: Path) -> None:
    latch = "module latch(input e, input d, output reg q); always @* if (e) q = d; endmodule"
    with pytest.raises(SynthesisError, match="D latches are not supported"):
        gates(latch, "latch", tmp_path)
    pad = "(* blackbox *) module pad(input a, output y); endmodule "
    with pytest.raises(SynthesisError, match="module user has cells that no gate can do: pad"):
        gates(f"{pad}\nmodule user(input a, output y); pad p(.a(a), .y(y)); endmodule", "user", tmp_path)
    with pytest.raises(SynthesisError, match="syntax error"):
        gates("module broken(; endmodule", "broken", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_second_time_is_taken_from_the_cache(tmp_path: Path) -> None:
    said: list[str] = []
    text = REGISTERED.format(name="both", expression="x & z")
    first = gates(text, "both", tmp_path, progress=said.append)
    assert gates(text, "both", tmp_path, progress=said.append) == first
    assert said == ["Yosys counts the gates of both"]


# --- the library and the paths


def test_an_inverter_that_drives_four_takes_one_fo4() -> None:
    def inverter(a: int, y: int) -> dict[str, object]:
        return {"type": "INV_X1", "connections": {"A": [a], "Y": [y]}}

    nets = [(1, 2), (2, 3), (2, 4), (2, 5), (2, 6), (3, 7)]
    module: dict[str, object] = {
        "ports": {"a": {"direction": "input", "bits": [1]}, "y": {"direction": "output", "bits": [7]}},
        "cells": {f"i{n}": inverter(a, y) for n, (a, y) in enumerate(nets)},
    }
    model = path_depth.models({"chain": module}, "chain")["chain"]
    # i0 drives four: 1. i1 drives i5 alone and i5 the port: (1 + 1) / 5 each.
    assert model.through["y", 0]["a", 0] == pytest.approx(1 + 0.4 + 0.4)
    assert model.inside == 0


def test_a_loop_of_gates_is_refused() -> None:
    module = {"ports": {}, "cells": {"i": {"type": "INV_X1", "connections": {"A": [2], "Y": [2]}}}}
    with pytest.raises(ValueError, match="a loop of gates"):
        path_depth.models({"ring": module}, "ring")


def test_library_areas_are_those_of_its_text() -> None:
    text = cells.liberty()
    found = dict(re.findall(r"cell \((\w+)\) \{\s*area : ([\d.]+);", text))
    assert {name: float(area) for name, area in found.items()} == pytest.approx(cells.areas(), abs=1e-4)
    assert cells.areas()["NAND2_X1"] == 1
    assert text.count("{") == text.count("}")


def test_share_identical_follows_equal_children() -> None:
    text = "".join(f"module \\leaf{n} (a);\n  x{0} y(a);\nendmodule\n" for n in (0, 1))
    text += "".join(f"module \\mid{n} (a);\n  \\leaf{n}  l(a);\nendmodule\n" for n in (0, 1))
    text += "module top(a);\n  \\mid0  m0(a);\n  \\mid1  m1(a);\nendmodule\n"
    shared = share_identical(text)
    assert shared.count("endmodule") == 3
    assert "\\mid0  m1(a)" in shared and "\\leaf1" not in shared and "\\mid1" not in shared
