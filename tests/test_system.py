"""Machines, models and requests: limits, monotony, capacity, mixtures, workloads, claims."""

import json
from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devicemodels.errors import UserError
from devicemodels.quantities import KINDS
from sim.system import Request, answer, ask, build_system, check_claim, evaluate, load_machine, load_model
from sim.system.evaluate import as_dict
from sim.system.limits import speed_of_light
from sim.system.machine import CATALOGUE, engine_sheet, machine_names, machine_sheet, own_design
from sim.system.mixed import halves
from sim.system.model import TABLE, model_names
from sim.system.plan import fewest_chips
from sim.system.rate import decode_step, kv_room, kv_time, prefill_time, ring, weight_bytes
from sim.system.serve import accepted_tokens, serve, token_time, user_bytes
from sim.system.workload import WORKLOADS, load_workload

SHEETS = [name for name in machine_names() if not own_design(name)]
GPUS = ("a100", "h100", "gh200", "h200", "b200")
SHORT = Request(input=512, output=512)
LONG = Request(input=10**6, output=1)
REFERENCES = (Path(__file__).parent.parent / "docs" / "references.bib").read_text(encoding="utf-8")


# What the data say.


@pytest.mark.parametrize("name", SHEETS)
def test_every_number_of_a_machine_has_a_source_that_is_listed_and_a_kind(name):
    sheets = [machine_sheet(name)] + [engine_sheet(name, engine) for engine in CATALOGUE[name]["engines"]]
    for sheet in sheets:
        for origin in sheet.origins.values():
            assert f"{{{origin.source}," in REFERENCES
            assert origin.kind in KINDS and origin.where


@pytest.mark.parametrize("name", model_names())
def test_every_model_has_a_source_that_is_listed(name):
    assert f"{{{TABLE[name]['source']}," in REFERENCES
    assert TABLE[name]["kind"] in KINDS and TABLE[name]["where"]


# Published totals, in billions of weights.
@pytest.mark.parametrize(
    ("name", "total", "active"),
    [("llama-2-7b", 6.74, None), ("llama-3-8b", 8.03, None), ("llama-3-70b", 70.6, None), ("llama-3-405b", 405.9, None),
     ("mistral-7b", 7.24, None), ("mixtral-8x7b", 46.7, 12.9), ("qwen2-7b", 7.62, None), ("qwen2-72b", 72.7, None),
     ("smollm2-135m", 0.1345, None), ("smollm2-1.7b", 1.71, None), ("nemotron-3-super-120b", 120, 12.7)],
)  # fmt: skip
def test_sizes_give_the_published_number_of_weights(name, total, active):
    model = load_model(name)
    assert model.parameters / 1e9 == pytest.approx(total, rel=0.02)
    if active:
        assert (model.active_parameters + model.vocab * model.dim) / 1e9 == pytest.approx(active, rel=0.06)


def test_kv_of_published_models():
    assert load_model("llama-2-7b").kv_bytes(16) == 2**19
    assert load_model("llama-3-70b").kv_bytes(16) == 80 * 2 * 8 * 128 * 2
    assert load_model("nemotron-3-super-120b").kv_bytes(16) == 8 * 2**10


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("h100", 0.0041, 0.0042), ("h200", 0.0058, 0.0060), ("groq-v1", 0.10, 0.12), ("wse-3", 0.45, 0.46)],
)
def test_bandwidth_over_die_area(name, low, high):
    assert low < load_machine(name).density / 1e18 < high


def test_an_h100_with_its_stacks_has_the_two_to_three_thousandths_that_spinpu_gives_it():
    machine = load_machine("h100")
    assert 0.002 < machine.bandwidth / machine.package_area / 1e18 < 0.003


# Limits of the equations.


@pytest.mark.parametrize("name", GPUS)
def test_without_overheads_a_token_takes_its_bytes(name):
    system = build_system(name, "llama-3-8b")
    bare = replace(
        system.engine, layer_time=0, sync_time=0, step_time=0, sequence_time=0, attention_cycles=0, bandwidth_fraction=1
    )
    step = decode_step(replace(system, engine=bare), sequences=1, context=0)
    weights = (8.03e9 - 128256 * 4096) * 2
    assert step.total == pytest.approx(weights / system.machine.bandwidth, rel=1e-3)
    assert step.layers == step.sync == 0


