"""Guesses what a reply says next: what stood after the same words before.

Arguments, quotations and code are often copied from the conversation. A guess costs nothing but a
search; the model then checks all of its tokens in one pass (`decoding.py`).

Does not do: deciding whether a guess was right.
"""

from __future__ import annotations

from .token_ids import TokenIds

MOST = 16
"""How many tokens are guessed at once, unless told otherwise."""

# How many tokens must be the same before a guess is made: few to begin with, more after guesses
# that were wrong.
_FEWEST, _WARIEST = 2, 8
_WITHIN = 32_768  # tokens that are searched, the last ones


class PromptLookup:
    """Guesses for one reply, `most` tokens at a time; with 0 none.

    A wrong guess makes a pass wider for nothing, so it learns: the longer a guess held, the longer
    the next one, and after wrong ones it wants to see more of the same words first.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._width = max(1, most // 4)
        self._words = _FEWEST

    def guess(self, read: TokenIds, token: int, room: int) -> list[int]:
        """What may follow `token`, which comes after all of `read`; up to `room` tokens."""
        width = min(self._width, self._most, room)
        if width < 1 or len(read) < self._words:
            return []
        words = [*read.part(len(read) - self._words + 1, len(read)), token]
        at = read.last_after(words, _WITHIN)
        return [] if at is None else read.part(at, at + width)

    def learn(self, guessed: int, right: int) -> None:
        """Be told how many of the `guessed` tokens were right."""
        if not guessed:
            return
        if right == guessed:
            self._width = min(2 * self._width, self._most)
            self._words = _FEWEST
        elif right:
            self._words = max(_FEWEST, self._words - 1)
        else:
            self._width = max(1, self._width // 2)
            self._words = min(self._words + 1, _WARIEST)
