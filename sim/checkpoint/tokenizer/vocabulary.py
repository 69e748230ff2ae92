"""The words that a tokenizer knows."""

from dataclasses import dataclass

from gguf import TokenType


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Tokens by number.

    Parameters
    ----------
    tokens, kinds
        Text and kind of each token.
    bos, eos, unknown
        Tokens that begin and end a text, and the one for what cannot be written; None where there is none.
    add_bos
        Whether texts for this model begin with ``bos``.
    """

    tokens: tuple[str, ...]
    kinds: tuple[TokenType, ...]
    bos: int | None
    eos: int | None
    unknown: int | None
    add_bos: bool

    def numbers(self, *kinds: TokenType) -> dict[str, int]:
        """Return the number of each token of these kinds by its text; of equal texts the last counts."""
        pairs = enumerate(zip(self.tokens, self.kinds, strict=True))
        return {token: number for number, (token, kind) in pairs if kind in kinds}
