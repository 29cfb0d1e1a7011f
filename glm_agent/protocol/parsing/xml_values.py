"""Values in the XML form of GLM-4.5 and later: from the text between two tags to a JSON value.

The form writes strings as they are and everything else as JSON, and does not say which it wrote.
The tool's JSON schema does: `allowed` reads the types of a parameter from it, `read_value` reads a
text as one of them.

Does not do: checking values against the schema (tooling does).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..arguments.ladder import read_arguments

ANY: frozenset[str] = frozenset()
"""No type is known: JSON if it reads as JSON, else text."""

STRING = frozenset({"string"})
_ALL = frozenset({"string", "integer", "number", "boolean", "null", "array", "object"})

# How many references are followed: a schema that refers to itself in a circle ends there.
_DEPTH = 16
_KEY = "value"


@dataclass(frozen=True, slots=True)
class Value:
    """What was read, or the reason why nothing could be; and what had to be mended for it."""

    value: Any = None
    error: str | None = None
    repairs: tuple[str, ...] = ()


def allowed(parameters: Mapping[str, Any] | None, name: str) -> frozenset[str]:
    """The JSON types that a parameter may have, by its tool's schema; `ANY` where it says nothing.

    Never raises, whatever the schema is.
    """
    root: Any = parameters
    if not isinstance(root, Mapping):
        return ANY
    found = _argument(root, root, name, _DEPTH)
    if found is None:
        found = types_of(cast("Mapping[str, Any]", root).get("additionalProperties"), root)
    return found


def _argument(schema: Any, root: Any, name: str, depth: int) -> frozenset[str] | None:
    """The types of a parameter, wherever the schema lists it; None if it does nowhere."""
    if not isinstance(schema, Mapping) or depth == 0:
        return None
    node = cast("Mapping[str, Any]", schema)
    found: list[frozenset[str] | None] = []
    properties = node.get("properties")
    if isinstance(properties, Mapping) and name in properties:
        found.append(types_of(properties[name], root))
    if isinstance(reference := node.get("$ref"), str):
        found.append(_argument(_resolve(reference, root), root, name, depth - 1))
    if isinstance(every := node.get("allOf"), list):
        found += [_argument(one, root, name, depth - 1) for one in cast("list[object]", every)]
    for keyword in ("anyOf", "oneOf"):
        if isinstance(branches := node.get(keyword), list):
            options = [
                _argument(one, root, name, depth - 1) for one in cast("list[object]", branches)
            ]
            listed = [types for types in options if types is not None]
            if listed:
                found.append(frozenset().union(*listed) if all(listed) else ANY)
    known = [types for types in found if types is not None]
    return _all_hold(known) if known else None


def types_of(schema: Any, root: Any, depth: int = _DEPTH) -> frozenset[str]:
    """The JSON types that a schema allows; `root` is what its references point into."""
    if not isinstance(schema, Mapping) or depth == 0:
        return ANY
    found = cast("Mapping[str, Any]", schema)
    types = _all_hold(_constraints(found, root, depth - 1))
    return types | {"null"} if types and found.get("nullable") is True else types


def _all_hold(allowed: list[frozenset[str]]) -> frozenset[str]:
    types = ANY
    for one in allowed:
        # `ANY` constrains nothing; types that exclude one another are the schema's own mistake.
        types = (types & one or one) if types and one else types or one
    return types


def _constraints(schema: Mapping[str, Any], root: Any, depth: int) -> list[frozenset[str]]:
    """The types that each keyword allows, all of which must hold."""
    result: list[frozenset[str]] = []
    kind = schema.get("type")
    if isinstance(kind, str):
        result.append(_ALL & {kind})
    elif isinstance(kind, Sequence):
        result.append(_ALL & set(map(str, cast("Sequence[object]", kind))))
    elif "properties" in schema:
        result.append(frozenset({"object"}))
    elif "items" in schema:
        result.append(frozenset({"array"}))
    if isinstance(enum := schema.get("enum"), list):
        result.append(frozenset(map(kind_of, cast("list[object]", enum))))
    if "const" in schema:
        result.append(frozenset({kind_of(schema["const"])}))
    if isinstance(reference := schema.get("$ref"), str):
        result.append(types_of(_resolve(reference, root), root, depth))
    for keyword in ("anyOf", "oneOf"):
        if isinstance(branches := schema.get(keyword), list) and branches:
            options = [types_of(one, root, depth) for one in cast("list[object]", branches)]
            result.append(frozenset().union(*options) if all(options) else ANY)
    if isinstance(every := schema.get("allOf"), list):
        result += [types_of(one, root, depth) for one in cast("list[object]", every)]
    return result


def _resolve(reference: str, root: Any) -> Any:
    """What a reference within the schema points to (a JSON pointer, RFC 6901); None if nothing."""
    start, *steps = reference.split("/")
    found = root if start == "#" else None
    for step in steps:
        name = step.replace("~1", "/").replace("~0", "~")
        found = cast("Mapping[str, Any]", found).get(name) if isinstance(found, Mapping) else None
    return found


def kind_of(value: object) -> str:
    """The JSON type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if value is None:
        return "null"
    return "object" if isinstance(value, Mapping) else "array"


def _fits(value: object, types: frozenset[str]) -> bool:
    kind = kind_of(value)
    return kind in types or (kind == "integer" and "number" in types)


def read_value(text: str, types: frozenset[str], *, strict: bool = False) -> Value:
    """Read the text of a value as one of `types`. Never raises.

    A string is the text exactly as it is. Where other types are allowed too, the text is read as
    one of those if it is their JSON. Where no string is allowed and the text is no JSON, it is
    mended, and an error if that fails; `strict` mends nothing.
    """
    if types == STRING:
        return Value(text)
    read = read_arguments(_wrapped(text), strict=True).value
    known = read is not None and list(read) == [_KEY]
    value = read[_KEY] if read is not None and known else None
    if not types:
        return Value(value if known else text)
    if "string" in types:
        return Value(value if known and _fits(value, types - STRING) else text)
    if known and (strict or not isinstance(value, str)):
        return Value(value)
    if not strict:
        # `"3"` for a number; `[{\"a\": 1}]`, as sglang#12456 met it; and last what is mended
        # in whole payloads.
        inner = value if isinstance(value, str) else _unescaped(text)
        if inner is not None:
            again = read_value(inner, types, strict=True)
            if again.error is None and _fits(again.value, types):
                return Value(again.value, repairs=("double-encoded" if known else "escaped",))
        if known:
            return Value(value)
        if (mended := _mended(text, types)) is not None:
            return mended
    return Value(error=f"not valid JSON; write {_expected(types)}")


def _mended(text: str, types: frozenset[str]) -> Value | None:
    """What the ladder for whole payloads makes of a value; its last rung is the last resort."""
    found: list[Value] = []
    for written in (_wrapped(text), _wrapped(text)[:-1]):  # a missing bracket is missing at the end
        read = read_arguments(written)
        if read.value is not None and list(read.value) == [_KEY] and _fits(read.value[_KEY], types):
            found.append(Value(read.value[_KEY], repairs=read.repairs))
    return min(found, key=lambda one: "json-repair" in one.repairs, default=None)


def _wrapped(text: str) -> str:
    return f'{{"{_KEY}": {text}}}'


def _unescaped(text: str) -> str | None:
    if "\\" not in text:
        return None
    try:
        found = json.loads(f'"{text.strip()}"', strict=False)
    except ValueError:
        return None
    return found if isinstance(found, str) else None


def _expected(types: frozenset[str]) -> str:
    return " or ".join(f"{'an' if one[0] in 'aeio' else 'a'} {one}" for one in sorted(types))
