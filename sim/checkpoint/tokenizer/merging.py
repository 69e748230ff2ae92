"""Joining neighbours in the order of their priority, the loop that both tokenizers share."""

import heapq
from collections.abc import Callable, Sequence


def merge(symbols: Sequence[str], priority: Callable[[str, str], float | None]) -> list[str]:
    """Join two neighbours again and again: lowest priority first, leftmost among equals.

    Parameters
    ----------
    symbols
        The pieces to begin with, none empty.
    priority
        Of a left and a right neighbour, or None where they must not be joined.

    Returns
    -------
    list of str
        The pieces that are left, whose concatenation is that of ``symbols``. Takes O(n log n).
    """
    chain = _Chain(symbols, priority)
    while chain.queue:
        _, left, right, joined = heapq.heappop(chain.queue)
        if chain.texts[left] and chain.texts[right] and chain.texts[left] + chain.texts[right] == joined:
            chain.join(left, right)
    return [text for text in chain.texts if text]


class _Chain:
    """Pieces in a doubly linked list, and a queue of the pairs that may be joined."""

    def __init__(self, symbols: Sequence[str], priority: Callable[[str, str], float | None]) -> None:
        count = len(symbols)
        self.texts = list(symbols)
        self.queue: list[tuple[float, int, int, str]] = []
        self._priority = priority
        self._before = list(range(-1, count - 1))
        self._after = [*range(1, count), -1][:count]
        for left in range(count - 1):
            self._offer(left, left + 1)

    def join(self, left: int, right: int) -> None:
        """Append the right piece to the left one and offer the new pairs."""
        self.texts[left] += self.texts[right]
        self.texts[right] = ""
        after = self._after[left] = self._after[right]
        if after >= 0:
            self._before[after] = left
            self._offer(left, after)
        if self._before[left] >= 0:
            self._offer(self._before[left], left)

    def _offer(self, left: int, right: int) -> None:
        rank = self._priority(self.texts[left], self.texts[right])
        if rank is not None:
            heapq.heappush(self.queue, (rank, left, right, self.texts[left] + self.texts[right]))
