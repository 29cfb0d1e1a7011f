"""The JSON Schema of registries, for editors: completion and red underlines while writing.

The settings of the tools that are installed are in it, so it is made anew on each machine.

Does not do: checking files (`registry.py` does, and says more).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, PydanticUserError

from ..errors import ConfigurationError
from .base import Tool
from .builtin import available_tools, tool_factory
from .entries import HttpEntry, Limits, PythonEntry, RegistryEntry
from .lean import lean
from .resolve import Setting, adapter_of, settings_of
from .schema import SchemaGenerator

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def registry_schema() -> dict[str, Any]:
    """The JSON Schema of registry files, for editors (`glm-agent tools schema`)."""
    return file_schema("glm-agent tool registry", list_schema(), ["tools"])


def file_schema(
    title: str, properties: Mapping[str, Any], required: Sequence[str] = ()
) -> dict[str, Any]:
    """The schema of a file with these keys, whose values may come from the environment."""
    return {
        "$schema": _DIALECT,
        "title": title,
        "type": "object",
        "properties": {key: _with_variables(node) for key, node in properties.items()},
        **({"required": list(required)} if required else {}),
        "additionalProperties": False,
    }


def list_schema() -> dict[str, Any]:
    """The keys `defaults` and `tools`, which registries and agent files have in common."""
    names = list(available_tools())
    members: list[dict[str, Any]] = [
        {"type": "string", "enum": names, "description": "A tool that a package provides."}
    ]
    members += [_builtin(name) for name in names]
    members += [_model(PythonEntry), *_http(), _model(RegistryEntry)]
    return {
        "defaults": or_nothing(_model(Limits)),
        "tools": {
            "type": "array",
            "description": "The tools, in the order in which the model is told of them.",
            "items": {"anyOf": members},
        },
    }


def or_nothing(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of one type, for a key that may also stand there without a value."""
    return {**schema, "type": [schema["type"], "null"]}


def object_schema(make: Callable[..., Any], description: str) -> dict[str, Any]:
    """The schema of the settings that a class or function takes."""
    settings, others = settings_of(make)
    schema: dict[str, Any] = {
        "type": "object",
        "description": description,
        "properties": _properties(settings),
        "additionalProperties": others,
    }
    required = [name for name, setting in settings.items() if setting.required]
    return {**schema, "required": required} if required else schema


def _with_variables(node: dict[str, Any]) -> dict[str, Any]:
    """The same schema, which takes `${NAME}` for what is not text, too."""
    node = dict(node)
    if "properties" in node:
        properties = node["properties"].items()
        node["properties"] = {name: _with_variables(part) for name, part in properties}
    if "items" in node:
        node["items"] = _with_variables(node["items"])
    if "anyOf" in node:
        members: list[dict[str, Any]] = []
        for member in map(_with_variables, node["anyOf"]):
            members += [one for one in member.get("anyOf", [member]) if one not in members]
        node["anyOf"] = members
    if node.get("type") not in ("integer", "number", "boolean"):
        return node
    said = {key: node.pop(key) for key in ("description", "default") if key in node}
    return {**said, "anyOf": [node, _VARIABLE]}


def _http() -> list[dict[str, Any]]:
    """Both ways to write it: `http: URL` with the rest beside it, and `http: {url: URL, ...}`."""
    flat = _model(HttpEntry)
    inside: dict[str, Any] = dict(flat["properties"])
    url = inside.pop("http")
    request = {"type": "object", "properties": {"url": url, **inside}, "required": ["url"]}
    nested = {**flat, "properties": {**inside, "http": {**request, "additionalProperties": False}}}
    return [{**flat, "required": ["http", "name"]}, {**nested, "required": ["http"]}]


def _model(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    for node in schema["properties"].values():
        if not node.get("default", True):  # says nothing, and would hide that null is allowed
            del node["default"]
    return {**lean(schema), "additionalProperties": False}


def _builtin(name: str) -> dict[str, Any]:
    own = {"builtin": {"const": name, "description": "The name of an installed tool."}}
    shared: dict[str, Any] = _model(Limits)["properties"]
    try:
        factory = tool_factory(name)
    except ConfigurationError:  # a broken package; `tools check` tells
        return {"type": "object", "properties": own, "required": ["builtin"]}
    if isinstance(factory, Tool):
        schema: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
    else:
        described = (factory.__doc__ or name).strip().partition("\n")[0]
        schema = object_schema(factory, described)
    schema["properties"] = {**own, **shared, **schema["properties"]}
    schema["required"] = ["builtin", *schema.get("required", [])]
    return schema


def _properties(settings: Mapping[str, Setting]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, setting in settings.items():
        adapter = adapter_of(setting.annotation)
        try:
            schema = (
                {} if adapter is None else adapter.json_schema(schema_generator=SchemaGenerator)
            )
        except PydanticUserError:  # not a type for YAML; say nothing about it
            schema = {}
        if isinstance(setting.default, str | int | float) and not setting.required:
            schema["default"] = setting.default
        node = lean(schema)
        properties[name] = {} if "$defs" in node else node  # recursive: cannot stand down here
    return properties
