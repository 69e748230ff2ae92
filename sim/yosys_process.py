"""Maps Verilog to gates with Yosys and ABC in a process of its own: `python -m sim.yosys_process REQUEST.json`.

The request holds `top`, `sources` and `libraries` (lists of Verilog files; of the latter only the ports are read),
`liberty` and `constraints` (files) and `netlist` (the JSON file to write). Modules stay as they are.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pyosys import libyosys

from testbench.process import end_with_parent

COARSE = (
    "proc; opt_expr; opt_clean; opt -nodffe -nosdff; wreduce; peepopt; opt_clean; booth; alumacc; opt_clean; "
    "memory_collect; memory_map; opt_expr -undriven -fine; opt_clean; techmap"
)
"""From Verilog to single-bit gates: `synth -noabc -booth` without the passes that ABC makes superfluous, which take
most of the time on multipliers."""

ABC = "+strash;&get,-n;&nf;&put;buffer,-c;topo;upsize;dnsize;stime"
"""Maps for area on critical-path slack, then buffers and sizes. On a 40 x 16 multiplier it gives two thirds of the
area of `dch;map,-B,0.9` at 7 % more delay in half the time; the default script takes minutes."""


def main() -> None:
    """Synthesises what the request file asks for."""
    end_with_parent()
    request: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    design = libyosys.Design()

    def run(commands: str) -> None:
        for command in commands.split("; "):
            libyosys.run_pass(command, design)

    for path in request["libraries"]:
        run(f"read_verilog -sv -lib {path}")
    for path in request["sources"]:
        run(f"read_verilog -sv {path}")
    run(f"hierarchy -check -top {request['top']}")
    run(COARSE)
    run(f"dfflibmap -liberty {request['liberty']}; opt_clean")
    run(f"abc -liberty {request['liberty']} -constr {request['constraints']} -script {ABC}")
    run(f"opt_clean -purge; write_json -noscopeinfo {request['netlist']}")


if __name__ == "__main__":
    main()
