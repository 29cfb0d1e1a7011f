"""Whether a page has to be rendered: almost no text of its own, and scripts to make some.

Does not do: telling whether a script would really make any.
"""

from __future__ import annotations

import re

_THIN = 200  # characters of text
_LOOKED_AT = 2_000_000
_TAG = re.compile(r"<[^<>]*>?")
_SILENT = re.compile(r"<(script|style|noscript|template|svg|head|title)\b", re.IGNORECASE)


def needs_rendering(body: bytes, content_type: str = "text/html") -> bool:
    """Whether HTML has less than 200 characters of text and more than one script."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {"", "text/html", "application/xhtml+xml"}:
        return False
    text = body[:_LOOKED_AT].decode("utf-8", "replace")
    if len(re.findall(r"<script\b", text, re.IGNORECASE)) < 2:
        return False
    pieces: list[str] = []
    lower = text.lower()
    start = size = 0
    while size < _THIN and (silent := _SILENT.search(text, start)):
        size += _length(text[start : silent.start()])
        end = lower.find(f"</{silent[1].lower()}", silent.end())
        start = len(text) if end < 0 else end
    pieces.append(text[start:])
    return size < _THIN and size + _length("".join(pieces)[:_LOOKED_AT]) < _THIN


def _length(markup: str) -> int:
    return len(" ".join(_TAG.sub(" ", markup).split()))
