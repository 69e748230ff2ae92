"""Coverage of a small module: exactly the lines, branches and bits that its bench reaches."""

import pytest

from sim.cache import cache_root
from testbench.coverage import read_coverage
from testbench.runner import build, run

SOURCE = """module top(input clk, input [3:0] a, output reg [3:0] y);
    always @(posedge clk)
        if (a[3]) y <= 4'd0;
        else y <= a;
endmodule
"""
PROCESS = """    reg \\$auto$verilog_backend.cc:2355:dump_module  = 0;
    reg n;
    always_comb begin
        if (\\$auto$verilog_backend.cc:2355:dump_module ) begin end
        n = ~a[0];
    end
endmodule
"""


@pytest.fixture(scope="module")
def covered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coverage")
    (folder / "top.sv").write_text(SOURCE.replace("endmodule\n", PROCESS))
    simulator = build(
        sources=[folder / "top.sv"], toplevel="top", simulator="verilator", cache_root=cache_root() / "simulators",
        public=["clk", "a", "y"], coverage=True,
    )  # fmt: skip
    run(simulator, run_folder=folder, test_module="tests.coverage_bench")
    return {(one.module, one.kind): one for one in read_coverage(folder / "coverage.dat", [folder / "top.sv"])}


def test_a_branch_that_is_not_taken_is_not_reached(covered):
    """`a` stays below 8: of the if, one branch is reached."""
    branches = covered["top", "branch"]
    assert (branches.points, branches.reached) == (2, 1)


def test_bits_that_go_up_and_down_are_reached(covered):
    """Of clk, a, y and n, bits up and down; `a[3]` and so `y[3]` never move, and Yosys's register does not count."""
    toggles = covered["top", "toggle"]
    assert (toggles.points, toggles.reached) == (20, 16)