@pytest.mark.parametrize("name", ["h100", "groq-v1", "sn40l", "lpx", "mi300x"])
def test_terms_sum_to_the_time_of_a_token(name):
    one = answer(name, "llama-3-70b", SHORT)
    assert sum(one.terms().values()) == pytest.approx(one.token)
    values = as_dict(one)
    assert values["tokens_per_s_per_user"] * values["ms_per_token"] == pytest.approx(1000)


systems = st.builds(
    lambda name, model, doubling: build_system(
        name, model, chips=fewest_chips(build_system(name, model), 8192) * doubling
    ),
    st.sampled_from([*GPUS, "groq-v1", "lp30", "rubin", "sn40l"]),
    st.sampled_from(["llama-3-8b", "llama-3-70b", "mixtral-8x7b", "nemotron-3-super-120b"]),
    st.sampled_from([1, 2]),
)


@settings(max_examples=60, deadline=None)
@given(systems, st.integers(1, 64), st.integers(1, 4096))
def test_more_users_or_context_never_make_a_step_faster_nor_beat_light(system, users, context):
    step = decode_step(system, sequences=users, context=context)
    assert decode_step(system, sequences=users + 1, context=context).total >= step.total
    assert decode_step(system, sequences=users, context=context + 1).total >= step.total
    assert decode_step(system, sequences=users + 1, context=context).total <= 2 * step.total
    request = Request(input=context, output=64)
    assert serve(system, request).latency > speed_of_light(system, request)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 64))
def test_whoever_waits_for_memory_waits_longer(prompt, output, users):
    """On a machine whose memory is short the same request takes at least as long as where it is not."""
    small = build_system("a100", "llama-2-7b", chips=1, engine="vllm")
    roomy = replace(small, machine=replace(small.machine, memory=1e12))
    request = Request(input=prompt, output=output, users=users)
    assert serve(small, request).latency >= serve(roomy, request).latency * (1 - 1e-6)


def test_waves_take_as_long_as_their_parts():
    system = build_system("a100", "llama-2-7b", chips=1, engine="tensorrt-llm")
    room = int(kv_room(system) / user_bytes(system, 4096))
    one = Request(input=2048, output=2048, users=room)
    two = replace(one, users=2 * room)
    assert serve(system, two).latency == pytest.approx(2 * serve(system, one).latency)
    assert not evaluate(system, two).fits and evaluate(system, one).fits
    assert evaluate(system, two).service.together == room


def test_experts_are_read_as_often_as_they_are_chosen():
    model = load_model("mixtral-8x7b")
    assert model.streamed_parameters(1) == model.active_parameters
    everything = model.parameters - model.vocab * model.dim
    assert model.streamed_parameters(1000) == pytest.approx(everything)
    two = (model.streamed_parameters(2) - model.common_parameters) / model.expert_parameters
    assert two == pytest.approx(8 * (1 - 0.75**2))


def test_a_step_of_many_columns_reads_weights_once():
    system = build_system("h200", "llama-3-70b", chips=4)
    one, eight = (decode_step(system, sequences=1, context=1024, columns=columns) for columns in (1, 8))
    assert eight.weights == one.weights
    assert eight.total < 1.2 * one.total


@given(st.integers(1, 32), st.floats(0, 1))
def test_accepted_tokens_are_a_geometric_sum(columns, acceptance):
    assert accepted_tokens(columns, acceptance) == pytest.approx(sum(acceptance**n for n in range(columns)))


def test_speculation_of_one_column_is_none():
    system = build_system("h200", "llama-3-70b", chips=4)
    alone = decode_step(system, sequences=1, context=700).total
    assert token_time(system, SHORT, sequences=1, context=700) == alone


def test_ring_all_reduce():
    assert [ring(n) for n in (1, 2, 4)] == [0, 1, 1.5]


