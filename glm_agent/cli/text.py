r"""Making text from outside fit to print (law 6).

What a model, a tool or a page wrote may hold terminal control sequences: they could move the
cursor, set the title, fill the clipboard or hide what follows. `visible` takes them out.

Does not do: JSON output, which escapes them instead (`jsonl.py`).
"""

from __future__ import annotations

import re

# ECMA-48: CSI (parameters, intermediates, final byte), then the strings (OSC, DCS, SOS, PM, APC)
# if they are terminated, then two-character escapes.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-Z\\^-~]"
)
# What may yet become one of these, or half of a line end, at the end of a text.
_BEGUN = re.compile(
    r"(?:\r|\x1b[ -/]*|(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*\x1b?)\Z"
)
_LONGEST = 1000  # characters held back; a longer sequence is none
# What is left of C0 and C1 but tab and newline, and the overrides that reorder text (UAX 9).
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` without anything that a terminal would obey."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", _SEQUENCE.sub("", text))


class VisibleStream:
    """`visible` for text that comes in parts, wherever they are cut."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The next part. A sequence that is not complete is held back."""
        text = self._held + text
        begun = _BEGUN.search(text)
        cut = begun.start() if begun and len(begun[0]) <= _LONGEST else len(text)
        self._held = text[cut:]
        return visible(text[:cut])

    def close(self) -> str:
        """What was held back, at the end of the text."""
        held, self._held = self._held, ""
        return visible(held)


def fold(text: str, lines: int, width: int) -> tuple[list[str], int]:
    """The first `lines` lines, each cut to `width` characters, and the number of lines left out."""
    every = text.rstrip("\n").split("\n")
    shown = [
        line if len(line) <= width else f"{line[:width]}… ({len(line) - width:,} more characters)"
        for line in every[:lines]
    ]
    return shown, len(every) - len(shown)


class Folded:
    """The first `lines` lines of a text that comes in parts, and how many more there were."""

    def __init__(self, lines: int, width: int) -> None:
        self._lines = lines
        self._width = width
        self._more = 0
        self._shown = 0
        self._line: list[str] = []

    @property
    def shown(self) -> bool:
        """Whether there was a line so far."""
        return self._shown > 0

    def feed(self, text: str) -> list[str]:
        """The lines that are complete with this part. Blank lines before the first are dropped."""
        first, *others = text.split("\n")
        self._line.append(first)
        shown: list[str] = []
        for line in others:
            shown += self._end_line()
            self._line.append(line)
        return shown

    def close(self) -> list[str]:
        """The last line, and a line that tells of those left out."""
        shown = self._end_line() if any(self._line) else []
        if self._more:
            shown.append(f"… {self._more:,} more line{'' if self._more == 1 else 's'}")
        return shown

    def _end_line(self) -> list[str]:
        line = "".join(self._line)
        self._line.clear()
        if not self._shown and not line.strip():
            return []
        if self._shown >= self._lines:
            self._more += 1
            return []
        self._shown += 1
        return fold(line, 1, self._width)[0]


def well_formed(text: str) -> str:
    """`text` from the command line with bytes that are not UTF-8 replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
