"""What every tokenizer does."""

import codecs
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from gguf import TokenType

from devicemodels.errors import UserError
from sim.checkpoint.tokenizer.vocabulary import Vocabulary

_SILENT = (TokenType.CONTROL, TokenType.UNKNOWN)


class Tokenizer(ABC):
    """Turns text into token numbers and back.

    Control tokens never come out of a text, whatever it says, and decode to nothing. User-defined tokens are
    cut out of the text first, longest first.

    Parameters
    ----------
    vocabulary
        The tokens.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        whole = vocabulary.numbers(TokenType.USER_DEFINED)
        self._whole = sorted(((text, number) for text, number in whole.items() if text), key=_longest_first)

    def encode(self, text: str, bos: bool = True) -> list[int]:
        """Return the tokens of a text.

        Parameters
        ----------
        text
            Any Unicode text without lone surrogates.
        bos
            Begin with the first token if the model's texts begin with one (``vocabulary.add_bos``).

        Raises
        ------
        UserError
            If the text is not valid Unicode or cannot be written with this vocabulary.
        """
        _check_unicode(text)
        tokens = [self.vocabulary.bos] if bos and self.vocabulary.add_bos and self.vocabulary.bos is not None else []
        after_whole = True
        for fragment in self._fragments(text):
            tokens += self._encode(fragment, after_whole) if isinstance(fragment, str) else [fragment]
            after_whole = not isinstance(fragment, str)
        return tokens

    def encode_message(self, before: str, message: str, after: str) -> list[int]:
        """Return the tokens of a message in its frame, whose control tokens are meant; the message's are plain text.

        The frame brings the token that begins a text, or it is added as in `encode`.

        Raises
        ------
        UserError
            As `encode`.
        """
        *opening, start = self._controls(before)
        end, *closing = self._controls(after)
        fragments = [*opening, start + message + end, *closing]
        parts = [self.encode(part, bos=False) if isinstance(part, str) else [part] for part in fragments]
        tokens = [token for part in parts for token in part]
        begins = self.vocabulary.bos if self.vocabulary.add_bos else None
        return tokens if begins is None or tokens[:1] == [begins] else [begins, *tokens]

    def decode(self, ids: Iterable[int], *, continued: bool = False) -> str:
        """Return the text of some tokens; bytes that are no UTF-8 become replacement characters.

        Parameters
        ----------
        ids
            Token numbers.
        continued
            The tokens go on from an earlier text, so a space that begins them belongs to the text.

        Raises
        ------
        ValueError
            If a number is outside the vocabulary.
        """
        text = b"".join(self.piece_bytes(token) for token in ids)
        return (text if continued else self._strip(text)).decode("utf-8", errors="replace")

    def piece(self, token: int) -> str:
        """Return the text of one token as it stands inside a text; part of a character becomes a replacement.

        Raises
        ------
        ValueError
            If the number is outside the vocabulary.
        """
        return self.piece_bytes(token).decode("utf-8", errors="replace")

    def stream(self, ids: Iterable[int], *, continued: bool = True) -> Iterator[str]:
        """Yield the text of each token as it comes, holding back bytes until their character is whole.

        The pieces together are ``decode(ids, continued=continued)``.
        """
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        begun = continued
        for token in ids:
            piece = self.piece_bytes(token)
            yield decoder.decode(piece if begun else self._strip(piece))
            begun = begun or bool(piece)
        yield decoder.decode(b"", final=True)

    def piece_bytes(self, token: int) -> bytes:
        """Return the bytes that one token stands for; none for control tokens and the unknown one.

        Raises
        ------
        ValueError
            If the number is outside the vocabulary.
        """
        if not 0 <= token < len(self.vocabulary.tokens):
            raise ValueError(f"token {token} is outside the vocabulary of {len(self.vocabulary.tokens)}")
        text, kind = self.vocabulary.tokens[token], self.vocabulary.kinds[token]
        if kind in _SILENT:
            return b""
        return text.encode() if kind == TokenType.USER_DEFINED else self._bytes(text, kind)

    @abstractmethod
    def _encode(self, text: str, begins: bool) -> list[int]:
        """Return the tokens of a fragment of text; ``begins`` if no other text stands right before it."""

    @abstractmethod
    def _bytes(self, text: str, kind: TokenType) -> bytes:
        """Return the bytes of a token that is neither control nor user-defined."""

    def _strip(self, text: bytes) -> bytes:
        """Take away what `encode` adds before a text; nothing unless a tokenizer adds something."""
        return text

    def _controls(self, text: str) -> list[str | int]:
        """Cut control tokens out of a text: texts, even empty ones, and between each two a token's number."""
        numbers = self.vocabulary.numbers(TokenType.CONTROL)
        names = "|".join(re.escape(name) for name in sorted(filter(None, numbers), key=len, reverse=True))
        parts = re.split(f"({names})", text) if names else [text]
        return [numbers[part] if at % 2 else part for at, part in enumerate(parts)]

    def _fragments(self, text: str) -> list[str | int]:
        """Cut user-defined tokens out of a text."""
        fragments: list[str | int] = [text] if text else []
        for whole, number in self._whole:
            fragments = [part for fragment in fragments for part in _cut(fragment, whole, number)]
        return fragments


def _cut(fragment: str | int, whole: str, number: int) -> list[str | int]:
    if not isinstance(fragment, str):
        return [fragment]
    first, *others = fragment.split(whole)
    parts: list[str | int] = [first]
    for other in others:
        parts += [number, other]
    return [part for part in parts if part != ""]


def _longest_first(item: tuple[str, int]) -> int:
    return -len(item[0].encode())


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"The text is not valid Unicode at character {error.start}: give it in UTF-8.") from error