def test_pipelined_groups_do_not_hasten_one_user_but_serve_more():
    few, many = (build_system("groq-v1", "llama-2-70b", chips=chips) for chips in (400, 800))
    alone = [evaluate(system, SHORT).token for system in (few, many)]
    assert alone[1] == pytest.approx(alone[0], rel=0.02)
    crowd = replace(SHORT, users=40)
    together = [evaluate(system, crowd).tokens_per_s for system in (few, many)]
    assert together[0] == pytest.approx(40 / alone[0], rel=0.1)
    assert together[1] >= together[0] * 0.99


def test_kv_overflows_from_fast_memory_into_slow():
    system = build_system("groq-v1", "llama-3-70b")
    machine = replace(system.machine, overflow_memory=10e9, overflow_bandwidth=1e12)
    tiered = replace(system, machine=machine)
    full = kv_room(system) / user_bytes(system, 1)
    assert kv_time(tiered, 1, full) == kv_time(system, 1, full)
    slow = kv_time(tiered, 1, 2 * full) - kv_time(system, 1, full)
    expected = kv_room(system) / (tiered.tensor * machine.overflow_bandwidth * system.engine.bandwidth_fraction)
    assert slow == pytest.approx(expected)


def evicting(users, prompt=256, output=256):
    return build_system("a100", "qwen2-7b", chips=1, engine="vllm"), Request(input=prompt, output=output, users=users)


@pytest.mark.parametrize("users", [64, 900, 3000])
@pytest.mark.parametrize(("prompt", "output"), [(256, 256), (64, 4000)])
def test_evictions_cost_no_more_than_computing_everything_twice(users, prompt, output):
    """Between full batches without a pause and the same with every token of prompt and answer computed once more."""
    system, request = evicting(users, prompt, output)
    fitting = min(users, int(kv_room(system) / user_bytes(system, request.largest - output / 2)))
    step = token_time(system, request, sequences=fitting, context=prompt + output / 2)
    decode = users / fitting * output * step
    prefill = prefill_time(system, sequences=users, tokens=prompt)
    latency = serve(system, request).latency
    assert 0.85 * (decode + prefill) < latency
    assert latency < 1.3 * (decode + prefill + prefill_time(system, sequences=users, tokens=prompt + output))


def test_a_crowd_far_beyond_the_memory_takes_time_in_proportion_and_decodes_what_fits():
    system, million = evicting(10**6)
    service, twice = serve(system, million), serve(*evicting(2 * 10**6))
    assert twice.latency == pytest.approx(2 * service.latency, rel=0.01)
    assert service.together * user_bytes(system, 384) <= kv_room(system)


def test_more_groups_than_a_model_has_matrices_hold_no_token_up():
    machine, model = "lpx", "smollm2-1.7b"
    some, many = (build_system(machine, model, chips=8 * 7 * 24 * factor) for factor in (1, 1000))
    assert decode_step(many, sequences=1, context=99).sync == decode_step(some, sequences=1, context=99).sync


def test_a_rack_is_taken_whole():
    assert build_system("lpx", "llama-3-8b").chips == 256
    assert build_system("lpx", "llama-3-405b").chips == 4 * 256  # 405.8 GB of 128 GB each


@pytest.mark.parametrize(
    ("written", "meant"),
    [("H100", "h100"), ("wse3", "wse-3"), ("Groq_V1", "groq-v1"), ("groq", "groq-v1"), ("TPUv6e", "tpu-v6e"),
     ("Cerebras WSE-3", "wse-3"), ("B300", "gb300"), ("GB300", "gb300")],
)  # fmt: skip
def test_a_machine_is_known_however_it_is_spelt(written, meant):
    assert load_machine(written) == load_machine(meant)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Llama-3-8B", "llama-3-8b"), ("llama3.1-70b", "llama-3-70b"), ("Mixtral 8x7B", "mixtral-8x7b"),
     ("Qwen/Qwen2-7B", "qwen2-7b"), ("nemotron 3 super", "nemotron-3-super-120b")],
)  # fmt: skip
def test_a_model_is_known_however_it_is_spelt(written, meant):
    assert load_model(written) == load_model(meant)


def test_an_engine_is_known_however_it_is_spelt():
    assert build_system("h100", "llama-3-8b", engine="TensorRT_LLM").engine.name == "h100_tensorrt-llm"


