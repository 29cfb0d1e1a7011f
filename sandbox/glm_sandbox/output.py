"""Text as a terminal would show it, in bounded memory: head and tail are kept, the middle counted.

Understands newlines, carriage returns (progress bars) and drops colour codes. Does not do: cursor
movement, or knowing what the text means (`collect.py`).
"""

from __future__ import annotations

import re
from collections import deque

LINE = 16_384  # a line longer than this is passed on in parts

# ECMA-48 control sequences (CSI), operating system commands (OSC), and two-character escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def plain(text: str) -> str:
    """`text` without terminal escape codes."""
    return _ESCAPES.sub("", text) if "\x1b" in text else text


class HeadTail:
    """Keeps the first and the last half of `limit` characters and counts what lies between."""

    def __init__(self, limit: int) -> None:
        self._head_room = limit // 2
        self._tail_room = limit - self._head_room
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self.dropped = 0

    def add(self, text: str) -> None:
        """Append text."""
        if self._head_room and not self.dropped and not self._tail:
            part, text = text[: self._head_room], text[self._head_room :]
            self._head.append(part)
            self._head_room -= len(part)
        if not text:
            return
        if len(text) > self._tail_room:
            self.dropped += len(text) - self._tail_room
            text = text[len(text) - self._tail_room :]
        if text:
            self._tail.append(text)
            self._tail_size += len(text)
        while self._tail_size > self._tail_room:
            excess = self._tail_size - self._tail_room
            first = self._tail.popleft()
            cut = min(excess, len(first))
            if cut < len(first):
                self._tail.appendleft(first[cut:])
            self._tail_size -= cut
            self.dropped += cut
        if len(self._tail) > 1024:  # many tiny writes: keep the list short
            self._tail = deque(["".join(self._tail)])

    def skip(self, count: int) -> None:
        """Count characters that were left out at this place before they came here."""
        if count > 0:
            self.dropped += count + self._tail_size
            self._tail.clear()
            self._tail_size = 0

    def into(self, other: HeadTail) -> None:
        """Append what is kept here to `other`."""
        other.add("".join(self._head))
        other.skip(self.dropped)
        other.add("".join(self._tail))

    def text(self) -> str:
        """What is kept, with a note where something was left out."""
        head, tail = "".join(self._head), "".join(self._tail)
        if not self.dropped:
            return head + tail
        return f"{head}\n… [{self.dropped:,} characters left out] …\n{tail}"


class Terminal:
    """Writes streams into a `HeadTail`, letting carriage returns overwrite the current line."""

    def __init__(self, limit: int) -> None:
        self._out = HeadTail(limit)
        self._line = ""
        self._column = 0
        self._pending = ""  # an escape code or a "\r" that may go on in the next write

    def write(self, text: str) -> None:
        """Append text of a stream, in chunks of any size."""
        text = self._pending + text
        self._pending = ""
        cut = text.rfind("\x1b", max(0, len(text) - 64))
        if cut >= 0 and not _ESCAPES.match(text, cut):
            text, self._pending = text[:cut], text[cut:]
        elif text.endswith("\r"):
            text, self._pending = text[:-1], "\r"
        text = plain(text).replace("\r\n", "\n")
        start = 0
        while start < len(text):  # one line at a time, so that a huge write is not split at once
            end = text.find("\n", start)
            if end < 0:
                self._put(text[start:])
                return
            self._put(text[start:end])
            self._commit("\n")
            start = end + 1

    def _put(self, text: str) -> None:
        if not self._column and not self._line and "\r" not in text:
            self._line, self._column = text, len(text)  # the common case
        else:
            for index, part in enumerate(text.split("\r")):
                if index:
                    self._column = 0
                if part:
                    end = self._column + len(part)
                    self._line = self._line[: self._column] + part + self._line[end:]
                    self._column = end
        if len(self._line) > LINE:
            self._commit("")

    def _commit(self, end: str) -> None:
        self._out.add(self._line + end)
        self._line, self._column = "", 0

    def finish(self, fresh_line: bool = False) -> HeadTail:
        """End the current line, with a newline if `fresh_line` and something is in it."""
        pending, self._pending = plain(self._pending), ""
        if pending and pending != "\r":
            self._put(pending)
        if self._line:
            self._commit("\n" if fresh_line else "")
        return self._out
