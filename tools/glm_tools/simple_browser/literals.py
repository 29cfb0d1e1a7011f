"""Where the arguments of an action line end, and what they are in plain Python.

Models write quotes of every kind, quotes inside quotes, and full-width punctuation. What comes out
is a text that `ast` can read; it is never evaluated.

Does not do: knowing actions (`actions.py`).
"""

from __future__ import annotations

import re


class Unreadable(Exception):
    """Why a line is no action; the text is for the model."""


# Opening quotes and what closes them. A straight quote also ends what a curly one began.
_QUOTES = {
    '"': '"',
    "'": "'",
    "`": "`",
    "“": '”“"',
    "”": '”“"',
    "‘": "’‘'",
    "’": "’‘'",
    "「": "」",
    "『": "』",
    "«": "»",
    "《": "》",
    "＂": "＂",
    "＇": "＇",
}
_WIDE = str.maketrans("（），＝［］【】：；－、", "(),=[][]:;-,")
# What may follow a closing quote; anything else means that the quote belongs to the text.
_AFTER = re.compile(
    r"\s*(?:$|[)\]}）］】]|[,，、]\s*(?:$|[)\]}）］】\[［]|[-+]?\d|True|False|None|[\"'“”‘’「『«＂＇]|[A-Za-z_]\w*\s*[=＝]))"
)
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(
    rf"\\(?:u({_HEX}{{4}})|U(00(?:0{_HEX}|10){_HEX}{{4}})|x({_HEX}{{2}})|(.))", re.DOTALL
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "/": "/", "\\": "\\", '"': '"', "'": "'"}


def rewritten(line: str, start: int) -> tuple[str, int]:
    """The arguments up to the closing bracket as plain Python, and where they end in `line`."""
    pieces: list[str] = []
    depth, position = 1, start
    while position < len(line):
        char = line[position]
        if char in _QUOTES and not (char in "’'`" and pieces and pieces[-1][-1:].isalnum()):
            value, position = _string(line, position)
            pieces.append(repr(value))
            continue
        char = char.translate(_WIDE)
        depth += (char in "([{") - (char in ")]}")
        pieces.append(char)
        position += 1
        if not depth:
            return "".join(pieces), position
    raise Unreadable("the line is cut: its bracket is never closed")


def _string(line: str, start: int) -> tuple[str, int]:
    """The string that begins at a quote, and where it ends."""
    opening = line[start]
    if line.startswith(opening * 3, start) and opening in "\"'":
        end = line.find(opening * 3, start + 3)
        if end >= 0:
            return _unescaped(line[start + 3 : end]), end + 3
    position = start + 1
    while position < len(line):
        char = line[position]
        if char == "\\":
            position += 2
            continue
        if char in _QUOTES[opening] and _AFTER.match(line, position + 1):
            return _unescaped(line[start + 1 : position]), position + 1
        position += 1
    raise Unreadable("the line is cut: its quote is never closed")


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        if code := found[1] or found[2] or found[3]:
            return chr(int(code, 16))
        return _ESCAPES.get(found[4], found[0])

    text = _ESCAPE.sub(one, text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
