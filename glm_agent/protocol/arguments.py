"""From a function call's payload to its arguments.

A payload is one strict JSON object. What cannot be read becomes an error text that the model can
act on, never an exception.

Does not do: repairs (the ladder's later rungs come after `_strict`), checking against a schema
(tooling does).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CUT = "the call was cut by the token limit; make it again, shorter"


@dataclass(frozen=True, slots=True)
class Arguments:
    """What was read: an object, or None with the reason; and what had to be mended for it."""

    value: Mapping[str, Any] | None
    error: str | None = None
    repairs: tuple[str, ...] = ()


class _UnreadableError(ValueError):
    """Why a payload is not a JSON object."""


def read_arguments(payload: str) -> Arguments:
    """Read a payload. An empty one means no arguments: `{}`. Never raises."""
    if not payload.strip():
        return Arguments({})
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
    return Arguments(None, f"the arguments are {reason}; write one JSON object")


def _strict(payload: str) -> dict[str, Any]:
    value: Any = json.loads(
        payload, object_pairs_hook=_object, parse_float=_number, parse_constant=_constant
    )
    if not isinstance(value, dict):
        raise _UnreadableError(f"not a JSON object but {_KINDS.get(type(value), 'a value')}")
    if _SURROGATE.search(payload):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise _UnreadableError("not valid Unicode: half of a surrogate pair") from None
    return value  # pyright: ignore[reportUnknownVariableType]


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
