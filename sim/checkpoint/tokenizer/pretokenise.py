"""Splitting a text into words before byte pairs are joined.

The standard library's expressions know no Unicode categories, so the classes of letters, numbers, punctuation
and white space are built from `unicodedata`, exactly and once.
"""

import re
import sys
import unicodedata
from collections import defaultdict
from functools import cache
from itertools import groupby

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?[{L}]+| ?[{N}]+| ?[^{S}{L}{N}]+|[{S}]+(?![^{S}])"
_CONTRACTION = r"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
_LLAMA3 = (
    _CONTRACTION + r"|[^\r\n{L}{N}]?[{L}]+|[{N}]{{1,3}}| ?[^{S}{L}{N}]+[\r\n]*|[{S}]*[\r\n]+|[{S}]+(?![^{S}])|[{S}]+"
)
_DEFAULT = (r"[{P}$+<=>^~|]+", _GPT2, r"[{N}]+", r"[0-9][0-9][0-9]")

PRETOKENISERS: dict[str, tuple[str, ...]] = {
    "default": _DEFAULT,
    "gpt-2": (_GPT2,),
    "smollm": (r"[{N}]", _GPT2),
    "llama-bpe": (_LLAMA3,),
    "llama3": (_LLAMA3,),
    "llama-v3": (_LLAMA3,),
}
"""Expressions by llama.cpp's name; each splits what the one before it left. Source: llama.cpp, llama-vocab.cpp."""

IGNORES_MERGES = frozenset({"llama-bpe", "llama3", "llama-v3"})
"""Those whose models take a word that is a token as it is, and begin a text with the first token."""

# Unicode's White_Space property, which neither `\s` nor `str.isspace` is.
_WHITE_SPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
)


def split(text: str, pretokeniser: str) -> list[str]:
    """Return the words of a text, white space included; together they are the text."""
    words = [text] if text else []
    for pattern in _patterns(pretokeniser):
        words = [part for word in words for part in _split(word, pattern)]
    return words


def _split(word: str, pattern: re.Pattern[str]) -> list[str]:
    """Return the matches in a word and what lies between them."""
    parts, end = [], 0
    for match in pattern.finditer(word):
        parts += [word[end : match.start()], match.group()]
        end = match.end()
    return [part for part in [*parts, word[end:]] if part]


@cache
def _patterns(pretokeniser: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern.format(**_classes())) for pattern in PRETOKENISERS[pretokeniser])


@cache
def _classes() -> dict[str, str]:
    """Return the insides of bracket expressions: S for white space, major Unicode categories under their letter."""
    insides: dict[str, str] = defaultdict(str)
    for major, run in groupby(map(chr, range(sys.maxunicode + 1)), key=_major_category):
        characters = list(run)
        insides[major] += _range(characters[0], characters[-1])
    return {**insides, "S": "".join(_range(character, character) for character in sorted(_WHITE_SPACE))}


def _major_category(character: str) -> str:
    return unicodedata.category(character)[0]


def _range(first: str, last: str) -> str:
    return rf"\U{ord(first):08x}-\U{ord(last):08x}"
