"""A growing row of token ids that is compared and searched at the speed of memory.

Finding where a prompt parts from what a cache holds, and where its last words stood before, must
not cost a step of Python for each token of a long conversation: the ids lie side by side as bytes.

Does not do: anything with the tokens themselves.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

_WIDTH = 4  # bytes of an id; array's "i" has as many wherever Python runs


class TokenIds:
    """Token ids, each from 0 to 2**31 - 1."""

    __slots__ = ("_bytes",)

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._bytes = bytearray(array("i", ids).tobytes())

    def __len__(self) -> int:
        return len(self._bytes) // _WIDTH

    def extend(self, ids: Iterable[int]) -> None:
        """Add ids at the end."""
        self._bytes += array("i", ids).tobytes()

    def crop(self, length: int) -> None:
        """Keep the first `length`."""
        del self._bytes[length * _WIDTH :]

    def first(self, length: int) -> TokenIds:
        """A copy of the first `length`."""
        copy = TokenIds()
        copy._bytes = self._bytes[: length * _WIDTH]
        return copy

    def part(self, start: int, end: int) -> list[int]:
        """The ids from `start` up to `end`, or to the end where there are fewer."""
        return array("i", bytes(self._bytes[start * _WIDTH : end * _WIDTH])).tolist()

    def common(self, other: TokenIds) -> int:
        """How many ids at the beginning are the same in both."""
        mine, others = self._bytes, other._bytes
        same, end = 0, min(len(self), len(other))
        if mine[: end * _WIDTH] == others[: end * _WIDTH]:
            return end
        # The first `same` are equal, and not all of the first `end` are.
        while end - same > 1:
            middle = (same + end) // 2
            piece = slice(same * _WIDTH, middle * _WIDTH)
            if mine[piece] == others[piece]:
                same = middle
            else:
                end = middle
        return same

    def last_after(self, words: list[int], within: int) -> int | None:
        """Where the last `words` among the last `within` ids end; None where there are none."""
        sought = array("i", words).tobytes()
        end = len(self._bytes)
        start = max(0, end - within * _WIDTH)
        while (at := self._bytes.rfind(sought, start, end)) >= 0:
            if at % _WIDTH == 0:
                return (at + len(sought)) // _WIDTH
            # Found across the borders of ids: look on, before it.
            end = at + len(sought) - 1
        return None
