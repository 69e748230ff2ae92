"""GGUF files in, models or one-sentence errors out."""

import re

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFEndian, GGUFReader, GGUFWriter, TokenType
from gguf.quants import dequantize, quantize
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from devicemodels.errors import UserError
from sim.checkpoint import GroupedMatrix, LlamaShape, load_model, model_names, quantise

DIM, FFN, LAYERS = 32, 40, 2
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", "a", "b", "ab", "\u2581a"]
KINDS = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256, *[TokenType.NORMAL] * 5]
METADATA = {
    "general.name": "tiny",
    "general.license": "CC0-1.0",
    "llama.context_length": 64,
    "llama.embedding_length": DIM,
    "llama.block_count": LAYERS,
    "llama.feed_forward_length": FFN,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.rope.freq_base": 5000.0,
    "llama.attention.layer_norm_rms_epsilon": 0.0625,
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.scores": [-float(index) for index in range(len(TOKENS))],
    "tokenizer.ggml.token_type": [int(kind) for kind in KINDS],
}
SHAPES = {
    "token_embd.weight": (len(TOKENS), DIM),
    "output_norm.weight": (DIM,),
    **{
        f"blk.{layer}.{name}.weight": shape
        for layer in range(LAYERS)
        for name, shape in {
            "attn_norm": (DIM,),
            "attn_q": (DIM, DIM),
            "attn_k": (DIM // 2, DIM),
            "attn_v": (DIM // 2, DIM),
            "attn_output": (DIM, DIM),
            "ffn_norm": (DIM,),
            "ffn_gate": (FFN, DIM),
            "ffn_up": (FFN, DIM),
            "ffn_down": (DIM, FFN),
        }.items()
    },
}


def weights(name):
    seed = sum(name.encode())
    return np.random.default_rng(seed).normal(size=SHAPES.get(name, (len(TOKENS), DIM))).astype(np.float32)


def write_model(path, *, arch="llama", metadata=(), tensors=(), kinds=(), endian=GGUFEndian.LITTLE):
    """Write a tiny model; None in ``metadata`` or ``tensors`` leaves that thing out, ``kinds`` are tensor types."""
    writer = GGUFWriter(path, arch, endianess=endian)
    for key, value in {**METADATA, **dict(metadata)}.items():
        if value is not None:
            add_metadata(writer, key, value)
    for name, values in {**{name: weights(name) for name in SHAPES}, **dict(tensors)}.items():
        if values is not None:
            kind = dict(kinds).get(name, Kind.F32)
            writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_metadata(writer, key, value):
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tiny.gguf"


# What a good file gives


def test_shape_name_and_licence_are_those_of_the_file(path):
    model = load_model(write_model(path))
    assert model.shape == LlamaShape(
        dim=DIM,
        layers=LAYERS,
        heads=4,
        kv_heads=2,
        head_dim=8,
        ffn=FFN,
        vocab=len(TOKENS),
        context=64,
        rope_base=5000.0,
        norm_eps=0.0625,
        tied=True,
    )
    assert (model.name, model.licence) == ("tiny", "CC0-1.0")


def test_missing_optional_metadata_have_the_defaults_of_llama(path):
    missing = ("general.name", "general.license", "llama.attention.head_count_kv", "llama.rope.freq_base")
    square = {f"blk.{layer}.attn_{name}.weight": np.ones((DIM, DIM), np.float32) for layer in (0, 1) for name in "kv"}
    model = load_model(write_model(path, metadata=dict.fromkeys(missing), tensors=square))
    assert (model.name, model.licence, model.shape.kv_heads, model.shape.rope_base) == ("tiny", "unknown", 4, 10000.0)


def test_heads_may_be_wider_than_their_share_of_the_model(path):
    sizes = {"q": (64, DIM), "k": (32, DIM), "v": (32, DIM), "output": (DIM, 64)}
    wide = {f"blk.{layer}.attn_{name}.weight": np.ones(s, np.float32) for layer in (0, 1) for name, s in sizes.items()}
    model = load_model(write_model(path, metadata={"llama.attention.key_length": 16}, tensors=wide))
    assert (model.shape.head_dim, model.layers[1].o.codes.shape) == (16, (DIM, 64))


def test_head_is_the_embedding_only_when_there_is_no_other(path, tmp_path):
    tied = load_model(write_model(path))
    untied = load_model(write_model(tmp_path / "untied.gguf", tensors={"output.weight": weights("output.weight")}))
    assert tied.head is tied.embedding
    assert not untied.shape.tied
    assert not np.array_equal(untied.head.codes, untied.embedding.codes)


def test_norms_are_taken_as_they_are(path):
    model = load_model(write_model(path, kinds={"output_norm.weight": Kind.F32, "blk.1.ffn_norm.weight": Kind.F16}))
    np.testing.assert_array_equal(model.norm, weights("output_norm.weight"))
    np.testing.assert_array_equal(model.layers[1].ffn_norm, weights("blk.1.ffn_norm.weight").astype(np.float16))


@pytest.mark.parametrize("kind", [Kind.Q8_0, Kind.Q4_0, Kind.Q4_1])
def test_quantised_tensors_keep_their_weights_exactly(path, kind):
    name = "blk.1.attn_k.weight"
    model = load_model(write_model(path, kinds={name: kind}))
    np.testing.assert_array_equal(model.layers[1].k.values(), dequantize(quantize(weights(name), kind), kind))


def test_q8_0_codes_and_scales_are_the_bytes_of_the_file(path):
    codes = np.arange(-128, 128, dtype=np.int8).reshape(8, 32).repeat(2, axis=0)
    scales = np.linspace(0.5, 2.0, 16).astype("<f2")
    blocks = np.concatenate([scales[:, None].view(np.uint8), codes.view(np.uint8)], axis=1)
    matrix = load_model(write_raw(path, "blk.0.attn_v.weight", blocks, Kind.Q8_0)).layers[0].v
    np.testing.assert_array_equal(matrix.codes, codes)
    np.testing.assert_array_equal(matrix.scales, scales[:, None].astype(np.float32))


def test_q4_0_low_nibbles_come_first_and_codes_are_less_eight(path):
    nibbles = np.tile(np.arange(16, dtype=np.uint8), (16, 1))
    scales = np.full((16, 1), -0.25, "<f2")
    blocks = np.concatenate([scales.view(np.uint8), nibbles | (15 - nibbles) << 4], axis=1)
    matrix = load_model(write_raw(path, "blk.0.attn_v.weight", blocks, Kind.Q4_0)).layers[0].v
    np.testing.assert_array_equal(matrix.codes[3], [*range(-8, 8), *range(7, -9, -1)])
    np.testing.assert_array_equal(matrix.scales, scales.astype(np.float32))


def write_raw(path, name, blocks, kind):
    """Write a tiny model with one tensor given as the bytes of its blocks."""
    writer = GGUFWriter(path, "llama")
    for key, value in METADATA.items():
        add_metadata(writer, key, value)
    for other in SHAPES:
        raw, raw_kind = (blocks, kind) if other == name else (weights(other), Kind.F32)
        writer.add_tensor(other, raw, raw_dtype=raw_kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("kind", [Kind.F32, Kind.F16, Kind.BF16])
def test_other_tensors_are_quantised_to_the_nearest_code(path, kind):
    name = "blk.1.attn_k.weight"
    matrix = load_model(write_model(path, kinds={name: kind})).layers[1].k
    wanted = dequantize(quantize(weights(name), kind), kind)
    assert_nearest(matrix, wanted)


def test_columns_are_padded_with_zero_codes(path):
    model = load_model(write_model(path))
    down = model.layers[0].down
    assert (down.codes.shape, down.scales.shape) == ((DIM, 64), (DIM, 2))
    assert not down.codes[:, FFN:].any()
    assert down.codes[:, :FFN].any(axis=0).all()


# Quantising


def assert_nearest(matrix: GroupedMatrix, wanted: np.ndarray) -> None:
    """Half a step of rounding, and what rounding the scale to half precision (2^-11) moves a code of 127."""
    peaks = np.abs(wanted.reshape(len(wanted), -1, 32)).max(axis=2)
    bound = peaks / 127 * (0.5 + 127 * 2**-11) * (1 + 1e-5) + 127 * 2.0**-25
    errors = np.abs(matrix.values() - wanted).reshape(len(wanted), -1, 32).max(axis=2)
    assert (errors <= bound).all()


@given(hnp.arrays(np.float32, (3, 64), elements=st.floats(-1e6, 1e6, width=32)))
def test_quantise_stays_within_its_bound(values):
    assert_nearest(quantise(values), values)


def test_quantise_is_exact_on_its_own_grid():
    codes = np.concatenate([np.arange(-127, -96), [127], np.arange(0, 31), [-127]]).reshape(1, 64)
    matrix = quantise((codes * np.float32(0.375)).astype(np.float32))
    np.testing.assert_array_equal(matrix.codes, codes)
    np.testing.assert_array_equal(matrix.scales, [[0.375, 0.375]])


@given(st.integers(1, 70))
def test_quantise_pads_to_whole_groups(columns):
    matrix = quantise(np.ones((2, columns), np.float32))
    padded = -(-columns // 32) * 32
    assert matrix.codes.shape == (2, padded)
    assert matrix.codes.tolist() == [[127] * columns + [0] * (padded - columns)] * 2


def test_codes_and_scales_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"scales of shape \(2, 1\) do not fit codes of shape \(2, 64\)"):
        GroupedMatrix(codes=np.zeros((2, 64), np.int8), scales=np.zeros((2, 1), np.float32))


# What a bad file or name says


def test_unknown_name_tells_the_known_ones():
    with pytest.raises(UserError, match='no model "nosuch"') as error:
        load_model("nosuch")
    assert all(f'"{name}"' in str(error.value) for name in model_names())


def test_every_shipped_model_loads_by_its_name():
    assert "verse" in model_names()
    for name in model_names():
        assert load_model(name).layers


@pytest.mark.parametrize("name", ["missing.gguf", "folder/missing"])
def test_missing_file_is_named(name):
    with pytest.raises(UserError, match=re.escape(f'no model file "{name}"')):
        load_model(name)


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(UserError, match=r'config.json" cannot be read \(No such file or directory\)'):
        load_model(tmp_path)


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\x03\x04 and so on"])
def test_other_files_are_not_gguf(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError, match=r'"[^"]*tiny.gguf" is not a GGUF file'):
        load_model(path)


def test_other_byte_order_is_refused(path):
    with pytest.raises(UserError, match="byte order of another machine"):
        load_model(write_model(path, endian=GGUFEndian.BIG))


def test_other_version_is_refused(path):
    content = bytearray(write_model(path).read_bytes())
    content[4] = 9
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"unknown GGUF version .*version 9"):
        load_model(path)


OPTIONAL = {
    "general.name",
    "general.license",
    "llama.attention.head_count_kv",
    "llama.rope.freq_base",
    "tokenizer.ggml.token_type",
}


@pytest.mark.parametrize("key", sorted(METADATA.keys() - OPTIONAL))
def test_missing_metadata_are_named(path, key):
    with pytest.raises(UserError, match=f'no metadata "{key}"'):
        load_model(write_model(path, metadata={key: None}))


@pytest.mark.parametrize("name", SHAPES)
def test_missing_tensor_is_named(path, name):
    with pytest.raises(UserError, match=f'no tensor "{name}"'):
        load_model(write_model(path, tensors={name: None}))


BAD_METADATA = [
    ("llama.embedding_length", 0, "a whole number from 1"),
    ("llama.block_count", 2.0, "a whole number from 1"),
    ("llama.context_length", True, "a whole number from 1"),
    ("llama.block_count", 3, 'no tensor "blk.2.attn_norm.weight"'),
    ("llama.attention.head_count", 5, "5 heads, which 2 key heads cannot share"),
    ("llama.attention.head_count", 12, "12 heads for a width of 32"),
    ("llama.attention.key_length", 7, "even number"),
    ("llama.attention.value_length", 4, 'gives "llama.attention.value_length" as 4'),
    ("llama.rope.dimension_count", 4, 'gives "llama.rope.dimension_count" as 4'),
    ("llama.rope.freq_base", float("nan"), "a finite number above zero"),
    ("llama.attention.layer_norm_rms_epsilon", 0.0, "a finite number above zero"),
    ("llama.rope.scaling.type", "yarn", 'rope scaling "yarn", which is not supported'),
    ("llama.rope.scale_linear", 2.0, "linear rope scaling, which is not supported"),
    ("llama.expert_count", 8, "mixture of experts"),
    ("llama.vocab_size", 9, "vocabulary of 9 but lists 264"),
    ("general.name", 3, "must be a text"),
    ("tokenizer.ggml.model", "bert", 'tokenizer of kind "bert"'),
    ("tokenizer.ggml.tokens", TOKENS[:-1], "the shape"),
    ("tokenizer.ggml.scores", [0.0] * 3, '3 items in "tokenizer.ggml.scores" for 264'),
    ("tokenizer.ggml.scores", [float("nan")] * len(TOKENS), "not numbers"),
    ("tokenizer.ggml.token_type", [1] * 3, '3 items in "tokenizer.ggml.token_type"'),
    ("tokenizer.ggml.token_type", [9] * len(TOKENS), 'token "<unk>" the kind 9'),
    ("tokenizer.ggml.token_type", [6] * len(TOKENS), 'token "<unk>" the kind 6'),
    ("tokenizer.ggml.bos_token_id", 264, "only 264 tokens"),
    ("tokenizer.ggml.add_space_prefix", 1, "must be true or false"),
]


@pytest.mark.parametrize(("key", "value", "sentence"), BAD_METADATA)
def test_bad_metadata_are_named(path, key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        load_model(write_model(path, metadata={key: value}))


BAD_TENSORS = [
    ("blk.1.ffn_up.weight", np.zeros((FFN, DIM * 2), np.float32), r"\(40, 64\), its metadata ask for \(40, 32\)"),
    ("output_norm.weight", np.zeros((1, DIM), np.float32), r"the shape \(1, 32\)"),
    ("blk.0.attn_q.bias", np.zeros(DIM, np.float32), 'a bias "blk.0.attn_q.bias", which is not supported'),
    ("rope_freqs.weight", np.ones(4, np.float32), 'rope-scaling factors "rope_freqs.weight"'),
    ("blk.2.ffn_up.weight", np.ones((FFN, DIM), np.float32), 'a tensor "blk.2.ffn_up.weight"'),
    ("token_embd.weight", np.full((len(TOKENS), DIM), np.inf, np.float32), "not finite"),
    ("blk.0.ffn_norm.weight", np.full(DIM, np.nan, np.float32), "not finite"),
    ("blk.0.attn_v.weight", np.full((DIM // 2, DIM), 1e7, np.float32), "not finite"),
]


@pytest.mark.parametrize(("name", "values", "sentence"), BAD_TENSORS)
def test_bad_tensors_are_named(path, name, values, sentence):
    with pytest.raises(UserError, match=sentence):
        load_model(write_model(path, tensors={name: values}))


def test_tensor_types_that_are_not_supported_are_named(path):
    with pytest.raises(UserError, match=r'ffn_up.weight" as Q5_0, supported are F32, F16, BF16, Q8_0, Q4_0, Q4_1'):
        load_model(write_model(path, kinds={"blk.0.ffn_up.weight": Kind.Q5_0}))


def test_other_architecture_is_named(path):
    with pytest.raises(UserError, match='architecture "gpt2", only "llama" is supported'):
        load_model(write_model(path, arch="gpt2"))


# Damage


def outcome(path, content):
    """Load a damaged file; anything but a model or one sentence that names the file fails the test."""
    path.write_bytes(content)
    try:
        load_model(path)
    except UserError as error:
        message = str(error)
    else:
        return ""
    assert str(path) in message
    assert "\n" not in message
    return message


def test_truncation_is_always_noticed(path):
    content = write_model(path).read_bytes()
    last_byte_of_weights = len(content.rstrip(b"\0"))
    for size in [*range(0, 400, 7), *range(400, last_byte_of_weights, 3001), last_byte_of_weights - 1]:
        message = outcome(path, content[:size])
        assert ("truncated" if size >= 4 else "not a GGUF") in message


def test_flipped_metadata_never_escape_as_other_errors(path):
    content = write_model(path).read_bytes()
    end = content.index(b"blk.1.ffn_down.weight") + 60
    lists = (content.index(b"tokenizer.ggml.tokens") + 60, content.index(b"blk.0.attn_norm") - 60)
    places = [*range(0, lists[0], 11), *range(lists[0], lists[1], 499), *range(lists[1], end, 23)]
    masks = [(0x01, 0x80, 0xFF)[index % 3] for index in range(len(places))]
    flipped = [
        content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :] for at, mask in zip(places, masks, strict=True)
    ]
    messages = [outcome(path, damaged) for damaged in flipped]
    assert sum(map(bool, messages)) > len(places) // 4


def test_absurd_lengths_are_refused_at_once(path):
    content = write_model(path).read_bytes()
    at = content.index(b"tokenizer.ggml.scores") + len("tokenizer.ggml.scores") + 8
    assert "truncated or damaged" in outcome(path, content[:at] + b"\xff" * 7 + b"\x3f" + content[at + 8 :])


def test_long_arrays_of_numbers_are_read_at_once(path, monkeypatch):
    calls = []
    read = GGUFReader._get
    monkeypatch.setattr(GGUFReader, "_get", lambda *args: calls.append(args) or read(*args))
    load_model(write_model(path))
    before = len(calls)
    load_model(write_model(path, metadata={"general.quantities": list(range(10000))}))
    assert len(calls) - before < before + 20
