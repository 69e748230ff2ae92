"""What a decode reaches of the hardware: lines, branches and bits that went up or down, by module.

``python docs/gateware_coverage.py [DESIGN] [TOKENS]`` builds the design's tile with Verilator's coverage, lets it
decode the shipped model, checks tokens against the golden model and prints a table. It takes some minutes.
"""

import json
import sys
import tempfile
from pathlib import Path

from rtl.export.verilog import top
from sim.cache import cache_root
from sim.checkpoint import load_model
from sim.compiler import compile_model, quantise_model
from sim.decode import write_request
from sim.design import load_design
from sim.generate import verilog
from sim.golden import greedy
from sim.tile import build_tile
from testbench.bench_decode import PUBLIC
from testbench.coverage import Covered, read_coverage
from testbench.runner import build, run

KINDS = ("line", "branch", "toggle")
MODELS = ("sram", "weight_bank", "clock_gate")
"""Behavioural models of macros: not hardware of ours."""


def decode(design: str, tokens: int, folder: Path) -> list[Covered]:
    """Decode in a folder, and read what was reached."""
    config, model = build_tile(load_design(design)).config, load_model("verse")
    integers, prompt = quantise_model(model, config.context, config.format), model.tokenizer.encode("The king")
    program, sources = compile_model(model, config, integers), []
    for name, text in verilog(config).items():
        sources.append(folder / name)
        sources[-1].write_text(text)
    write_request(program, folder, prompt=prompt, total=len(prompt) + tokens - 1)
    simulator = build(
        sources=sources, toplevel=top(config), simulator="verilator", cache_root=cache_root(), public=PUBLIC,
        no_inline=("lane",), coverage=True,
    )  # fmt: skip
    run(simulator, run_folder=folder, test_module="testbench.bench_decode")
    assert json.loads((folder / "observed.json").read_text())["tokens"] == greedy(integers, prompt, tokens)
    return read_coverage(folder / "coverage.dat", sources)


def show(found: list[Covered]) -> None:
    """A line a module and one for all, with the share of each kind that was reached."""
    by_module: dict[str, dict[str, Covered]] = {}
    for one in found:
        if one.module.split("__")[0] not in MODELS:
            by_module.setdefault(one.module, {})[one.kind] = one
    print("| Module | " + " | ".join(f"{kind}: points | reached" for kind in KINDS) + " |")
    print("|---|" + "---|---|" * len(KINDS))
    for module, kinds in by_module.items():
        print(f"| `{module}` | " + " | ".join(_cells(kinds[kind]) if kind in kinds else " | " for kind in KINDS) + " |")
    every = [[one for kinds in by_module.values() for one in kinds.values() if one.kind == kind] for kind in KINDS]
    print("| all | " + " | ".join(_share(sum(o.points for o in s), sum(o.reached for o in s)) for s in every) + " |")


def _cells(one: Covered) -> str:
    return _share(one.points, one.reached)


def _share(points: int, reached: int) -> str:
    return f"{points:,} | {reached / max(points, 1):.1%}"


def main():
    """Print the table."""
    design = sys.argv[1] if len(sys.argv) > 1 else "mram-22nm"
    tokens = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    with tempfile.TemporaryDirectory() as folder:
        show(decode(design, tokens, Path(folder)))


if __name__ == "__main__":
    main()
