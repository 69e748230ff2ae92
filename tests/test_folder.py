"""Checkpoints in a folder as Hugging Face publishes them: that library's arithmetic, and every kind of damage."""

import json
import struct

import numpy as np
import pytest

from devicemodels.errors import UserError
from sim.checkpoint import load_model
from sim.checkpoint.folder_tokenizer import _LLAMA3
from sim.checkpoint.tokenizer.byte_pair import _letters
from sim.reference import logits

DIM, FFN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, EPS, BASE = 64, 96, 2, 4, 2, 16, 1e-5, 1000.0
WORDS = [*_letters(), "ab", "<s>", "</s>", "<tool>"]
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": DIM,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "intermediate_size": FFN,
    "vocab_size": len(WORDS) + 4,
    "max_position_embeddings": 64,
    "rope_theta": BASE,
    "rms_norm_eps": EPS,
    "tie_word_embeddings": True,
    "rope_scaling": None,
}
SHAPES = {
    "model.embed_tokens.weight": (CONFIG["vocab_size"], DIM),
    "model.norm.weight": (DIM,),
    **{
        f"model.layers.{layer}.{name}.weight": shape
        for layer in range(LAYERS)
        for name, shape in {
            "input_layernorm": (DIM,),
            "self_attn.q_proj": (HEADS * HEAD_DIM, DIM),
            "self_attn.k_proj": (KV_HEADS * HEAD_DIM, DIM),
            "self_attn.v_proj": (KV_HEADS * HEAD_DIM, DIM),
            "self_attn.o_proj": (DIM, HEADS * HEAD_DIM),
            "post_attention_layernorm": (DIM,),
            "mlp.gate_proj": (FFN, DIM),
            "mlp.up_proj": (FFN, DIM),
            "mlp.down_proj": (DIM, FFN),
        }.items()
    },
}
TOKENIZER = {
    "model": {
        "type": "BPE",
        "vocab": {word: number for number, word in enumerate(WORDS[:257])},
        "merges": ["a b"],
    },
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
    "added_tokens": [
        {"id": 257, "content": "<s>", "special": True},
        {"id": 258, "content": "</s>", "special": True},
        {"id": 259, "content": "<tool>", "special": False},
    ],
}
TOKENIZER_CONFIG = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": "{{ messages }}"}


def weights(name, shape):
    """Weights that bfloat16, half precision and `Q8_0` all hold exactly: 127 in each group of 32, times 2**-9."""
    random = np.random.default_rng(sum(name.encode()))
    if len(shape) == 1:
        return random.integers(64, 127, shape).astype(np.float32) / 64
    values = random.integers(-127, 128, shape).astype(np.float32)
    values[:, ::32] = 127
    return values / 512


def tensors():
    return {name: weights(name, shape) for name, shape in SHAPES.items()}


def encoded(values, kind):
    if kind == "BF16":
        return (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    return values.astype({"F32": "<f4", "F16": "<f2", "I32": "<i4"}[kind]).tobytes()


def write_safetensors(path, tensors, kind="F32"):
    table, body = {"__metadata__": {"format": "pt"}}, b""
    for name, values in tensors.items():
        data = encoded(values, kind)
        table[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + body)


def write_folder(folder, *, tensors=None, kind="F32", shards=1, config=(), tokenizer=(), words=()):
    tensors = {**{name: weights(name, shape) for name, shape in SHAPES.items()}, **(tensors or {})}
    tensors = {name: values for name, values in tensors.items() if values is not None}
    files = {"config.json": {**CONFIG, **dict(config)}, "tokenizer.json": {**TOKENIZER, **dict(tokenizer)}}
    files["tokenizer_config.json"] = {**TOKENIZER_CONFIG, **dict(words)}
    if shards == 1:
        write_safetensors(folder / "model.safetensors", tensors, kind)
    else:
        names = list(tensors)
        places = {name: f"model-{at % shards}.safetensors" for at, name in enumerate(names)}
        for shard in set(places.values()):
            part = {name: tensors[name] for name in names if places[name] == shard}
            write_safetensors(folder / shard, part, kind)
        files["model.safetensors.index.json"] = {"weight_map": places}
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    return folder


# The arithmetic of the library that these files are made for: rotary halves, not adjacent pairs


def norm(x, gain):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPS) * gain


def rotate_half(heads):
    angles = np.outer(np.arange(len(heads)), BASE ** (-np.arange(0, HEAD_DIM, 2) / HEAD_DIM))
    angles = np.concatenate([angles, angles], axis=1)[:, None]
    low, high = np.split(heads, 2, axis=-1)
    return heads * np.cos(angles) + np.concatenate([-high, low], axis=-1) * np.sin(angles)


