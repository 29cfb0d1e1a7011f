"""A page as it is being read: which part is shown, the next part, and where something is in it.

The text of a long page stays here; only the part that is shown goes into the model's context.
Positions are counted in characters of the text that the model would read as a whole.

Does not do: loading pages (`loading.py`), writing observations (`browser.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from glm_agent.messages import Source

MAX_FOUND = 10
_AROUND = 150  # characters shown on either side of what was found


@dataclass(frozen=True, slots=True)
class Results:
    """A page of search results: what `mclick`'s ids mean, and what was shown."""

    links: Mapping[int, str]
    text: str
    sources: tuple[Source, ...] = ()


@dataclass(slots=True)
class Reading:
    """One page, and the part of it that is shown: the text from `start` to `end`."""

    title: str
    url: str
    text: str
    date: str = ""
    links: Mapping[int, str] = field(default_factory=dict[int, str])
    quote: int | None = None
    start: int = 0
    end: int = 0

    @property
    def shown(self) -> str:
        """The part that is shown."""
        return self.text[self.start : self.end].strip("\n")

    @property
    def first(self) -> int:
        """Where the part begins, in percent; 0 only at the very beginning."""
        return _percent(self.start, len(self.text))

    @property
    def last(self) -> int:
        """Where the part ends, in percent; 100 only at the very end."""
        return _percent(self.end, len(self.text))

    @property
    def partial(self) -> bool:
        """Whether there is more than what is shown."""
        return self.start > 0 or self.end < len(self.text)

    def show(self, limit: int) -> None:
        """Show what fits, from `start` on."""
        self.end = _cut(self.text, self.start, limit)

    def scroll(self, parts: int, limit: int) -> bool:
        """Show the part that is so many further down, or up; false if there is none."""
        before = (self.start, self.end)
        for _ in range(abs(parts)):
            if parts > 0:
                if self.end >= len(self.text):
                    break
                self.start = _skip_newlines(self.text, self.end)
                self.show(limit)
            else:
                if self.start <= 0:
                    break
                self.start, self.end = _before(self.text, self.start, limit), self.start
        return (self.start, self.end) != before

    def find(self, words: str) -> tuple[list[tuple[int, str]], int]:
        """Where `words` are: each place in percent with the text around it, and how many in all.

        The part that is shown becomes the (empty) one before the first place, so that the next one
        begins there.
        """
        pattern = re.compile(r"\s+".join(map(re.escape, words.split())), re.IGNORECASE)
        places: list[tuple[int, str]] = []
        count = shown_to = 0
        for found in pattern.finditer(self.text):
            count += 1
            if count == 1:
                self.start = self.end = self.text.rfind("\n", 0, found.start()) + 1
            if len(places) < MAX_FOUND and found.start() >= shown_to:
                around, shown_to = self._around(found.start(), found.end())
                places.append((_percent(found.start(), len(self.text)), around))
        return places, count

    def _around(self, start: int, end: int) -> tuple[str, int]:
        """The line of a place, or what is next to it if the line is long; and where that ends."""
        first = max(self.text.rfind("\n", 0, start) + 1, start - _AROUND)
        newline = self.text.find("\n", end)
        last = min(len(self.text) if newline < 0 else newline, end + _AROUND)
        return " ".join(self.text[first:last].split()), last


def _percent(position: int, total: int) -> int:
    if position <= 0:
        return 0
    return 100 if position >= total else min(max(100 * position // total, 1), 99)


def _cut(text: str, start: int, limit: int) -> int:
    """Where the part that begins at `start` ends: after whole lines if it can be."""
    stop = start + limit
    if len(text) <= stop:
        return len(text)
    line = text.rfind("\n", start, stop)
    if line > start + limit // 2:
        while line > start and text[line - 1] == "\n":
            line -= 1
        return line
    mark = text.rfind("【", start, stop)
    if mark > start and text.find("】", mark, stop) < 0 and stop - mark < 1000:
        return mark  # half a link would be none
    space = text.rfind(" ", start, stop)
    return space if space > start + limit // 2 else stop


def _before(text: str, end: int, limit: int) -> int:
    """Where a part that ends at `end` begins."""
    start = max(0, end - limit)
    if start:
        line = text.find("\n", start, end - limit // 2)
        start = start if line < 0 else _skip_newlines(text, line)
    return start


def _skip_newlines(text: str, position: int) -> int:
    while position < len(text) and text[position] == "\n":
        position += 1
    return position
