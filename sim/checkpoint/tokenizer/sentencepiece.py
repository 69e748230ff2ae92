"""SentencePiece's byte-pair tokenizer with byte fallback, GGUF kind "llama"."""

from gguf import TokenType

from devicemodels.errors import UserError
from sim.checkpoint.tokenizer.base import Tokenizer
from sim.checkpoint.tokenizer.merging import merge
from sim.checkpoint.tokenizer.vocabulary import Vocabulary

_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"


class SentencePieceTokenizer(Tokenizer):
    """Joins the two neighbours whose token has the highest score, until none is left.

    A character without a token becomes its UTF-8 bytes, tokens "<0x00>" to "<0xFF>". Spaces are written as
    U+2581, so that character comes back as a space; every other text comes back as it was.

    Parameters
    ----------
    vocabulary
        The tokens.
    scores
        One for each token; the higher is joined first.
    add_space_prefix
        Put a space before a text, so that its first word is the word it is elsewhere; `decode` takes it away.

    Notes
    -----
    Unlike llama.cpp, and like SentencePiece itself, joining never ends in a control or byte token, so a text that
    spells out "<s>" stays a text.
    """

    def __init__(self, vocabulary: Vocabulary, *, scores: tuple[float, ...], add_space_prefix: bool = True) -> None:
        super().__init__(vocabulary)
        self._scores = scores
        self._prefix = " " if add_space_prefix else ""
        self._numbers = vocabulary.numbers(TokenType.NORMAL, TokenType.USER_DEFINED, TokenType.UNUSED)
        self._byte_numbers = {int(text[3:5], 16): number for text, number in vocabulary.numbers(TokenType.BYTE).items()}

    def _encode(self, text: str, begins: bool) -> list[int]:
        prefixed = (self._prefix if begins else "") + text
        symbols = merge(prefixed.replace(" ", _SPACE), self._priority)
        return [number for symbol in symbols for number in self._find(symbol)]

    def _bytes(self, text: str, kind: TokenType) -> bytes:
        return bytes([int(text[3:5], 16)]) if kind == TokenType.BYTE else text.replace(_SPACE, " ").encode()

    def _strip(self, text: bytes) -> bytes:
        return text.removeprefix(self._prefix.encode())

    def _priority(self, left: str, right: str) -> float | None:
        number = self._numbers.get(left + right)
        return None if number is None else -self._scores[number]

    def _find(self, symbol: str) -> list[int]:
        """Return the tokens of a joined symbol, or of the bytes of a character that has no token."""
        if symbol in self._numbers:
            return [self._numbers[symbol]]
        if all(byte in self._byte_numbers for byte in symbol.encode()):
            return [self._byte_numbers[byte] for byte in symbol.encode()]
        if self.vocabulary.unknown is None:
            raise UserError(f"The character {symbol!r} is not in the model's vocabulary: leave it out of the text.")
        return [self.vocabulary.unknown]
