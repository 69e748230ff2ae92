"""Speculative decoding by prompt look-up: what a host asks of a tile with columns, and what it keeps of the answers.

Text repeats itself: what followed the last few tokens when they last stood in it is a guess at what follows them now.
A tile with columns takes the last certain token and such drafts at once and emits a token behind each of them; those
behind right drafts are what it would have emitted one by one. The drafts need no second model, and the same text has
the same ones, so that a host beside the hardware and a forecast from the golden model's tokens go the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 3
"""Most tokens that are looked up together."""


def draft(tokens: Sequence[int], count: int, longest: int = LONGEST) -> list[int]:
    """What followed the latest earlier occurrence of the last `longest` tokens, or of fewer where there is none of so
    many: at most `count` tokens, and none if the last token is new.
    """
    for length in range(min(longest, len(tokens) - 1), 0, -1):
        ending = tokens[-length:]
        for start in range(len(tokens) - length - 1, -1, -1):
            if tokens[start : start + length] == ending:
                return list(tokens[start + length :][:count])
    return []


def right_drafts(drafts: Sequence[int], emitted: Sequence[int]) -> int:
    """Drafts before the first that is not the token emitted in its place."""
    wrong = (number for number, (one, true) in enumerate(zip(drafts, emitted, strict=False)) if one != true)
    return next(wrong, min(len(drafts), len(emitted)))


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One run of the tile.

    Attributes
    ----------
    first : position of its first token; keys and values before it are those of certain tokens
    tokens : given from there on
    drafted : how many of them, the last ones, are drafts
    """

    first: int
    tokens: tuple[int, ...]
    drafted: int

    @property
    def total(self) -> int:
        """Positions behind which the run ends."""
        return self.first + len(self.tokens)

    @property
    def emitted(self) -> int:
        """Position of the last certain token: the first one behind which a token is emitted."""
        return self.total - self.drafted - 1

    @property
    def drafts(self) -> tuple[int, ...]:
        """The tokens that are guesses."""
        return self.tokens[len(self.tokens) - self.drafted :]


class Drafting:
    """A decode that is going on.

    Parameters
    ----------
    prompt : tokens to go on from, at least one
    columns : positions that a step of the tile works on at most
    most : tokens wanted
    end : token behind which no other is wanted

    Attributes
    ----------
    answer : the tokens so far, all of them certain
    """

    def __init__(self, prompt: Sequence[int], *, columns: int, most: int, end: int | None = None):
        self.prompt, self.columns, self.most, self.end = list(prompt), columns, most, end
        self.answer: list[int] = []
        self._first = 0

    @property
    def finished(self) -> bool:
        """No more tokens are wanted."""
        return len(self.answer) == self.most or self.answer[-1:] == [self.end]

    def next_pass(self) -> Pass:
        """Work on the tokens that are new, the whole prompt at first, with drafts in the columns that they leave free.

        A pass may make one token more than it has drafts, and no more than are wanted.
        """
        text = self.prompt + self.answer
        free = -(len(text) - self._first) % self.columns
        drafts = draft(text, min(free, self.most - len(self.answer) - 1))
        return Pass(first=self._first, tokens=(*text[self._first :], *drafts), drafted=len(drafts))

    def take(self, asked: Pass, emitted: Sequence[int]) -> list[int]:
        """Go on with the tokens that a pass emitted; those that are new: behind right drafts, and up to the end."""
        new = list(emitted[: right_drafts(asked.drafts, emitted) + 1])
        if self.end in new:
            new = new[: new.index(self.end) + 1]
        self.answer += new
        self._first = len(self.prompt) + len(self.answer) - 1
        return new


def foresee(
    prompt: Sequence[int], expected: Sequence[int], *, columns: int, most: int, end: int | None = None
) -> list[Pass]:
    """Every pass of a decode that gives the expected tokens."""
    drafting, passes = Drafting(prompt, columns=columns, most=most, end=end), []
    while len(drafting.answer) < len(expected):
        passes.append(drafting.next_pass())
        drafting.take(passes[-1], expected[len(drafting.answer) :])
    return passes
