"""What follows a call that was given out at its closing bracket.

Models leave things behind a complete object: brackets too many, a fence's end, stop tokens spelled
out, the same object again, an empty one, or another one with no name before it. None of that can
change a call that may be running already.

Does not do: finding where the object closed (`payload.py`), the next segment (`stream.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..arguments.ladder import read_arguments
from .payload import SEGMENT, AfterPayload, ObjectEnd

SECOND_OBJECT = "a second object after the call; write the function's name on a line before each"

# What may be left of a payload that is over. With a word right behind it, it is text.
_STRAY = re.compile(r"""[}\])"'`,;]+""")


class Following:
    """Takes the text after a call up to what is no leftover of it.

    `feed` and `close` return what belongs to the next segment, and `second` is then the payload of
    another object in front of it, if there was one. `dropped` is what was neither.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.dropped: list[str] = []
        self.second: str | None = None
        self.second_arguments: Mapping[str, Any] = {}
        self.continued_by_token = False
        """Whether a spelled-out `<|assistant|>` stands before the rest."""
        self._arguments = arguments
        self._after = AfterPayload()
        self._stray: list[str] = []
        self._object: ObjectEnd | None = None
        self._held: list[str] = []

    def feed(self, text: str) -> str:
        """Take text; what of it is the next segment's. Once there is any, this is over."""
        while text and self.second is None:
            if self._object is not None:
                text, rest = self._take_object(self._object, text)
                if rest:
                    return rest
            elif self._stray:
                text, rest = self._take_stray(text)
                if rest:
                    return rest
            elif rest := self._after.feed(text):
                if self._after.tokens or (rest[0] != "{" and not _STRAY.match(rest)):
                    return self._give(rest)
                self._skip()
                text = rest
                if rest[0] == "{":
                    self._object = ObjectEnd()
                else:
                    self._stray = [""]
            else:
                break
        return text if self.second is not None else ""

    def close(self) -> str:
        """The segment ends: half an object is text, as is the start of a token."""
        rest = "".join([*self._held, self._after.close()])
        self._held, self._object = [], None
        self.dropped += self._stray
        self._skip()
        return rest

    def _give(self, rest: str) -> str:
        self.continued_by_token = SEGMENT in self._after.tokens
        self._skip()
        return rest

    def _skip(self) -> None:
        self.dropped += self._after.skipped
        self._after = AfterPayload()

    def _take_stray(self, text: str) -> tuple[str, str]:
        """What is left to take, or to give."""
        found = _STRAY.match(text)
        if found:
            self._stray.append(found[0])
            return text[found.end() :], ""
        stray, self._stray = "".join(self._stray), []
        if text[0].isspace() or text[0] == "<":
            self.dropped.append(stray)
            return text, ""
        return "", stray + text

    def _take_object(self, reading: ObjectEnd, text: str) -> tuple[str, str]:
        """What is left to take, or to give."""
        end = reading.feed(text)
        if end is None:
            self._held.append(text)
            return "", ""
        payload = "".join([*self._held, text[:end]])
        self._held, self._object = [], None
        value = read_arguments(payload).value
        if value is None or ("name" in value and ("arguments" in value or "parameters" in value)):
            return "", payload + text[end:]  # no object, or a call in an envelope
        if not value or value == self._arguments:
            self.dropped.append(payload)
        else:
            self.second, self.second_arguments = payload, value
        return text[end:], ""