@pytest.mark.parametrize("name", ["a100", "h100", "h200", "rubin"])
def test_refresh_moves_a_token_by_its_bytes_alone(name):
    one = ask(name, "llama-3-8b", SHORT)
    low, high = one["ms_per_token_band"]
    assert low < one["ms_per_token"] < high
    fraction = build_system(name, "llama-3-8b").engine.bandwidth_fraction
    assert one["ms_per_token"] - low == pytest.approx(one["terms_ms"]["bytes"] * (1 - fraction))
    assert "ms_per_token_band" not in ask("groq-v1", "llama-3-8b", SHORT)


# Mixtures and workloads.


def test_prefill_here_and_decode_there():
    both = ask("2xh200+576xgroq-v1", "llama-3-70b", SHORT)
    prefill, decode = ask("2xh200", "llama-3-70b", SHORT), ask("576xgroq-v1", "llama-3-70b", SHORT)
    assert both["ms_per_token"] == decode["ms_per_token"]
    assert both["ttft_s"] == pytest.approx(prefill["ttft_s"] + both["link_s"])
    assert both["link_gb"] == pytest.approx(512 * load_model("llama-3-70b").kv_bytes(16) / 1e9)
    assert both["silicon_mm2"] == prefill["silicon_mm2"] + decode["silicon_mm2"]


@pytest.mark.parametrize("name", ["llama-3-70b", "mixtral-8x7b", "nemotron-3-super-120b"])
def test_both_halves_of_a_model_are_the_whole(name):
    model = load_model(name)
    feed, attend = halves(model)
    assert feed.parameters + attend.parameters == model.parameters
    assert feed.kv_bytes(16) == 0 and attend.kv_bytes(16) == model.kv_bytes(16)


def test_a_split_layer_sends_its_activations_there_and_back():
    request = replace(SHORT, users=16)
    split = ask("lp30:rubin", "llama-3-70b", request)
    assert split["link_gb"] == pytest.approx(2 * 80 * 16 * 8192 * 2 / 1e9)
    assert split["terms_ms"]["sync"] > split["link_s"] * 1e3 * 0.999
    assert sum(split["terms_ms"].values()) == pytest.approx(split["ms_per_token"])
    # The LPUs need not hold KV, nor the GPU the feed-forward blocks.
    assert split["chips"][0] < build_system("lp30", "llama-3-70b", context=1024).chips


def test_branches_of_a_tree_share_their_prompt():
    tree = WORKLOADS["tree-search"]
    request = tree.request(users=3)
    assert request.users == 3 * tree.branches
    assert request.users * request.input == 3 * tree.input
    system = build_system("h100", "llama-3-8b")
    apart = replace(request, input=tree.input)
    assert serve(system, request).latency < serve(system, apart).latency


# Claims.


def test_groqs_claim_implies_little_bandwidth_and_no_speculation():
    claim = check_claim(machine="groq-v1", model="llama-3-70b", chips=576, bits=8, tokens_per_s=300)
    assert claim.holds
    assert claim.layer_time == pytest.approx(1 / 300 / 80)
    assert claim.of_all < 0.001  # 0.05 %
    assert claim.tokens_per_step == pytest.approx(1, abs=0.05)
    assert "no speculation" in claim.verdict()[2]


def test_a_claim_beyond_the_bandwidth_needs_speculation():
    claim = check_claim(machine="h100", model="llama-3-8b", chips=1, tokens_per_s=400)
    assert claim.of_group > 1
    assert claim.tokens_per_sweep > claim.of_group
    assert "more than there is" in claim.verdict()[1] and "speculation" in claim.verdict()[2]


def test_sn40ls_rate_is_above_what_streaming_reaches():
    claim = check_claim(machine="sn40l", model="llama-3-70b", chips=8, tokens_per_s=86)
    assert claim.system.engine.bandwidth_fraction < claim.of_group < 1
    assert "above the 90% that streaming reaches" in claim.verdict()[1]


def test_a_claim_about_too_few_chips():
    claim = check_claim(machine="groq-v1", model="llama-3-70b", chips=64, bits=8, tokens_per_s=300)
    assert not claim.holds
    assert (
        "64 groq-v1 cannot hold 70.55 GB of weights at 8 bits: they have 14.72 GB; it takes 312." == claim.verdict()[0]
    )


