"""The float32 decoder against the textbook's sums written out in float64, and against models with known answers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from gguf import TokenType
from hypothesis import given
from hypothesis import strategies as st

import sim.reference
from devicemodels.errors import UserError
from sim.checkpoint import GroupedMatrix, Layer, LlamaShape, Model, quantise
from sim.checkpoint.tokenizer import SentencePieceTokenizer, Vocabulary
from sim.reference import greedy, logits, perplexity, token_losses, windows

SHAPE = LlamaShape(
    dim=12,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=6,
    ffn=20,
    vocab=17,
    context=24,
    rope_base=100.0,
    norm_eps=0.25,
    tied=True,
)
TEXT = [1, 5, 16, 0, 5, 5, 9, 3, 12, 7, 2]


def matrix(rng, rows, columns):
    return quantise(rng.normal(size=(rows, columns)).astype(np.float32))


def gains(rng, size):
    return rng.uniform(0.5, 1.5, size).astype(np.float32)


def random_layer(rng, shape):
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    return Layer(
        attention_norm=gains(rng, shape.dim),
        q=matrix(rng, queries, shape.dim),
        k=matrix(rng, keys, shape.dim),
        v=matrix(rng, keys, shape.dim),
        o=matrix(rng, shape.dim, queries),
        ffn_norm=gains(rng, shape.dim),
        gate=matrix(rng, shape.ffn, shape.dim),
        up=matrix(rng, shape.ffn, shape.dim),
        down=matrix(rng, shape.dim, shape.ffn),
    )


def random_model(shape=SHAPE, seed=1):
    rng = np.random.default_rng(seed)
    tokens, kinds = tuple(map(chr, range(97, 97 + shape.vocab))), (TokenType.NORMAL,) * shape.vocab
    words = Vocabulary(tokens=tokens, kinds=kinds, bos=None, eos=None, unknown=0, add_bos=False)
    embedding = matrix(rng, shape.vocab, shape.dim)
    return Model(
        name="random",
        licence="CC0-1.0",
        shape=shape,
        tokenizer=SentencePieceTokenizer(words, scores=(0.0,) * shape.vocab),
        embedding=embedding,
        layers=tuple(random_layer(rng, shape) for _ in range(shape.layers)),
        norm=gains(rng, shape.dim),
        head=embedding if shape.tied else matrix(rng, shape.vocab, shape.dim),
    )


# The textbook, one token, one head and one pair at a time


def plain_matrix(matrix: GroupedMatrix, columns: int) -> np.ndarray:
    rows = range(matrix.codes.shape[0])
    codes, scales = matrix.codes.astype(float), matrix.scales.astype(float)
    return np.array([[scales[r, c // 32] * codes[r, c] for c in range(columns)] for r in rows])


def plain_norm(x, gain, eps):
    return [value / math.sqrt(sum(v * v for v in x) / len(x) + eps) * g for value, g in zip(x, gain, strict=True)]


def plain_rope(head, position, base):
    turned = list(head)
    for pair in range(len(head) // 2):
        angle = position * base ** (-2 * pair / len(head))
        x, y = head[2 * pair], head[2 * pair + 1]
        turned[2 * pair] = x * math.cos(angle) - y * math.sin(angle)
        turned[2 * pair + 1] = x * math.sin(angle) + y * math.cos(angle)
    return turned


def plain_heads(weights, x, shape, position=None):
    heads = (weights @ x).reshape(-1, shape.head_dim)
    return heads if position is None else np.array([plain_rope(head, position, shape.rope_base) for head in heads])


def plain_attention(queries, keys, values, shape):
    """Mix the values of all positions so far for one position: queries [heads, head_dim], the others lists of such."""
    mixed = []
    for head, query in enumerate(queries):
        shared = head // (shape.heads // shape.kv_heads)
        scores = [math.exp(query @ key[shared] / math.sqrt(shape.head_dim)) for key in keys]
        mixed.append(sum(s * value[shared] for s, value in zip(scores, values, strict=True)) / sum(scores))
    return np.concatenate(mixed)


def plain_logits(model, tokens):
    shape = model.shape
    dense = {
        (index, name): plain_matrix(getattr(layer, name), columns)
        for index, layer in enumerate(model.layers)
        for name, columns in [(n, shape.dim) for n in ("q", "k", "v", "gate", "up")]
        + [("o", shape.heads * shape.head_dim), ("down", shape.ffn)]
    }
    caches = [([], []) for _ in model.layers]
    embedding, head = plain_matrix(model.embedding, shape.dim), plain_matrix(model.head, shape.dim)
    rows = []
    for position, token in enumerate(tokens):
        x = embedding[token]
        for index, (layer, (keys, values)) in enumerate(zip(model.layers, caches, strict=True)):
            normed = plain_norm(x, layer.attention_norm, shape.norm_eps)
            keys.append(plain_heads(dense[index, "k"], normed, shape, position))
            values.append(plain_heads(dense[index, "v"], normed, shape))
            queries = plain_heads(dense[index, "q"], normed, shape, position)
            x = x + dense[index, "o"] @ plain_attention(queries, keys, values, shape)
            normed = plain_norm(x, layer.ffn_norm, shape.norm_eps)
            gate, up = dense[index, "gate"] @ normed, dense[index, "up"] @ normed
            x = x + dense[index, "down"] @ (gate / (1 + np.exp(-gate)) * up)
        rows.append(head @ plain_norm(x, model.norm, shape.norm_eps))
    return np.array(rows)


SHAPES = {
    "grouped": SHAPE,
    "untied": replace(SHAPE, tied=False),
    "one key head": replace(SHAPE, kv_heads=1),
    "a key head each": replace(SHAPE, kv_heads=4, head_dim=2),
    "wide": replace(SHAPE, dim=40, ffn=70, layers=1, rope_base=10000.0),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_logits_equal_the_textbook(shape):
    model = random_model(shape)
    wanted = plain_logits(model, TEXT)
    found = logits(model, TEXT)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5 * np.abs(wanted).max())


# What every causal decoder must do


@given(length=st.integers(1, len(TEXT)))
def test_later_tokens_change_nothing_before_them(length):
    model = random_model()
    np.testing.assert_allclose(logits(model, TEXT[:length]), logits(model, TEXT)[:length], rtol=0, atol=1e-4)


@pytest.mark.parametrize("chunk", [1, 3, 11])
def test_chunks_change_nothing(monkeypatch, chunk):
    whole = logits(random_model(), TEXT)
    monkeypatch.setattr(sim.reference, "_CHUNK", chunk)
    np.testing.assert_allclose(logits(random_model(), TEXT), whole, rtol=0, atol=1e-4)


def test_greedy_takes_the_likeliest_token_of_its_own_text():
    model = random_model()
    generated = greedy(model, TEXT, 13)
    scores = logits(model, TEXT + generated)
    assert generated == scores[len(TEXT) - 1 : -1].argmax(axis=1).tolist()
    assert greedy(model, TEXT, 0) == []


def flat_model(shape=SHAPE):
    """Make a model that finds all tokens equally likely: its embedding is zero."""
    zero = GroupedMatrix(codes=np.zeros((shape.vocab, 32), np.int8), scales=np.zeros((shape.vocab, 1), np.float32))
    return replace(random_model(shape), embedding=zero, head=zero)


def test_greedy_takes_the_lowest_of_equals():
    assert greedy(flat_model(), [4], 3) == [0, 0, 0]


def test_a_model_without_opinion_is_as_perplexed_as_its_vocabulary_is_large():
    assert perplexity(flat_model(), TEXT) == pytest.approx(SHAPE.vocab, rel=1e-6)


def test_a_model_that_repeats_is_sure_of_repetition():
    shape = replace(SHAPE, layers=0, dim=32, vocab=32)
    identity = quantise(np.eye(32, dtype=np.float32))
    model = replace(random_model(shape), embedding=identity, head=identity, norm=np.ones(32, np.float32))
    peak = 1 / math.sqrt(1 / 32 + shape.norm_eps)  # the norm of a unit vector of 32, back through the unit matrix
    expected = 1 + 31 * math.exp(-peak)
    assert perplexity(model, [7] * 20) == pytest.approx(expected, rel=1e-3)
    assert greedy(model, [7], 3) == [7, 7, 7]


# Windows


def test_losses_are_those_of_the_softmax():
    model = random_model()
    scores = plain_logits(model, TEXT[:-1])
    wanted = [math.log(np.exp(row - row[token]).sum()) for row, token in zip(scores, TEXT[1:], strict=True)]
    np.testing.assert_allclose(token_losses(model, TEXT), wanted, rtol=0, atol=2e-3)
    assert perplexity(model, TEXT) == pytest.approx(math.exp(np.mean(wanted)), rel=1e-3)


def test_each_window_is_read_from_its_own_first_position():
    model, text = random_model(), TEXT * 5
    parts = [token_losses(model, text[start : start + 8]) for start in range(0, len(text) - 1, 7)]
    np.testing.assert_allclose(token_losses(model, text, window=7), np.concatenate(parts), rtol=0, atol=1e-4)
    default = token_losses(model, text)
    np.testing.assert_array_equal(default, token_losses(model, text, window=SHAPE.context))


@given(st.integers(2, 100), st.integers(1, 30))
def test_windows_cover_every_input_once(count, size):
    parts = list(windows(count, size))
    assert [at for part in parts for at in range(part.start, part.stop)] == list(range(count - 1))
    assert all(part.stop - part.start == size for part in parts[:-1])
    assert 1 <= parts[-1].stop - parts[-1].start <= size


# Bad input


def test_text_must_fit_the_context():
    model = random_model()
    assert len(greedy(model, [1] * 20, 4)) == 4
    with pytest.raises(UserError, match='20 tokens of prompt and 5 to generate exceed the context of "random", 24'):
        greedy(model, [1] * 20, 5)
    with pytest.raises(UserError, match="exceed the context"):
        logits(model, [1] * 25)


def test_empty_prompts_and_texts_are_refused():
    with pytest.raises(UserError, match="prompt has no tokens"):
        greedy(random_model(), [], 3)
    with pytest.raises(UserError, match="1 tokens has no perplexity"):
        perplexity(random_model(), [1])


@pytest.mark.parametrize("window", [0, 25])
def test_windows_must_fit_the_context(window):
    with pytest.raises(UserError, match=f"window of {window} tokens does not fit"):
        perplexity(random_model(), TEXT, window=window)


@pytest.mark.parametrize("token", [-1, 17])
def test_tokens_must_be_in_the_vocabulary(token):
    with pytest.raises(ValueError, match="outside the vocabulary of 17"):
        logits(random_model(), [1, token])