def attention(w, x, prefix):
    def heads(name):
        return (x @ w[prefix + f"self_attn.{name}_proj.weight"].T).reshape(len(x), -1, HEAD_DIM)

    share = HEADS // KV_HEADS
    q, k, v = rotate_half(heads("q")), rotate_half(heads("k")).repeat(share, 1), heads("v").repeat(share, 1)
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(HEAD_DIM) + np.triu(np.full((len(x), len(x)), -np.inf), 1)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = np.einsum("hqk,khd->qhd", powers / powers.sum(axis=-1, keepdims=True), v).reshape(len(x), -1)
    return mixed @ w[prefix + "self_attn.o_proj.weight"].T


def plain_logits(w, tokens, head="model.embed_tokens.weight"):
    w = {name: values.astype(np.float64) for name, values in w.items()}
    x = w["model.embed_tokens.weight"][tokens]
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        x = x + attention(w, norm(x, w[prefix + "input_layernorm.weight"]), prefix)
        y = norm(x, w[prefix + "post_attention_layernorm.weight"])
        gate, up = y @ w[prefix + "mlp.gate_proj.weight"].T, y @ w[prefix + "mlp.up_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w[prefix + "mlp.down_proj.weight"].T
    return norm(x, w["model.norm.weight"]) @ w[head].T


TEXT = [5, 17, 99, 5, 200, 256, 31, 8]


@pytest.mark.parametrize(("kind", "shards"), [("F32", 1), ("F16", 1), ("BF16", 3)])
def test_logits_are_those_of_the_library(tmp_path, kind, shards):
    model = load_model(write_folder(tmp_path, kind=kind, shards=shards))
    wanted = plain_logits(tensors(), TEXT)
    np.testing.assert_allclose(logits(model, TEXT), wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
    assert (model.name, model.shape.kv_heads, model.shape.head_dim) == (tmp_path.name, KV_HEADS, HEAD_DIM)


def test_an_untied_head_is_its_own(tmp_path):
    head = {"lm_head.weight": weights("head", SHAPES["model.embed_tokens.weight"])}
    model = load_model(write_folder(tmp_path, tensors=head, config={"tie_word_embeddings": False}))
    wanted = plain_logits({**tensors(), **head}, TEXT, "lm_head.weight")
    np.testing.assert_allclose(logits(model, TEXT), wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
    assert not model.shape.tied and model.head is not model.embedding


def test_newer_files_keep_the_base_of_the_rotation_elsewhere(tmp_path):
    moved = {"rope_theta": None, "rope_parameters": {"rope_theta": 500.0, "rope_type": "default"}}
    assert load_model(write_folder(tmp_path, config=moved)).shape.rope_base == 500.0


def test_words_and_special_tokens(tmp_path):
    tokenizer = load_model(write_folder(tmp_path)).tokenizer
    words = tokenizer.vocabulary
    assert (words.bos, words.eos, words.unknown, words.add_bos) == (257, 258, None, False)
    assert tokenizer.encode("ab<tool><s>") == [256, 259, *(WORDS.index(letter) for letter in "<s>")]
    assert tokenizer.decode([256, 258, 259]) == "ab<tool>"
    assert tokenizer.piece(len(WORDS) + 3) == ""


DIGITS = [{"type": "Digits", "individual_digits": True}, TOKENIZER["pre_tokenizer"]]
LLAMA3 = [{"type": "Split", "pattern": {"Regex": _LLAMA3}}, {"type": "ByteLevel", "use_regex": False}]


@pytest.mark.parametrize(("steps", "text", "pieces"), [(DIGITS, "1234", "1|2|3|4"), (LLAMA3, "1234", "1|2|3|4")])
def test_other_ways_to_split_words(tmp_path, steps, text, pieces):
    post = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>"}}],
        "special_tokens": {"<s>": {"ids": [257]}},
    }
    given = {"pre_tokenizer": {"type": "Sequence", "pretokenizers": steps}, "post_processor": post}
    tokenizer = load_model(write_folder(tmp_path, tokenizer=given)).tokenizer
    tokens = tokenizer.encode(text)
    assert tokens[0] == 257
    assert "|".join(tokenizer.piece(token) for token in tokens[1:]) == pieces


def test_the_chat_template_may_be_a_file_of_its_own(tmp_path):
    assert load_model(write_folder(tmp_path)).chat_template == "{{ messages }}"
    (tmp_path / "chat_template.jinja").write_text("other")
    assert load_model(tmp_path).chat_template == "other"


BIAS = {"model.layers.0.self_attn.q_proj.bias": np.zeros(64, np.float32)}
WRONG = {
    "other architecture": ({"config": {"architectures": ["GPT2LMHeadModel"]}}, r"architecture .*GPT2LMHeadModel"),
    "no architecture": ({"config": {"architectures": None}}, "architecture"),
    "bias": ({"config": {"attention_bias": True}}, '"attention_bias" as True'),
    "activation": ({"config": {"hidden_act": "gelu"}}, "\"hidden_act\" as 'gelu'"),
    "rope scaling": ({"config": {"rope_scaling": {"rope_type": "llama3"}}}, "rope scaling 'llama3'"),
    "older rope scaling": ({"config": {"rope_scaling": {"type": "linear"}}}, "rope scaling 'linear'"),
    "quantised": ({"config": {"quantization_config": {"bits": 4}}}, "GGUF only"),
    "no size": ({"config": {"hidden_size": None}}, '"hidden_size" as None'),
    "wrong size": ({"config": {"num_hidden_layers": -1}}, '"num_hidden_layers" as -1'),
    "no number": ({"config": {"rms_norm_eps": "small"}}, "\"rms_norm_eps\" as 'small'"),
    "uneven": ({"config": {"num_key_value_heads": 3}}, "4 heads .* 3 key heads"),
    "missing tensor": ({"tensors": {"model.norm.weight": None}}, 'no tensor "model.norm.weight"'),
    "other shape": ({"config": {"intermediate_size": 32}}, "mlp.gate_proj.weight\" the shape .96, 64."),
    "foreign tensor": ({"tensors": BIAS}, "q_proj.bias"),
    "not finite": ({"tensors": {"model.norm.weight": np.full(DIM, np.inf, np.float32)}}, "not finite"),
    "integers": ({"kind": "I32"}, "type I32, supported are F32, F16, BF16"),
    "wordpieces": ({"tokenizer": {"model": {"type": "WordPiece"}}}, "splits words in a way"),
    "other split": ({"tokenizer": {"pre_tokenizer": {"type": "Metaspace"}}}, "splits words in a way"),
    "no merges": ({"tokenizer": {"model": {"type": "BPE", "vocab": {}}}}, "damaged or of an unknown kind"),
    "too many words": ({"config": {"vocab_size": 200}, "tensors": {
        "model.embed_tokens.weight": weights("e", (200, DIM))}}, "beyond the 200"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), WRONG.values(), ids=WRONG)
def test_what_is_not_supported_is_named_in_one_sentence(tmp_path, changes, reason):
    refused(write_folder(tmp_path, **changes), reason)


def refused(folder, reason):
    with pytest.raises(UserError, match=reason) as error:
        load_model(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
def test_a_half_downloaded_file_is_refused(tmp_path, kept):
    path = write_folder(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(tmp_path, 'model.safetensors" is truncated or damaged')


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_missing_and_damaged_json_is_named(tmp_path, name):
    path = write_folder(tmp_path) / name
    path.write_bytes(path.read_bytes()[:-1])
    refused(tmp_path, f'{name}" is no JSON')
    path.write_text("[]")
    refused(tmp_path, f'{name}" holds no JSON object')
    path.unlink()
    refused(tmp_path, f'{name}" cannot be read')


def test_shards_must_be_there_and_whole(tmp_path):
    write_folder(tmp_path, shards=2)
    index = tmp_path / "model.safetensors.index.json"
    whole = json.loads(index.read_text())
    (tmp_path / "model-1.safetensors").unlink()
    refused(tmp_path, 'model-1.safetensors" cannot be read')
    index.write_text(json.dumps({"weight_map": dict.fromkeys(whole["weight_map"], "model-0.safetensors")}))
    refused(tmp_path, 'model-0.safetensors" lacks the tensor')
    index.write_text(json.dumps({"weight_map": {"a": "../../secret"}}))
    refused(tmp_path, 'no "weight_map" of file names')
    index.unlink()
    refused(tmp_path, 'holds neither "model.safetensors" nor')


@pytest.mark.parametrize(
    "change", [{"data_offsets": [0, 10**9]}, {"data_offsets": [0, 4]}, {"shape": [-1]}, {"shape": 3}, {"dtype": None}]
)
def test_a_damaged_table_is_refused(tmp_path, change):
    path = write_folder(tmp_path) / "model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    table = json.loads(content[8 : 8 + length])
    table["model.norm.weight"] |= change
    head = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + content[8 + length :])
    refused(tmp_path, "truncated or damaged|of type None")
