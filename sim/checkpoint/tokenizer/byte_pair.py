"""Byte-level byte-pair encoding, GGUF kind "gpt2"."""

from functools import cache

from gguf import TokenType

from sim.checkpoint.tokenizer.base import Tokenizer
from sim.checkpoint.tokenizer.merging import merge
from sim.checkpoint.tokenizer.pretokenise import IGNORES_MERGES, split
from sim.checkpoint.tokenizer.vocabulary import Vocabulary


class BytePairTokenizer(Tokenizer):
    """Splits a text into words, writes their bytes as printable characters and joins pairs in a learnt order.

    A byte that has no token is left out, as llama.cpp does: some vocabularies lack a few control characters and
    the first byte of code points that are hardly ever used. Every other text comes back as it was.

    Parameters
    ----------
    vocabulary
        The tokens.
    merges
        Pairs of pieces, the first to be joined first.
    pretokeniser
        A key of `pretokenise.PRETOKENISERS`.
    """

    def __init__(self, vocabulary: Vocabulary, *, merges: tuple[tuple[str, str], ...], pretokeniser: str) -> None:
        super().__init__(vocabulary)
        self._ranks = {pair: rank for rank, pair in reversed(list(enumerate(merges)))}
        self._pretokeniser = pretokeniser
        self._whole_words = pretokeniser in IGNORES_MERGES
        self._numbers = vocabulary.numbers(TokenType.NORMAL, TokenType.USER_DEFINED, TokenType.UNUSED, TokenType.BYTE)

    def _encode(self, text: str, begins: bool) -> list[int]:
        del begins  # no space is ever put before a text
        return [number for word in split(text, self._pretokeniser) for number in self._encode_word(word)]

    def _encode_word(self, word: str) -> list[int]:
        letters = "".join(_letters()[byte] for byte in word.encode())
        if self._whole_words and letters in self._numbers:
            return [self._numbers[letters]]
        symbols = merge(letters, lambda left, right: self._ranks.get((left, right)))
        return [number for symbol in symbols for number in self._find(symbol)]

    def _find(self, symbol: str) -> list[int]:
        """Return the token of a symbol, or of each of its bytes that has one."""
        if symbol in self._numbers:
            return [self._numbers[symbol]]
        return [self._numbers[letter] for letter in symbol if letter in self._numbers]

    def _bytes(self, text: str, kind: TokenType) -> bytes:
        del kind
        return b"".join(_bytes_of(letter) for letter in text)


@cache
def _letters() -> tuple[str, ...]:
    """Return a printable character for each byte: itself where it prints, the next free from U+0100 elsewhere.

    Source: ``bytes_to_unicode`` of OpenAI's GPT-2.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return tuple(chr(byte) if byte in printable else chr(next(others)) for byte in range(256))


@cache
def _bytes_of(letter: str) -> bytes:
    """Return the byte of a printable character; a character that stands for no byte stays itself."""
    return bytes([_letters().index(letter)]) if letter in _letters() else letter.encode()
