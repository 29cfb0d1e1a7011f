"""Makes pydantic's JSON Schemas lean and stable, as a model should read them.

No titles, no `additionalProperties: true|false`, definitions written out where they are used
(except recursive ones), `anyOf [X, null]` with the default null shown as X, `type` and
`description` first.

Does not do: making schemas (`schema.py`), or mending ones that came from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_MAPS = ("properties", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "propertyNames", "contains", "not")
_NOISE = ("title", "$defs", "discriminator")
_FIRST = ("$ref", "type", "description", "properties", "required")
_PREFIX = "#/$defs/"


def lean(schema: Mapping[str, Any]) -> Schema:
    """The same schema without noise; it accepts what `schema` accepts of well-meant input."""
    definitions: dict[str, Schema] = schema.get("$defs", {})
    recursive = {name for name in definitions if _reaches_itself(name, definitions)}
    result = _lean(schema, definitions, recursive)
    used = _closure(_references(result), definitions, recursive)
    if used:
        result["$defs"] = {
            name: _lean(definitions[name], definitions, recursive)
            for name in definitions
            if name in used
        }
    return result


def _lean(schema: Mapping[str, Any], definitions: Mapping[str, Schema], kept: set[str]) -> Schema:
    node = dict(schema)
    name = str(node.get("$ref", "")).removeprefix(_PREFIX)
    if name in definitions and name not in kept:
        del node["$ref"]
        return _lean({**definitions[name], **node}, definitions, kept)
    if len(node.get("allOf", ())) == 1:
        inner = node.pop("allOf")[0]
        return _lean({**inner, **node}, definitions, kept)
    if "default" in node and node["default"] is None and "anyOf" in node:
        others = [member for member in node["anyOf"] if member != {"type": "null"}]
        if len(others) < len(node["anyOf"]):
            del node["default"], node["anyOf"]
            inner = others[0] if len(others) == 1 else {"anyOf": others}
            return _lean({**inner, **node}, definitions, kept)

    result: Schema = {}
    for key in sorted(node, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST)):
        value = node[key]
        if key in _NOISE or (key == "required" and not value):
            continue
        if key == "additionalProperties" and isinstance(value, bool):
            continue
        if key in _MAPS:
            value = {name: _lean(part, definitions, kept) for name, part in value.items()}
        elif key in _LISTS:
            value = [_lean(part, definitions, kept) for part in value]
        elif key in _SINGLE and isinstance(value, dict):
            value = _lean(value, definitions, kept)
        result[key] = value
    return result


def _references(schema: Any) -> set[str]:
    """Names of the definitions that a schema points to."""
    if isinstance(schema, list):
        return {name for part in schema for name in _references(part)}
    if not isinstance(schema, dict):
        return set()
    found = {name for part in schema.values() for name in _references(part)}
    pointer = schema.get("$ref")
    if isinstance(pointer, str) and pointer.startswith(_PREFIX):
        found.add(pointer.removeprefix(_PREFIX))
    return found


def _reaches_itself(name: str, definitions: Mapping[str, Schema]) -> bool:
    seen: set[str] = set()
    ahead = _references(definitions[name])
    while ahead:
        if name in ahead:
            return True
        seen |= ahead
        ahead = {
            further for step in ahead for further in _references(definitions.get(step, {}))
        } - seen
    return False


def _closure(names: set[str], definitions: Mapping[str, Schema], recursive: set[str]) -> set[str]:
    seen: set[str] = set()
    ahead = set(names)
    while ahead:
        seen |= ahead
        ahead = {
            further for step in ahead for further in _references(definitions.get(step, {}))
        } - seen
    return seen & recursive
