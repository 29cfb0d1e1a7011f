"""Tells when a JSON object that arrives in pieces is whole, at the cost of one look at each piece.

Does not do: reading or mending the object; what is not JSON may end at the wrong place or never, so
whoever asks reads it before trusting the end.
"""

from __future__ import annotations

import re

_OUTSIDE = re.compile(r'[{}\[\]"]')
_INSIDE = re.compile(r'["\\]')


class ObjectEnd:
    """Counts brackets outside strings."""

    __slots__ = ("_depth", "_escaped", "_in_string")

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, text: str) -> bool:
        """Take the next piece. Whether the outermost bracket was closed in it."""
        at = 0
        while at < len(text):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            found = (_INSIDE if self._in_string else _OUTSIDE).search(text, at)
            if found is None:
                break
            at = found.end()
            if found[0] == '"':
                self._in_string = not self._in_string
            elif found[0] == "\\":
                self._escaped = True
            else:
                self._depth += 1 if found[0] in "{[" else -1
                if self._depth <= 0:
                    self._depth = 0
                    return True
        return False
