"""What the words of a JSON Schema mean, before anything is made of them.

Does not do: saying which schemas can be held (`schema_check.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from .schema_check import ANNOTATIONS, FORMATS, Schema


def meant(schema: Schema) -> dict[str, Any]:
    """A schema without annotations, with `nullable` written out."""
    node = {
        word: value
        for word, value in schema.items()
        if word not in ANNOTATIONS and not word.startswith("x-")
    }
    if node.get("format") not in FORMATS:
        node.pop("format", None)
    if node.pop("nullable", False):
        if "enum" in node and None not in node["enum"]:
            node["enum"] = [*node["enum"], None]
        if "type" in node:
            kinds = kinds_of(node)
            node["type"] = kinds if "null" in kinds else [*kinds, "null"]
        elif node and "enum" not in node:
            return {"anyOf": [node, {"type": "null"}]}
    return node


def kinds_of(node: Schema) -> list[str]:
    """The types of a schema of its own, `any` where it says nothing of them."""
    kind: Any = node.get("type")
    if kind is None:
        if "properties" in node or "additionalProperties" in node:
            return ["object"]
        return ["array"] if "items" in node or "prefixItems" in node else ["any"]
    kinds = cast("list[str]", kind) if isinstance(kind, list) else [kind]
    if "number" in kinds:
        kinds = [name for name in kinds if name != "integer"]
    return kinds


def typed(member: Any, kind: Any) -> Any:
    """A member of `anyOf` with the type that stands beside it."""
    if kind is None or not isinstance(member, Mapping):
        return member
    return {"type": kind, **cast("Schema", member)}
