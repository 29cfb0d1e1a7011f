"""Reading an object that is nearly JSON: the rung below strict JSON.

Takes JSON, and with each of them recorded: single quotes, Python's literals, trailing commas, raw
control characters in strings, backslashes that escape nothing, full-width colons and commas,
escaped white space between values, brackets (and a last quote) missing at the end, and ChatGLM3's
`tool_call(key=value)`. All else is refused: what could be read in two ways is not read.

Does not do: guessing where a string ends, unquoted words, completing half a literal.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

_DEEPEST = 200
_SPACE = re.compile(r"[ \t\r\n]*")
_ESCAPED_SPACE = re.compile(r"(?:[ \t\r\n]|\\[nrt])*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.+-])", re.ASCII)
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PLAIN = {'"': re.compile(r'[^"\\\x00-\x1f]+'), "'": re.compile(r"[^'\\\x00-\x1f]+")}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\"}
_HEX = {"x": 2, "u": 4, "U": 8}
_LITERALS = {"true": True, "false": False, "null": None}
_PYTHON = {"True": True, "False": False, "None": None}
_CALL = re.compile(r"tool_call[ \t]*\(")


class LenientError(ValueError):
    """The text is not nearly JSON, or could be read in two ways."""


@dataclass(frozen=True, slots=True)
class Lenient:
    """An object, where it ended, and what was unusual about it.

    `half` says that the text ended in a string or number that may not have been whole.
    """

    value: dict[str, Any]
    end: int
    repairs: tuple[str, ...]
    half: bool


def read_object(text: str, start: int = 0) -> Lenient:
    """Read the object that begins at `start`. Raises `LenientError`."""
    reader = _Reader(text, start)
    value = reader.call() if _CALL.match(text, start) else reader.value(0)
    if not isinstance(value, dict):
        raise LenientError("not an object")
    return Lenient(value, reader.at, tuple(reader.repairs), reader.half)  # pyright: ignore[reportUnknownArgumentType]


class _Reader:
    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.at = start
        self.repairs: dict[str, None] = {}  # an ordered set
        self.half = False

    def _note(self, repair: str) -> None:
        self.repairs[repair] = None

    def _space(self) -> str:
        """Skip white space; the character after it, empty at the end."""
        self.at = _SPACE.match(self.text, self.at).end()  # pyright: ignore[reportOptionalMemberAccess]
        if self.text.startswith("\\", self.at):
            end = _ESCAPED_SPACE.match(self.text, self.at).end()  # pyright: ignore[reportOptionalMemberAccess]
            if end > self.at:
                self._note("escaped")
            self.at = end
        return self.text[self.at : self.at + 1]

    def _refuse(self) -> LenientError:
        return LenientError(f"unexpected text at character {self.at}")

    def value(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise LenientError("nested too deeply")
        first = self._space()
        if first == "{":
            return self._members(depth)
        if first == "[":
            return self._items(depth, "]")
        if first == "(":
            self._note("python")
            return self._items(depth, ")")
        if first in ('"', "'") and first:
            return self._string(first)
        return self._literal()

    def _members(self, depth: int) -> dict[str, Any]:
        self.at += 1
        result: dict[str, Any] = {}
        while (first := self._space()) != "}":
            if first not in ('"', "'") or not first:
                raise self._refuse()
            key = self._string(first)
            if key in result:
                raise LenientError(f"the key {key!r} is there twice")
            self._one_of(":", "：")
            result[key] = self.value(depth + 1)
            if self._next("}"):
                return result
        if result:
            self._note("trailing-comma")
        self.at += 1
        return result

    def _items(self, depth: int, close: str) -> list[Any]:
        self.at += 1
        result: list[Any] = []
        commas = 0
        while self._space() != close:
            result.append(self.value(depth + 1))
            if self._next(close):
                if close == ")" and not commas:
                    raise LenientError("brackets around one value are no tuple")
                return result
            commas += 1
        # Python's own way to write a tuple of one.
        if result and not (close == ")" and len(result) == 1):
            self._note("trailing-comma")
        self.at += 1
        return result

    def _next(self, close: str) -> bool:
        """After a value: pass a comma, the closing bracket, or the end of all; true if closed."""
        first = self._space()
        if not first:
            self._note("unclosed")
            return True
        if first == close:
            self.at += 1
            return True
        self._one_of(",", "，")
        if not self._space():
            raise LenientError("something is missing after the last comma")
        return False

    def _one_of(self, sign: str, twin: str) -> None:
        first = self._space()
        if first == twin:
            self._note("full-width")
        elif first != sign:
            raise self._refuse()
        self.at += 1

    def _string(self, quote: str) -> str:
        if quote == "'":
            self._note("single-quotes")
        self.at += 1
        parts: list[str] = []
        plain = _PLAIN[quote]
        while self.at < len(self.text):
            if run := plain.match(self.text, self.at):
                parts.append(run[0])
                self.at = run.end()
                continue
            sign = self.text[self.at]
            if sign == quote:
                self.at += 1
                return _joined(parts)
            if sign == "\\":
                parts.append(self._escape(quote))
            else:
                self._note("raw-newline")
                parts.append(sign)
                self.at += 1
        # The quote is missing. If brackets were meant after it, nobody can tell where it ended.
        if not parts or parts[-1].rstrip()[-1:] in ("", "}", "]", ")", ",", ":"):
            raise LenientError("a string is not closed")
        self._note("unclosed")
        self.half = True
        return _joined(parts)

    def _escape(self, quote: str) -> str:
        sign = self.text[self.at + 1 : self.at + 2]
        if not sign:
            raise LenientError("the text ends with a backslash")
        if sign in _HEX:
            digits = self.text[self.at + 2 : self.at + 2 + _HEX[sign]]
            if not re.fullmatch(rf"[0-9a-fA-F]{{{_HEX[sign]}}}", digits):
                raise LenientError(f"half an escape: \\{sign}{digits}")
            code = int(digits, 16)
            if code > 0x10FFFF:
                raise LenientError(f"no such character: \\{sign}{digits}")
            if sign != "u":
                self._note("python")
            self.at += 2 + _HEX[sign]
            return chr(code)
        self.at += 2
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        if sign in ('"', "'"):
            if sign != quote or quote == "'":
                self._note("single-quotes")
            return sign
        if sign in "\n01234567avN":
            raise LenientError("an escape that means different things in different languages")
        self._note("backslash")
        return f"\\{sign}"

    def _literal(self) -> Any:
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            self.half = self.half or self.at == len(self.text)
            return _number(number[0])
        word = _WORD.match(self.text, self.at)
        name = word[0] if word else ""
        if name not in _LITERALS and name not in _PYTHON:
            raise self._refuse()
        self.at += len(name)
        if name in _LITERALS:
            return _LITERALS[name]
        self._note("python")
        return _PYTHON[name]

    def call(self) -> dict[str, Any]:
        """`tool_call(key=value, ...)`, brackets closed."""
        self._note("tool-call")
        self.at = self.text.index("(", self.at) + 1
        result: dict[str, Any] = {}
        while self._space() != ")":
            key = _WORD.match(self.text, self.at)
            if not key or key[0] in result:
                raise self._refuse()
            self.at = key.end()
            self._one_of("=", "＝")
            result[key[0]] = self.value(1)
            if self._next(")"):
                break
        else:
            self.at += 1
        if "unclosed" in self.repairs:
            raise LenientError("tool_call( is not closed")
        # Single quotes are what this form is written in.
        self.repairs.pop("single-quotes", None)
        return result


def _joined(parts: list[str]) -> str:
    text = "".join(parts)
    if any("\ud800" <= c <= "\udfff" for c in text):
        try:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise LenientError("half of a surrogate pair") from None
    return text


def _number(text: str) -> int | float:
    if text.lstrip("-").isdigit():
        try:
            return int(text)
        except ValueError:  # int() refuses more than 4,300 digits
            raise LenientError("a number has too many digits") from None
    value = float(text)
    if not math.isfinite(value):
        raise LenientError(f"{text[:20]} is too large a number")
    return value
