"""Maps Verilog to gates with Yosys and ABC in a process of its own: `python -m sim.yosys_process REQUEST.json`.

The request holds `top`, `sources` and `libraries` (lists of Verilog files; of the latter only the ports are read),
`separate` (modules that stay apart), `liberty` and `constraints` (files) and `statistics` (the file to write).
Standard output is Yosys' log, with a line `@module NAME` before ABC's work on each module.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from pyosys import libyosys

from testbench.process import end_with_parent

COARSE = (
    "proc; flatten; opt_expr; opt_clean; opt -nodffe -nosdff; wreduce; peepopt; opt_clean; booth; alumacc; share; opt; "
    "memory -nomap; opt_clean; memory_map; opt_expr -undriven -fine; opt_clean; techmap; opt_clean"
)
"""From Verilog to single-bit gates: `synth -flatten -noabc -booth` without the passes that ABC makes superfluous,
which take most of the time on multipliers."""

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
    for name in _modules(design):
        if _is_one_of(name, request["separate"]):
            run(f"setattr -mod -set keep_hierarchy 1 {name}")
    run(COARSE)
    run(f"dfflibmap -liberty {request['liberty']}; opt_clean")
    for name in _modules(design):
        print(f"@module {name}", flush=True)
        run(f"abc -liberty {request['liberty']} -constr {request['constraints']} -script {ABC} {name}")
    run(f"opt_clean -purge; check; tee -q -o {request['statistics']} stat -json")


def _modules(design: libyosys.Design) -> list[str]:
    """Names of the modules that have logic, as Yosys' commands take them."""
    return [str(module.name) for module in design.modules_.values() if not module.get_blackbox_attribute()]


def _is_one_of(name: str, wanted: list[str]) -> bool:
    """Whether a module is one of the wanted, also as an instance with parameters (`$paramod\\lane\\WIDTH=...`)."""
    return any(re.fullmatch(rf"(\$paramod.*)?\\{re.escape(module)}(\\.*)?", name) for module in wanted)


if __name__ == "__main__":
    main()
