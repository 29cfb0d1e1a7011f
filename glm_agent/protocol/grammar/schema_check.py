"""Which JSON Schemas a grammar can hold, said before anything runs.

A word of JSON Schema is held (the grammar admits nothing else), an annotation (it limits nothing),
or cannot be held by any context-free grammar; such a word is named in an error with its place.
`uniqueItems` alone is let pass unheld: the tool itself checks it, and sets need it.

Does not do: making the grammar (`json_rules.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, cast

from ...errors import UnsupportedSchemaError
from ...messages import ToolSpec

Schema = Mapping[str, Any]

TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
FORMATS = frozenset({"date", "ipv4", "ipv6", "uuid"})
"""The formats that are held. Others limit nothing: those of times want a time zone, and those of
addresses plain ASCII, where tools (and pydantic) take more."""
ANNOTATIONS = frozenset(
    {
        *("title", "description", "default", "example", "examples", "deprecated", "discriminator"),
        *("readOnly", "writeOnly", "contentEncoding", "contentMediaType", "contentSchema"),
        *("$schema", "$id", "$comment", "$anchor", "uniqueItems", "strict"),
    }
)
"""Words that do not change what is admitted."""
_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONE = ("items", "additionalProperties")
_HELD = frozenset(
    {
        *(*_SCHEMAS, *_LISTS, *_ONE, "type", "required", "enum", "const", "$ref", "nullable"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "format", "minItems", "maxItems"),
        *("minProperties", "maxProperties"),
    }
)
# JSON Schema's words that no rule of ours holds. A word that is in none of these lists is no word
# of JSON Schema, and so an annotation.
_UNHELD = frozenset(
    {
        *("not", "if", "then", "else", "contains", "minContains", "maxContains", "propertyNames"),
        *("dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties"),
        *("unevaluatedItems", "additionalItems", "$dynamicRef", "$recursiveRef", "$dynamicAnchor"),
    }
)
# What the engine's regular expressions lack: looking around, and back.
_NO_REGEX = re.compile(r"\(\?(?:<?[=!]|P?=|\(|>)|(?<!\\)(?:\\\\)*\\[1-9bBAZzG]")
_DEEPEST = 60


def check_tools(tools: Sequence[ToolSpec]) -> None:
    """Raise `UnsupportedSchemaError` for the first tool whose schema no grammar can hold."""
    for tool in tools:
        if tool.kind == "function":
            for place, problem in problems_of(tool.parameters):
                raise unsupported(tool, problem, place)


def unsupported(tool: ToolSpec, problem: str, place: Sequence[str] = ()) -> UnsupportedSchemaError:
    """The error for a schema that cannot be held, because of a problem at a place in it."""
    where = ".".join(("parameters", *place))
    return UnsupportedSchemaError(
        f"tool {tool.name!r}: {where}: {problem}; change the schema, or let the model "
        "write calls freely with Settings(constrain=False)"
    )


def problems_of(schema: Schema) -> Iterator[tuple[tuple[str, ...], str]]:
    """What cannot be held: places, as the words that lead there, and what is wrong."""
    if _kinds(schema) - {"object"} and "type" in schema:
        yield ("type",), "arguments are a JSON object, so the type must be 'object'"
        return
    yield from _problems(schema, schema, ())


def resolve(root: Schema, reference: str) -> Any:
    """What `#/$defs/name` stands for; a KeyError if nothing does."""
    found: Any = root
    if reference != "#" and not reference.startswith("#/"):
        raise KeyError(reference)
    for step in reference.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 - RFC 6901
        found = found[int(step) if isinstance(found, list) else step]
    return found


def _problems(
    root: Schema, schema: Any, place: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(schema, bool):
        if not schema and place[-1:] not in (("additionalProperties",), ("items",)):
            yield place, "nothing satisfies the schema 'false'"
        return
    if not isinstance(schema, Mapping):
        yield place, "is not a schema (an object)"
        return
    if len(place) > _DEEPEST:
        yield place, "is nested too deeply"
        return
    node = cast("Schema", schema)
    for word, value in node.items():
        where = (*place, word)
        if word in _SCHEMAS and isinstance(value, Mapping):
            for name, part in cast("Schema", value).items():
                yield from _problems(root, part, (*where, name))
        elif isinstance(value, list) and value and word in (*_LISTS, "items"):
            parts = cast("list[Any]", value)
            for index, part in enumerate(parts):
                yield from _problems(root, part, (*where, str(index)))
            if word == "oneOf" and not all(_apart(root, *pair) for pair in combinations(parts, 2)):
                yield where, "its alternatives overlap, which a grammar cannot tell; use 'anyOf'"
        elif word in _ONE:
            yield from _problems(root, value, where)
        elif problem := _problem(root, node, word, value):
            yield where, problem


def _problem(root: Schema, node: Schema, word: str, value: Any) -> str:
    """What is wrong with one word, empty when nothing is."""
    if word in _UNHELD:
        return f"{word!r} cannot be held by a grammar"
    if word in _SCHEMAS:
        return "should be an object"
    if word in _LISTS:
        return "should be a list of schemas"
    if word == "type":
        names = cast("list[Any]", value) if isinstance(value, list) else [value]
        wrong = [name for name in names if not isinstance(name, str) or name not in TYPES]
        if wrong or not names:
            return f"{(wrong or names)[0] if names else value!r} is no type of JSON Schema"
    elif word == "$ref":
        return _reference_problem(root, value)
    elif word == "enum":
        if not isinstance(value, list) or not value:
            return "should be a list of values"
    elif word == "pattern":
        return _pattern_problem(value)
    elif word == "required":
        if not isinstance(value, list):
            return "should be a list of names"
    elif word.startswith(("min", "max")) and word in _HELD:
        return _limit_problem(node, word, value)
    return ""


def _reference_problem(root: Schema, reference: Any) -> str:
    first = reference
    seen: set[str] = set()
    while isinstance(reference, str):
        if reference in seen:
            return f"{reference!r} refers to itself and nothing else"
        seen.add(reference)
        try:
            found = resolve(root, reference)
        except (KeyError, IndexError, ValueError, TypeError):
            return f"there is no {reference!r} in this schema"
        reference = cast("Schema", found).get("$ref") if isinstance(found, Mapping) else None
    if reference is not None:
        return "should be a text such as '#/$defs/name'"
    if _endless(root, {"$ref": first}, frozenset()):
        return "no JSON satisfies it: what it requires contains itself without end"
    return ""


def _endless(root: Schema, schema: Any, inside: frozenset[str]) -> bool:
    """Whether what satisfies a schema would have to contain itself; `inside` are references."""
    if not isinstance(schema, Mapping):
        return False
    node = cast("Schema", schema)
    reference = node.get("$ref")
    if isinstance(reference, str):
        if reference in inside:
            return True
        try:
            target = resolve(root, reference)
        except (KeyError, IndexError, ValueError, TypeError):
            return False  # said where it stands
        if _endless(root, target, inside | {reference}):
            return True
    for word in ("anyOf", "oneOf"):
        members = node.get(word)
        if isinstance(members, list) and members:
            parts = cast("list[Any]", members)
            if all(_endless(root, part, inside) for part in parts):
                return True
    items = node.get("items") if node.get("minItems") else None
    properties: Any = node.get("properties")
    needed = [items]
    if isinstance(properties, Mapping) and isinstance(node.get("required"), list):
        needed += [cast("Schema", properties).get(name) for name in node["required"]]
    if isinstance(node.get("allOf"), list):
        needed += node["allOf"]
    return any(_endless(root, part, inside) for part in needed)


def _pattern_problem(pattern: Any) -> str:
    if not isinstance(pattern, str):
        return "should be a regular expression"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"{pattern!r} is no regular expression: {error.msg}"
    if found := _NO_REGEX.search(pattern):
        return f"{found[0]!r} in {pattern!r} cannot be held by a grammar"
    return ""


def _limit_problem(node: Schema, word: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "should be a number"
    other = node.get(f"max{word[3:]}") if word.startswith("min") else None
    if isinstance(other, int | float) and other < value:
        return f"no value is at least {value} and at most {other}"
    return ""


def _apart(root: Schema, left: Any, right: Any) -> bool:
    """Whether no value satisfies both schemas, as far as types and fixed values tell."""
    left, right = _target(root, left), _target(root, right)
    if not left or not right:
        return False
    kinds, others = _wide_kinds(left), _wide_kinds(right)
    if kinds and others and not kinds & others:
        return True
    values, other_values = _values(left), _values(right)
    if values is not None and other_values is not None:
        return not values & other_values
    shared = set(left.get("required", ())) & set(right.get("required", ()))
    return any(
        _apart(root, left["properties"][name], right["properties"][name])
        for name in shared
        if name in left.get("properties", {}) and name in right.get("properties", {})
    )


def _target(root: Schema, schema: Any) -> Schema:
    """A schema, or what it refers to; empty where it is none."""
    while isinstance(schema, Mapping):
        node = cast("Schema", schema)
        if "$ref" not in node:
            return node
        if _reference_problem(root, node["$ref"]):
            break
        schema = resolve(root, node["$ref"])
    return {}


def _values(schema: Schema) -> set[str] | None:
    """The fixed values of a schema as JSON; None where there are none."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else {json.dumps(value, sort_keys=True) for value in values}


def _wide_kinds(schema: Schema) -> set[str]:
    """The types, with integers among the numbers."""
    return {"number" if kind == "integer" else kind for kind in _kinds(schema)}


def _kinds(schema: Schema) -> set[str]:
    kind: Any = schema.get("type")
    names = cast("list[Any]", kind) if isinstance(kind, list) else [kind]
    return {name for name in names if isinstance(name, str)}
