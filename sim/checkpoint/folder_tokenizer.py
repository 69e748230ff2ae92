"""The tokenizer and the chat template of a folder as Hugging Face publishes it."""

from pathlib import Path
from typing import Any

from gguf import TokenType

from devicemodels.errors import UserError
from sim.checkpoint.safetensors_file import read_json
from sim.checkpoint.tokenizer import BytePairTokenizer, Tokenizer, Vocabulary

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def read_tokenizer(folder: Path, vocab: int) -> Tokenizer:
    """Read byte pairs from `tokenizer.json` with the special tokens of `tokenizer_config.json`.

    vocab
        Rows of the embedding: words that the tokenizer leaves unnamed stay unused.

    Raises
    ------
    UserError
        If a file is missing or damaged, or the tokenizer is of another kind or splits words in another way.
    """
    path, config = folder / "tokenizer.json", read_json(folder / "tokenizer_config.json")
    table = read_json(path)
    try:
        split = _pretokeniser(path, table)
        vocabulary = _vocabulary(path, table, config, vocab)
        merges = tuple(_pair(merge) for merge in table["model"]["merges"])
    except UserError:  # itself a ValueError
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(f'"{path}" is damaged or of an unknown kind: fetch it again, or convert to GGUF.') from error
    return BytePairTokenizer(vocabulary, merges=merges, pretokeniser=split)


def read_chat_template(folder: Path) -> str:
    """Return the chat template, a file of its own or part of `tokenizer_config.json`; empty if there is none."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    template = read_json(folder / "tokenizer_config.json").get("chat_template")
    return template if isinstance(template, str) else ""


def _pretokeniser(path: Path, table: dict[str, Any]) -> str:
    """Return the name by which `pretokenise` knows how words are split."""
    step = table["pre_tokenizer"] or {}
    steps = step["pretokenizers"] if step.get("type") == "Sequence" else [step]
    kinds = [one.get("type") for one in steps]
    known = table["model"]["type"] == "BPE" and kinds[-1:] == ["ByteLevel"] and not steps[-1].get("add_prefix_space")
    by_words = known and steps[-1].get("use_regex", True)
    if by_words and kinds == ["ByteLevel"]:
        return "gpt-2"
    if by_words and kinds == ["Digits", "ByteLevel"] and steps[0]["individual_digits"]:
        return "smollm"
    if known and kinds == ["Split", "ByteLevel"] and steps[0]["pattern"].get("Regex") == _LLAMA3:
        return "llama-bpe"
    raise UserError(
        f'"{path}" splits words in a way that is not supported, supported are those of GPT-2, SmolLM and Llama 3: '
        "convert the model to GGUF."
    )


def _vocabulary(path: Path, table: dict[str, Any], config: dict[str, Any], vocab: int) -> Vocabulary:
    words = {number: (word, TokenType.NORMAL) for word, number in table["model"]["vocab"].items()}
    for token in table["added_tokens"]:
        kind = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
        words[token["id"]] = (token["content"], kind)
    if not all(0 <= number < vocab for number in words):
        raise UserError(f'"{path}" has words beyond the {vocab} that config.json states: fetch both again.')
    rows = [words.get(number, ("", TokenType.UNUSED)) for number in range(vocab)]
    numbers = {word: number for number, (word, _) in words.items()}
    bos, eos, unknown = (numbers.get(_name(config.get(f"{name}_token"))) for name in ("bos", "eos", "unk"))
    return Vocabulary(
        tokens=tuple(word for word, _ in rows),
        kinds=tuple(kind for _, kind in rows),
        bos=bos,
        eos=eos,
        unknown=unknown,
        add_bos=bos is not None and _adds_bos(table, config, bos),
    )


def _adds_bos(table: dict[str, Any], config: dict[str, Any], bos: int) -> bool:
    """Whether a text begins with the first token: stated, or the first thing that the post-processor puts down."""
    stated = config.get("add_bos_token")
    if isinstance(stated, bool):
        return stated
    step = table.get("post_processor") or {}
    steps = step["processors"] if step.get("type") == "Sequence" else [step]
    templates = [one for one in steps if one.get("type") == "TemplateProcessing"]
    return any(
        one["special_tokens"][first["id"]]["ids"] == [bos]
        for one in templates
        if (first := one["single"][0].get("SpecialToken"))
    )


def _name(token: Any) -> str | None:
    return token.get("content") if isinstance(token, dict) else token


def _pair(merge: Any) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right
