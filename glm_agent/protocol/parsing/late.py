r"""Calls that stand where the format has none: read when the stop token is known.

`watch.py` finds where one may begin. What was held from there on is read as a row of calls

    N { ... }     N ```json { ... } ```     N ```python tool_call(...) ```
    {"name": "N", "arguments": { ... }}     the same in an array or a fence
    the line N, then raw text to the end

or is text after all. The stop token is the evidence: after `<|user|>` it was an answer. After
`<|observation|>` it was a call, even with text after it or arguments that cannot be read, which
the model is then told. Where the stop token is unknown, the beginning must be a strong one, the
calls must be readable, and nothing may follow them.

Does not do: streaming.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..arguments.ladder import Arguments, read_arguments
from .payload import ObjectEnd, PayloadTail
from .watch import GAP, LANGUAGES, Evidence, Names, match_envelope

_SKIP = re.compile(r"(?:\s|<\|(?:endoftext|user|observation|assistant)\|>)*")
_GAP = re.compile(rf"[ \t\r\n]{{0,{GAP}}}")
_FENCE = re.compile(rf"```[ \t]*(?:{'|'.join(LANGUAGES[1:])})?(?!\w)\s*", re.IGNORECASE)
_FENCE_END = re.compile(r"\s*```")
_ARGUMENTS = re.compile(r"\s*,\s*([\"'])(arguments|parameters)\1\s*:\s*")
_CLOSE = re.compile(r"\s*\}")
_COMMA = re.compile(r"\s*,\s*(?=\{)")
_ARRAY_END = re.compile(r"\s*\]")
_LINE = re.compile(r"([^\n]*?)[ \t\r]*\n")


@dataclass(frozen=True, slots=True)
class LateCall:
    """A call as it was written, before it has a number. `arguments` is None for raw text."""

    name: str
    payload: str
    arguments: Arguments | None
    repairs: tuple[str, ...]


@dataclass(slots=True)
class Late:
    """Calls, the text after them, and what is in neither: white space, fences, envelopes."""

    calls: list[LateCall] = field(default_factory=list[LateCall])
    dropped: list[str] = field(default_factory=list[str])
    rest: str = ""


def read_late(text: str, names: Names, evidence: Evidence, *, called: bool) -> Late | None:
    """Read what was held. None means that it is text.

    `called` says that the stop token told of a call; False that it is unknown.
    """
    if evidence is Evidence.WEAK and not called:
        return None
    reader = _Reader(text, names, called)
    while reader.step():
        pass
    late = reader.late
    unsure = late.rest or any(c.arguments is None or c.arguments.error for c in late.calls)
    return None if not late.calls or (unsure and not called) else late


class _Reader:
    """Goes through the text once; what it passes is in a call or dropped."""

    def __init__(self, text: str, names: Names, called: bool) -> None:
        self.text = text
        self.names = names
        self.called = called
        self.at = 0
        self.late = Late()

    def step(self) -> bool:
        """Read the next call; False if there is none, and then the rest is set."""
        start = _end(_SKIP, self.text, self.at)
        if start < len(self.text):
            if self._named(start) or self._raw(start) or self._enveloped(start):
                return True
            self._drop(start)
            self.late.rest = self.text[start:]
        else:
            self._drop(start)
        return False

    def _drop(self, end: int) -> None:
        if end > self.at:
            self.late.dropped.append(self.text[self.at : end])
        self.at = end

    def _add(self, name: str, payload: str, arguments: Arguments | None, *repairs: str) -> None:
        before = ("after-call",) if self.late.calls else ()
        read = arguments.repairs if arguments else ()
        self.late.calls.append(LateCall(name, payload, arguments, (*before, *repairs, *read)))

    def _named(self, start: int) -> bool:
        text = self.text
        end = self.names.function_at(text, start)
        opens = _end(_GAP, text, end) if end else 0
        if end is None or not text.startswith(("{", "```"), opens):
            return False
        closes = ObjectEnd().feed(text, opens)
        if closes is None and not self.called:
            return False
        payload = text[opens:closes] if closes else _without_tail(text[opens:])
        same_line = () if "\n" in text[end:opens] else ("same-line",)
        self._add(text[start:end], payload, read_arguments(payload), *same_line)
        self._drop(start)
        self.at = end
        self._drop(opens)
        self.at = opens + len(payload)
        if closes is None:
            self._drop(len(text))
        return True

    def _raw(self, start: int) -> bool:
        """A line that is a raw tool's name, and its text, which goes to the end."""
        text = self.text
        line = _LINE.match(text, start) if self.called else None
        before = text[max(0, start - GAP) : start].rstrip(" \t\r")
        if line is None or line[1] not in self.names.raw or (before and before[-1] != "\n"):
            return False
        payload = _without_tail(text[line.end() :])
        self._add(line[1], payload, None)
        self._drop(start)
        self.at = line.end(1)
        self._drop(line.end())
        self.at += len(payload)
        self._drop(len(text))
        return True

    def _enveloped(self, start: int) -> bool:
        text = self.text
        at = _end(_FENCE, text, start)
        fenced, array = at > start, text.startswith("[", at)
        found: list[tuple[slice, slice]] = []
        while True:
            read = self._envelope(at)
            if read is None:
                return False
            name, payload, at = read
            found.append((name, payload))
            comma = _COMMA.match(text, at) if array else None
            if comma is None:
                break
            at = comma.end()
        for wanted, end in ((array, _ARRAY_END), (fenced, _FENCE_END)):
            close = end.match(text, at) if wanted else None
            if wanted and close is None and (end is _ARRAY_END or text[at:].strip()):
                return False
            at = close.end() if close else at
        for name, payload in found:
            written = text[payload]
            self._add(text[name], written, read_arguments(written), "envelope")
            for kept in (name, payload):
                self._drop(kept.start)
                self.at = kept.stop
        self._drop(at)
        return True

    def _envelope(self, at: int) -> tuple[slice, slice, int] | None:
        """Where name and arguments stand in the envelope at `at`, and where it ends."""
        text = self.text
        name = match_envelope(text, at, self.names.functions)
        end = ObjectEnd().feed(text, text.index("{", at)) if isinstance(name, slice) else None
        if end is None or not isinstance(name, slice):
            return None
        after = name.stop + 1
        key = _ARGUMENTS.match(text, after)
        if key is None:
            return (
                (name, slice(end - 1, end - 1), end) if _end(_CLOSE, text, after) == end else None
            )
        start = key.end()
        payload = text[start : end - 1].rstrip()
        # A tool's description has "parameters" too, so only the stop token can tell it apart.
        if not payload or (key[2] == "parameters" and not self.called):
            return None
        return name, slice(start, start + len(payload)), end


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a match at `at` ends; `at` if there is none."""
    found = pattern.match(text, at)
    return found.end() if found else at


def _without_tail(text: str) -> str:
    tail = PayloadTail()
    return tail.feed(text) + tail.close()
