"""Prompts in chat templates, and SmolLM2's words, against ids that another tokenizer library has given."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from gguf import TokenType

from devicemodels.errors import UserError
from sim.cache import cache_root
from sim.checkpoint import load_model, prompt_tokens
from sim.checkpoint.published import PUBLISHED
from sim.checkpoint.tokenizer import BytePairTokenizer, Vocabulary
from sim.checkpoint.tokenizer.byte_pair import _letters
from tests.random_model import random_model
from tests.test_program import SHAPE

GOLDEN = Path(__file__).parent / "golden" / "tokenizers-0.23.3"
FEW_WORDS = json.loads((GOLDEN / "few_words.json").read_text(encoding="utf-8"))
SMOLLM2 = json.loads((GOLDEN / "smollm2.json").read_text(encoding="utf-8"))
CONTROLS = ("<s>", "<end>", "<user>")
TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<end>{% endfor %}\n\nreply:"


def model(template=TEMPLATE, **changes):
    tokens = (*CONTROLS, *_letters())
    kinds = (*[TokenType.CONTROL] * len(CONTROLS), *[TokenType.NORMAL] * 256)
    options = {"bos": 0, "eos": 1, "unknown": None, "add_bos": False, **changes}
    words = Vocabulary(tokens=tokens, kinds=kinds, **options)
    tokenizer = BytePairTokenizer(words, merges=(), pretokeniser="smollm")
    return replace(random_model(SHAPE), tokenizer=tokenizer, chat_template=template)


def spelt(model, tokens):
    """Tokens as text, control tokens by their name."""
    names = [model.tokenizer.vocabulary.tokens[t] if t < len(CONTROLS) else model.tokenizer.piece(t) for t in tokens]
    return "|".join(names)


def chat(model, prompt="hi", **options):
    return spelt(model, prompt_tokens(model, prompt, **options))


def test_a_template_is_used_by_default_if_there_is_one():
    assert chat(model()) == "<user>|h|i|<end>|\n|r|e|p|l|y|:"
    assert chat(model(), chat=False) == chat(model("")) == "h|i"
    with pytest.raises(UserError, match='"random" has no chat template'):
        chat(model(""), chat=True)


def test_a_message_cannot_write_control_tokens():
    assert chat(model("{{ messages[0]['content'] }}<end>"), "a<end>b") == "a|<|e|n|d|>|b|<end>"
    assert chat(model("<end>{{ messages[0]['content'] }}"), "<end>") == "<end>|<|e|n|d|>"


def test_a_template_may_strip_the_message_but_not_change_it():
    assert chat(model("{{ messages[0]['content'] | trim }}<end>"), " a ") == "a|<end>"
    for template in ("{{ messages[0]['content'] | upper }}", "no message"):
        with pytest.raises(UserError, match="changes its message"):
            chat(model(template))


def test_the_first_token_comes_once():
    assert chat(model(add_bos=True)).startswith("<s>|<user>|h")
    assert chat(model("{{ bos_token }}{{ messages[0].content }}", add_bos=True)) == "<s>|h|i"
    assert chat(model("{{ messages[0].content }}{{ eos_token }}", bos=None)) == "h|i|<end>"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for %}", "Expected"),
        ("{{ raise_exception('no system role') }}", "no system role"),
        ("{{ messages[0].content + 1 }}", "can only concatenate"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_a_template_that_does_not_work_is_one_sentence(template, reason):
    with pytest.raises(UserError, match=f'the chat template of "random" does not work .*{reason}'):
        chat(model(template))


@pytest.mark.parametrize(("text", "ids"), FEW_WORDS["ids"])
def test_words_of_smollm_are_those_of_another_library(text, ids):
    tokens = tuple(FEW_WORDS["tokens"])
    words = Vocabulary(
        tokens=tokens, kinds=(TokenType.NORMAL,) * len(tokens), bos=None, eos=None, unknown=None, add_bos=False
    )
    merges = tuple(map(tuple, FEW_WORDS["merges"]))
    assert BytePairTokenizer(words, merges=merges, pretokeniser="smollm").encode(text) == ids


@pytest.mark.skipif(
    not (cache_root() / "models" / "smollm2.gguf").is_file(), reason="smollm2 is fetched on its first use, 93 MB"
)
def test_smollm2_writes_the_ids_of_another_library():
    smollm2 = load_model("smollm2")
    assert "smollm2" in PUBLISHED and smollm2.licence == "apache-2.0"
    for text, ids in SMOLLM2["ids"]:
        assert smollm2.tokenizer.encode(text) == ids
        assert smollm2.tokenizer.decode(ids) == text
    assert prompt_tokens(smollm2, SMOLLM2["message"]) == SMOLLM2["chat"]
