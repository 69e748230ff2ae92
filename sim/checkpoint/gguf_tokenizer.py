"""The tokenizer of a GGUF file."""

import math
import re

from gguf import TokenType

from sim.checkpoint.gguf_file import GgufFile, shown
from sim.checkpoint.tokenizer import BytePairTokenizer, SentencePieceTokenizer, Tokenizer, Vocabulary
from sim.checkpoint.tokenizer.pretokenise import IGNORES_MERGES, PRETOKENISERS

_KEY = "tokenizer.ggml."
_KINDS = frozenset(TokenType)
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")


def read_tokenizer(file: GgufFile) -> Tokenizer:
    """Read a tokenizer of kind "llama" (SentencePiece) or "gpt2" (byte pairs).

    Raises
    ------
    UserError
        If it is of another kind, or its lists are missing or do not fit each other.
    """
    kind = file.text(_KEY + "model")
    if kind == "llama":
        return _sentencepiece(file)
    if kind == "gpt2":
        return _byte_pair(file)
    raise file.refuse(f'has a tokenizer of kind "{shown(kind)}", supported are "llama" and "gpt2": give another model.')


def _sentencepiece(file: GgufFile) -> SentencePieceTokenizer:
    vocabulary = _vocabulary(file, bos=1, eos=2, unknown=0, add_bos=True)
    scores = file.items(_KEY + "scores", float)
    _check_length(file, "scores", scores, vocabulary)
    if any(math.isnan(score) for score in scores):
        raise file.refuse(f'has scores in "{_KEY}scores" that are not numbers: the file is damaged, fetch it again.')
    add_space_prefix = file.flag(_KEY + "add_space_prefix", True)
    return SentencePieceTokenizer(vocabulary, scores=scores, add_space_prefix=add_space_prefix)


def _byte_pair(file: GgufFile) -> BytePairTokenizer:
    split = file.text(_KEY + "pre", "default")
    if split not in PRETOKENISERS:
        known = ", ".join(sorted(PRETOKENISERS))
        raise file.refuse(f'splits words as "{shown(split)}" does, supported are {known}: give another model.')
    ignores_merges = split in IGNORES_MERGES
    vocabulary = _vocabulary(file, bos=None, eos=None, unknown=None, add_bos=ignores_merges)
    return BytePairTokenizer(vocabulary, merges=_merges(file), pretokeniser=split)


def _merges(file: GgufFile) -> tuple[tuple[str, str], ...]:
    """Return the pairs; the space between the two can only stand after the first character."""
    pairs = []
    for line in file.items(_KEY + "merges", str):
        place = line.find(" ", 1)
        if place < 0:
            raise file.refuse(f'has "{shown(line)}" in "{_KEY}merges", which is no pair: convert the model again.')
        pairs.append((line[:place], line[place + 1 :]))
    return tuple(pairs)


def _vocabulary(file: GgufFile, *, bos: int | None, eos: int | None, unknown: int | None, add_bos: bool) -> Vocabulary:
    """Read what both kinds share; the arguments are the kind's defaults."""
    tokens = file.items(_KEY + "tokens", str)
    bos, eos = _special(file, "bos", bos, tokens), _special(file, "eos", eos, tokens)
    unknown = _special(file, "unknown", unknown, tokens)
    vocabulary = Vocabulary(
        tokens=tokens,
        kinds=_kinds(file, tokens, controls=(bos, eos), unknown=unknown),
        bos=bos,
        eos=eos,
        unknown=unknown,
        add_bos=file.flag(_KEY + "add_bos_token", add_bos),
    )
    if vocabulary.add_bos and bos is None:
        raise file.refuse(f'asks for a first token but has no "{_KEY}bos_token_id": convert the model again.')
    _check_length(file, "token_type", vocabulary.kinds, vocabulary)
    return vocabulary


def _special(file: GgufFile, name: str, default: int | None, tokens: tuple[str, ...]) -> int | None:
    key = f"{_KEY}{name}_token_id"
    token = file.integer(key, default, low=0)
    if token is not None and token >= len(tokens):
        raise file.refuse(f'gives "{key}" as {token}, but there are only {len(tokens)} tokens: convert it again.')
    return token


def _kinds(
    file: GgufFile, tokens: tuple[str, ...], *, controls: tuple[int | None, ...], unknown: int | None
) -> tuple[TokenType, ...]:
    """Read each token's kind; a file without kinds has them guessed from the names and special tokens."""
    stated = file.items(_KEY + "token_type", int, None)
    if stated is None:
        return tuple(_guess(index, token, controls, unknown) for index, token in enumerate(tokens))
    for token, kind in zip(tokens, stated, strict=False):
        if kind not in _KINDS or (kind == TokenType.BYTE and not _BYTE.fullmatch(token)):
            raise file.refuse(f'gives token "{shown(token)}" the kind {kind}, which it cannot have: convert it again.')
    return tuple(TokenType(kind) for kind in stated)


def _guess(index: int, token: str, controls: tuple[int | None, ...], unknown: int | None) -> TokenType:
    if index in controls:
        return TokenType.CONTROL
    if index == unknown:
        return TokenType.UNKNOWN
    return TokenType.BYTE if _BYTE.fullmatch(token) else TokenType.NORMAL


def _check_length(file: GgufFile, name: str, items: tuple[object, ...], vocabulary: Vocabulary) -> None:
    if len(items) != len(vocabulary.tokens):
        raise file.refuse(
            f'has {len(items)} items in "{_KEY}{name}" for {len(vocabulary.tokens)} tokens: convert it again.'
        )
