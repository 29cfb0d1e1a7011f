"""From a function call's payload to its arguments: a ladder of readers.

1. strict JSON: one object, no key twice, only numbers that JSON has
2. what stands around it is taken off: a Markdown fence, a second JSON encoding
3. `lenient.py`: nearly JSON, each liberty recorded
4. `last_resort.py`: json-repair, where its result provably loses and invents nothing

`strict=True` stops after the first. What had to be mended is in `Arguments.repairs`, in the words
of `repairs.py`. What cannot be read becomes an error text that the model can act on, never an
exception. A call that the token limit cut is never completed by guessing.

Does not do: checking against a schema (tooling does), finding the call (the parsers do).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .last_resort import repair_object
from .lenient import LenientError, read_object

CUT = "the call was cut by the token limit; make it again, shorter"


@dataclass(frozen=True, slots=True)
class Arguments:
    """What was read: an object, or None with the reason; and what had to be mended for it."""

    value: Mapping[str, Any] | None
    error: str | None = None
    repairs: tuple[str, ...] = ()


class _UnreadableError(ValueError):
    """Why a payload is not a JSON object."""


def read_arguments(
    payload: str, strict: bool = False, *, cut: bool = False, ended: bool = True
) -> Arguments:
    """Read a payload. An empty one means no arguments: `{}`. Never raises.

    `cut` says that the token limit ended the text, `ended` that the model itself did (a stop token
    or what else closes a call in its format was seen). A cut call is read only if it is whole all
    the same; a last string or number that nothing closes only if the model ended there.
    """
    if not payload.strip():
        return Arguments(None, CUT) if cut else Arguments({})
    try:
        return Arguments(_strict(payload))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        reason = f"not valid JSON: {error.msg} at {where}"
    except _UnreadableError as error:
        reason = str(error)
    except RecursionError:
        reason = "nested too deeply"
    except ValueError:  # int() refuses more than 4,300 digits
        reason = "not valid JSON: a number has too many digits"
    if not strict:
        try:
            return _mended(payload, cut, ended)
        except LenientError as error:
            reason = str(error.__cause__ or reason)
    if cut:
        return Arguments(None, CUT)
    return Arguments(None, f"the arguments are {reason}; write one JSON object")


def _mended(payload: str, cut: bool, ended: bool) -> Arguments:
    """The lower rungs. Raises `LenientError`, whose cause, if any, is the better reason."""
    repairs: dict[str, None] = {}
    text = _unwrapped(payload.strip(), repairs)
    try:
        return Arguments(_strict(text), repairs=tuple(repairs))
    except (ValueError, RecursionError):
        pass
    try:
        value = _one_object(text, repairs, cut, ended)
    except LenientError:
        repaired = None if cut else repair_object(text)
        if repaired is None or not _is_unicode(repaired):
            raise
        value = repaired
        repairs["json-repair"] = None
    return Arguments(value, repairs=tuple(repairs))


_LANGUAGE = re.compile(r"```[ \t]*\w*[ \t]*(?=[\n{])")
_ESCAPED = re.compile(r'\{(?:\s|\\[nrt])*\\"')
_SPACE = re.compile(r"\s*")


def _unwrapped(text: str, repairs: dict[str, None]) -> str:
    """Take off what stands around the object."""
    start = _LANGUAGE.match(text)
    if start or (text.startswith("{") and text.endswith("```")):
        repairs["fence"] = None
        text = text[start.end() if start else 0 :].removesuffix("```").strip()
    for _ in range(2):
        if not text.startswith('"'):
            break
        try:
            inner: Any = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            break
        if not isinstance(inner, str) or not inner.lstrip().startswith(("{", '"')):
            break
        repairs["double-encoded"] = None
        text = inner.strip()
    if _ESCAPED.match(text):
        try:
            text = json.loads(f'"{text}"', strict=False)
            repairs["escaped"] = None
        except (ValueError, RecursionError):
            pass
    return text


def _one_object(text: str, repairs: dict[str, None], cut: bool, ended: bool) -> dict[str, Any]:
    """The object in `text`; several are one if they are equal or empty."""
    found: dict[str, dict[str, Any]] = {}
    seen: dict[str, None] = {}
    at = 0
    while at < len(text) and len(found) < 3:
        if found and not text.startswith("{", at):
            raise LenientError("more text after the object")
        read = read_object(text, at)
        if "unclosed" in read.repairs and (cut or found or (read.half and not ended)):
            raise LenientError("half an object")
        seen.update(dict.fromkeys(("concatenated", *read.repairs) if found else read.repairs))
        found[json.dumps(read.value)] = read.value
        at = _SPACE.match(text, read.end).end()  # pyright: ignore[reportOptionalMemberAccess]
    full = [value for value in found.values() if value]
    if len(full) > 1:
        cause = _UnreadableError("ambiguous: there are several objects")
        raise LenientError("several objects") from cause
    value = full[0] if full else {}
    if not _is_unicode(value):
        raise LenientError("half of a surrogate pair")
    repairs.update(seen)
    return value


def _strict(payload: str) -> dict[str, Any]:
    value: Any = json.loads(
        payload, object_pairs_hook=_object, parse_float=_number, parse_constant=_constant
    )
    if not isinstance(value, dict):
        raise _UnreadableError(f"not a JSON object but {_KINDS.get(type(value), 'a value')}")
    if _SURROGATE.search(payload) and not _is_unicode(value):
        raise _UnreadableError("not valid Unicode: half of a surrogate pair")
    return value  # pyright: ignore[reportUnknownVariableType]


def _is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


_SURROGATE = re.compile("\\\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_KINDS: dict[type, str] = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a key that is there twice is refused, because one of its values would be lost."""
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _UnreadableError(f"ambiguous: the key {key!r} is there twice")
            seen.add(key)
    return result


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _UnreadableError(f"not valid JSON: {text[:20]} is too large a number")
    return value


def _constant(text: str) -> float:
    raise _UnreadableError(f"not valid JSON: {text} is not a JSON number")
