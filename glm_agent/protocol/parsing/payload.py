"""Where a call's payload ends, while it streams.

`PayloadTail` holds back what has to be stripped if nothing follows. `ObjectEnd` sees where a JSON
object closes, and `AfterPayload` what comes after it.

Does not do: reading the object (`arguments.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

ANSWER = "<|user|>"
CALL = "<|observation|>"
SEGMENT = "<|assistant|>"
STOPS = ("<|endoftext|>", ANSWER, CALL)


class PayloadTail:
    """Holds back what has to be stripped from a payload if nothing follows it.

    That is white space, and stop tokens that a server spelled out instead of stopping at them.
    """

    def __init__(self, tokens: Sequence[str] = STOPS) -> None:
        self._tokens = tuple(tokens)
        self._longest = max(map(len, tokens))
        self._whole: list[str] = []
        self._begun = ""

    def feed(self, text: str) -> str:
        """Take text, give out what is surely not the tail."""
        text = self._begun + text
        end = self._begin(text)
        self._begun = text[end:]
        start = self._strip(text, end)
        if start == 0:
            self._whole.append(text[:end])
            return ""
        given = "".join([*self._whole, text[:start]])
        self._whole = [text[start:end]]
        return given

    def close(self) -> str:
        """Give out what turned out not to be a tail: the begin of a token that never came."""
        given = "".join([*self._whole, self._begun]) if self._begun else ""
        if given:
            self._whole, self._begun = [], ""
        return given

    @property
    def stripped(self) -> str:
        """What is held back."""
        return "".join([*self._whole, self._begun])

    def _begin(self, text: str) -> int:
        """Where a token starts that the end of `text` cuts off; the length if there is none."""
        start = text.rfind("<", max(0, len(text) - self._longest + 1))
        begun = text[start:] if start >= 0 else ""
        if begun and any(t != begun and t.startswith(begun) for t in self._tokens):
            return start
        return len(text)

    def _strip(self, text: str, end: int) -> int:
        """Where the white space and tokens start that `text[:end]` ends with."""
        while end > 0:
            if text[end - 1].isspace():
                end -= 1
            elif token := next((t for t in self._tokens if text.endswith(t, 0, end)), None):
                end -= len(token)
            else:
                break
        return end


class _At(Enum):
    START = auto()
    LANGUAGE = auto()  # in the first line of a fence
    INSIDE = auto()
    FENCE = auto()  # closed, inside a fence that is not
    NEVER = auto()


_MARK = re.compile(r"""["'{}()\[\]]""")
_STRING = {'"': re.compile(r'["\\]'), "'": re.compile(r"['\\]")}
_WORD = re.compile(r"\w*")


class ObjectEnd:
    """Finds where the object closes that a text begins with, bare or in a Markdown fence.

    Brackets are counted outside of strings, in double or single quotes. A text that begins with
    something else never closes.
    """

    def __init__(self) -> None:
        self._at = _At.START
        self._depth = 0
        self._quote = ""
        self._escaped = False
        self._ticks = 0
        self._fenced = False

    def feed(self, text: str, start: int = 0) -> int | None:
        """Take the text from `start` on. The index after the end, or None if it is not there."""
        at = start
        while at < len(text) and self._at is not _At.NEVER:
            if self._at is _At.INSIDE:
                at = self._inside(text, at)
                if self._depth:
                    continue
                if not self._fenced:
                    return at
                self._at, self._ticks = _At.FENCE, 0
            elif self._at is _At.LANGUAGE:
                at = self._language(text, at)
            elif self._at is _At.START:
                at = self._begin(text, at)
            else:
                at = self._close_fence(text, at)
                if self._ticks == 3:
                    return at
        return None

    def _begin(self, text: str, at: int) -> int:
        sign = text[at]
        if sign == "`":
            self._ticks += 1
            if self._ticks == 3:
                self._fenced, self._at = True, _At.LANGUAGE
        elif sign == "{" and not self._ticks:
            self._at = _At.INSIDE
            return at
        elif not sign.isspace() or self._ticks:
            self._at = _At.NEVER
        return at + 1

    def _language(self, text: str, at: int) -> int:
        """The fence's language, and the name before a bracket that `tool_call(` has."""
        sign = text[at]
        if sign in "{(":
            self._at = _At.INSIDE
            return at
        if sign.isspace():
            return at + 1
        end = _WORD.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess]
        if end == at:
            self._at = _At.NEVER
        return max(end, at + 1)

    def _inside(self, text: str, at: int) -> int:
        while at < len(text):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            pattern = _STRING[self._quote] if self._quote else _MARK
            found = pattern.search(text, at)
            if found is None:
                return len(text)
            sign, at = found[0], found.end()
            if self._quote:
                self._escaped = sign == "\\"
                self._quote = "" if sign == self._quote else self._quote
            elif sign in "\"'":
                self._quote = sign
            else:
                self._depth += 1 if sign in "{([" else -1
                if not self._depth:
                    break
        return at

    def _close_fence(self, text: str, at: int) -> int:
        if text[at] == "`":
            self._ticks += 1
        elif not text[at].isspace() or self._ticks:
            self._at = _At.NEVER
        return at + 1


class AfterPayload:
    """What comes after an object that closed: white space and spelled-out tokens, then the rest."""

    _TOKENS = (*STOPS, SEGMENT)

    def __init__(self) -> None:
        self.skipped: list[str] = []
        self.tokens: list[str] = []
        self._begun = ""

    def feed(self, text: str) -> str:
        """Take text; give out what is neither, from its first character on."""
        text = self._begun + text
        at = 0
        while at < len(text):
            token = next((t for t in self._TOKENS if text.startswith(t, at)), "")
            if token:
                self.tokens.append(token)
            if token or text[at].isspace():
                at += len(token) or 1
                continue
            if any(t.startswith(text[at : at + len(t)]) for t in self._TOKENS):
                break  # the text ends within a token
            self._begun = ""
            self.skipped.append(text[:at])
            return text[at:]
        self.skipped.append(text[:at])
        self._begun = text[at:]
        return ""

    def close(self) -> str:
        """The start of a token that never came; it was text."""
        begun, self._begun = self._begun, ""
        return begun
