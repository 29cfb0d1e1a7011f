"""Text in the XML form of GLM-4.5 and later, and the white space around it that is not part of it.

Does not do: tags and calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...events import ReplyEvent, TextDelta
from ...messages import ToolCall

# A newline may be there as two characters, backslash and n (sglang#12456).
_BLANK = re.compile(r"(?:\s|\\n)*")
_STRICT_BLANK = re.compile(r"\s*")


class Written:
    """A reply's parts: texts as they come, between them what others append."""

    def __init__(self, emit: Callable[[ReplyEvent], None]) -> None:
        self.parts: list[str | ToolCall] = []
        self._emit = emit
        self._prose = Prose()
        self._text: list[str] = []
        self._has_text = False

    def text(self, text: str) -> None:
        """The next part of a text."""
        if not (text := self._prose.feed(text)):
            return
        # So that the deltas put together are the reply's text, in which parts stand on own lines.
        if self._has_text and not self._text:
            self._emit(TextDelta("\n"))
        self._text.append(text)
        self._emit(TextDelta(text))

    def end_text(self) -> None:
        """The text is over, if there was one."""
        self._prose = Prose()
        if self._text:
            self.parts.append("".join(self._text))
            self._has_text = True
            self._text = []


class Prose:
    """Text without the white space before and after it, as it comes."""

    def __init__(self) -> None:
        self._begun = False
        self._space: list[str] = []

    def feed(self, text: str) -> str:
        """Take text; give out what is there up to its last word."""
        if not self._begun:
            text = text.lstrip()
        word = text.rstrip()
        if not word:
            self._space.append(text)
            return ""
        self._begun = True
        given = "".join([*self._space, word])
        self._space = [text[len(word) :]]
        return given


class Gap:
    """What stands between two tags: white space, or the begin of something else."""

    def __init__(self, strict: bool) -> None:
        self._pattern = _STRICT_BLANK if strict else _BLANK
        self._texts: list[str] = []
        self._backslash = ""  # may be the first half of a newline spelled out
        self.spelled = False
        """Whether a newline was spelled out."""

    @property
    def text(self) -> str:
        """The gap so far."""
        return "".join(self._texts) + self._backslash

    @property
    def lines(self) -> str:
        """The gap without its first newline: what raw text may begin with."""
        return self.text.removeprefix("\n")

    def feed(self, text: str) -> str:
        """Take text; what is no gap any more comes back, with all that followed it."""
        text = self._backslash + text
        self._backslash = ""
        found = self._pattern.match(text)
        end = found.end() if found else 0
        if text[end:] == "\\" and self._pattern is _BLANK:
            self._backslash = "\\"
        self._texts.append(text[:end])
        self.spelled = self.spelled or "\\n" in text[:end]
        return "" if self._backslash else text[end:]