# Bad input.


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: answer("h10", "llama-3-8b", SHORT), "no machine is called 'h10': did you mean 'h100'? There are"),
        (lambda: answer("h100", "lama-3-8b", SHORT), "no model is called 'lama-3-8b': did you mean 'llama-3-8b'?"),
        (lambda: answer("h100", "llama-3-8b", SHORT, engine="vlm"), "machine 'h100' has no engine 'vlm': did you mean"),
        (lambda: answer("h100", "llama-3-70b", SHORT, chips=1), "llama-3-70b at 16 bits needs 141.1 GB and 1 h100"),
        (lambda: answer("h100", "llama-3-8b", LONG, chips=1), "a context of 1000001 tokens of"),
        (lambda: load_workload("chatt"), "no workload is called 'chatt': did you mean 'chat'?"),
        (lambda: ask("h100+h200+a100", "llama-3-8b", SHORT), "'h100+h200+a100' is not a machine: write a name,"),
        (lambda: check_claim(machine="h100", model="llama-3-8b", tokens_per_s=0), "a claim of 0 tokens/s cannot be"),
        (lambda: check_claim(machine="h100", model="llama-3-8b", tokens_per_s=inf), "a claim of inf tokens/s cannot"),
        (lambda: check_claim(machine="h100", model="llama-3-8b", tokens_per_s=9, bits=nan), "a weight of nan bits"),
        (lambda: check_claim(machine="h100", model="llama-3-8b", tokens_per_s=9, bits=-8), "a weight of -8 bits"),
        (lambda: check_claim(machine="h100", model="llama-3-8b", tokens_per_s=9, chips=0), "--chips is 0, but it must"),
        (lambda: ask("0xh100", "llama-3-8b", SHORT), "--chips is 0, but it must be at least 1"),
        (lambda: Request(input=0, output=1), "--input is 0, but it must be at least 1"),
        (lambda: Request(input=1, output=1, users=10**400), "--users is 1000"),
        (lambda: Request(input=1, output=1, acceptance=nan), "--acceptance is nan, but a chance lies between"),
        (lambda: answer("mram-22nm", "llama-3-8b", SHORT, bits=4), "mram-22nm holds weights as 8 bits and a scale"),
        (lambda: answer("mram-22nm", "llama-3-8b", SHORT, engine="x"), "machine 'mram-22nm' has no engine 'x'"),
        (lambda: answer("mram-22nm-tile", "llama-3-8b", SHORT), "llama-3-8b needs 8281 MB and mram-22nm-tile, one"),
        (lambda: answer("mram-22nm-tile", "verse", SHORT, chips=2), "--chips is 2, but mram-22nm-tile is one tile"),
        (lambda: ask("h100:mram-22nm-tile", "verse", SHORT), "mram-22nm-tile runs whole models only"),
        (lambda: answer("mram-22nm-tile", "verse", SHORT), "a context of 1024 tokens of verse needs"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(call, sentence):
    with pytest.raises(UserError) as caught:
        call()
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_says_how_many_chips_would():
    with pytest.raises(UserError, match=r"take --chips 2 or fewer bits"):
        answer("h100", "llama-3-70b", SHORT, chips=1)
    two = build_system("h100", "llama-3-70b", chips=2)
    assert weight_bytes(two) < 2 * two.machine.memory


def test_the_longest_context_that_is_said_to_fit_fits():
    with pytest.raises(UserError, match="enough for") as caught:
        answer("h100", "llama-3-8b", LONG, chips=1)
    most = int(str(caught.value).split("enough for ")[1].split()[0])
    assert answer("h100", "llama-3-8b", Request(input=most - 1, output=1), chips=1).fits
    with pytest.raises(UserError):
        answer("h100", "llama-3-8b", Request(input=most, output=1), chips=1)


CONFIG = {
    "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8,
    "intermediate_size": 14336, "vocab_size": 128256,
}  # fmt: skip


def test_a_config_is_the_model_of_its_sizes(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    model = load_model(str(tmp_path / "config.json"))
    assert model == replace(load_model("llama-3-8b"), name=tmp_path.name)


MOE = {
    "model_type": "qwen3_moe", "num_hidden_layers": 48, "hidden_size": 2048, "num_attention_heads": 32, "head_dim": 128,
    "num_key_value_heads": 4, "intermediate_size": 6144, "moe_intermediate_size": 768, "num_experts": 128,
    "num_experts_per_tok": 8, "vocab_size": 151936,
}  # fmt: skip
PHI = {
    "model_type": "phi", "num_hidden_layers": 32, "hidden_size": 2560, "num_attention_heads": 32,
    "num_key_value_heads": None, "intermediate_size": 10240, "vocab_size": 51200,
}  # fmt: skip
GPT2 = {"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 50257}
OPT = {
    "model_type": "opt", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32, "ffn_dim": 16384,
    "vocab_size": 50272,
}  # fmt: skip


# Published totals, in billions of weights: Qwen3-30B-A3B, Phi-2, GPT-2, OPT-6.7B, and a model that also sees.
@pytest.mark.parametrize(
    ("config", "total"), [(MOE, 30.5), (PHI, 2.78), (GPT2, 0.124), (OPT, 6.66), ({"text_config": CONFIG}, 8.03)]
)
def test_other_families_sizes_give_the_published_number_of_weights(tmp_path, config, total):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load_model(str(tmp_path)).parameters / 1e9 == pytest.approx(total, rel=0.01)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (json.dumps({**CONFIG, "kv_lora_rank": 512}), "has latent attention ('kv_lora_rank')"),
        (json.dumps({**CONFIG, "hybrid_override_pattern": "M-*"}), "has state-space layers"),
        (json.dumps({**MOE, "mlp_only_layers": [0]}), "routes in some layers only"),
        (json.dumps({**MOE, "num_experts_per_tok": 200}), "each token chooses 200 experts, but there are 128"),
        (json.dumps({**MOE, "num_experts_per_tok": None}), "has 128 experts but lacks the field 'num_experts_per_tok'"),
        (json.dumps({**CONFIG, "num_key_value_heads": 5}), "32 attention heads cannot share 5 key and value heads"),
        (json.dumps({**CONFIG, "hidden_size": 16}), "a hidden_size of 16 leaves nothing for each of 32 heads"),
        (json.dumps({**CONFIG, "vocab_size": 10**30}), "and at most 10000000"),
        ("{}", "lacks the field 'num_hidden_layers'; a config.json needs num_hidden_layers, hidden_size,"),
        (json.dumps({**CONFIG, "vocab_size": None}), "lacks the field 'vocab_size'"),
        (json.dumps({**CONFIG, "hidden_size": "big"}), "'hidden_size' is 'big', but it must be a whole number above 0"),
        ("[]", "holds list, but a config.json holds an object of sizes"),
        ("{", "is not JSON"),
    ],
)
def test_a_config_without_what_is_needed(tmp_path, text, sentence):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load_model(str(path))
    assert sentence in str(caught.value)


def test_chips_that_are_counted_hold_the_model_and_one_fewer_do_not():
    for name in ("h100", "groq-v1", "lp30", "tpu-v5e", "sn40l"):
        system = build_system(name, "llama-3-405b", context=1024)
        assert evaluate(system, SHORT).fits
        group = system.machine.tensor_chips
        smaller = system.chips // 2 if system.chips <= group else system.chips - group
        with pytest.raises(UserError):
            build_system(name, "llama-3-405b", chips=int(smaller), context=1024)


@pytest.mark.parametrize(("name", "context"), [("feynman", 2**24), ("mram-22nm", 2**17)])
def test_memory_apart_for_kv_counts_chips_too(name, context):
    """Weights fit on few chips; a long context needs more, and one fewer would not do."""
    few, many = (build_system(name, "llama-3-8b", context=tokens) for tokens in (1024, context))
    assert many.chips > few.chips
    assert kv_room(many) >= user_bytes(many, context)
    with pytest.raises(UserError, match="GB of KV memory and"):
        build_system(name, "llama-3-8b", chips=few.chips, context=context)


def test_rates_fall_as_context_grows():
    system = build_system("h200", "llama-3-70b", chips=4)
    asked = [Request(input=512, output=512, context=context) for context in (1024, 8192, 65536)]
    rates = [evaluate(system, one).tokens_per_s for one in asked]
    assert all(before > after for before, after in pairwise(rates))
