"""A tile, or several, behind the host interface: tokens of the golden, words and cycles of the schedule, over AXI."""

import json

import pytest

from rtl.host.top import TOP
from sim.accounts import events
from sim.cache import cache_root
from sim.checkpoint import load_model
from sim.compiler import compile_model, quantise_model
from sim.design import load_design
from sim.generate import hosted_verilog, verilog
from sim.golden import greedy
from sim.tile import build_tile
from sim.timing import emission_cycles
from testbench.host import PUBLIC
from testbench.runner import build, run

PROMPT, TOKENS = "The king", 2


@pytest.mark.slow
@pytest.mark.parametrize("design", ["mram-22nm", "mram-22nm-4tiles"])
def test_a_decode_over_axi(design, tmp_path):
    config = build_tile(load_design(design)).config
    model = load_model("verse")
    integers = quantise_model(model, config.context)
    program = compile_model(model, config, integers)
    prompt = model.tokenizer.encode(PROMPT)
    total = len(prompt) + TOKENS - 1
    for name, text in {**verilog(config), **hosted_verilog(config)}.items():
        (tmp_path / name).write_text(text)
    program.write_images(tmp_path, TOP)
    sources = [tmp_path / name for name in (*verilog(config), *hosted_verilog(config))]
    simulator = build(
        sources=sources, toplevel=TOP, simulator="verilator", cache_root=cache_root() / "simulators", clock=None,
        public=PUBLIC, no_inline=("lane", "tile") if config.tiles > 1 else ("lane",),
    )  # fmt: skip
    request = {"prompt": prompt, "total": total, "vocabulary": program.vocabulary, "epsilon": program.epsilon}
    (tmp_path / "request.json").write_text(json.dumps({**request, "seed": 4, "stalls": 0.3}))
    run(simulator, run_folder=tmp_path, test_module="testbench.bench_hosted_tile", timeout=900)
    observed = json.loads((tmp_path / "observed.json").read_text())
    first = len(prompt) - 1
    reads = sum(
        events(program.queues, config, position, emits=position >= first)["weight reads"] for position in range(total)
    )
    for one in (observed["first"], observed["second"]):
        assert one["tokens"] == greedy(integers, prompt, TOKENS)
        assert one["counters"]["cycles"] == emission_cycles(program.queues, config, first + 1, total)[-1]
        assert one["counters"]["weight_words"] == reads
        assert (one["counters"]["tokens"], one["counters"]["uncorrectable_words"]) == (TOKENS, 0)
        assert one["events"] == ["done"]
