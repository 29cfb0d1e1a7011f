"""Parameters written in YAML, as types: a type word, a small mapping, or a JSON Schema object.

    parameters:
      city: string
      days: {type: integer, description: How many days, default: 3, minimum: 1}

Known words: type, description, default, enum, format, minimum, maximum, minLength, maxLength,
pattern, items, minItems, maxItems, properties, required.

Does not do: the rest of JSON Schema; an unknown word is a mistake, not ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, Optional, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import SchemaError
from typing_extensions import TypedDict

from .builtin import instead
from .schema import Parameter, describe_mistake

TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
    "null": type(None),
}
# JSON Schema's word, pydantic's word, the types that it limits, and the type of its value.
_LIMITS: dict[str, tuple[str, tuple[str, ...], Any]] = {
    "minimum": ("ge", ("integer", "number"), float),
    "maximum": ("le", ("integer", "number"), float),
    "minLength": ("min_length", ("string",), int),
    "maxLength": ("max_length", ("string",), int),
    "minItems": ("min_length", ("array",), int),
    "maxItems": ("max_length", ("array",), int),
    "pattern": ("pattern", ("string",), str),
}
_WORDS = (
    *("type", "description", "default", "enum", "format"),
    *_LIMITS,
    *("items", "properties", "required"),
)

Mistake = tuple[tuple[str | int, ...], str]
"""Where in the parameters, and what is wrong."""


def read_parameters(raw: Mapping[str, Any], mistakes: list[Mistake]) -> list[Parameter]:
    """The parameters that a mapping describes; what is wrong is added to `mistakes`."""
    required: list[Any] | None = None
    start: tuple[str, ...] = ()
    if _is_schema(raw):
        for word in raw:
            if word not in ("type", "properties", "required", "description"):
                mistakes.append(((word,), f"{word!r} is not supported here"))
        required = _required(raw, raw["properties"], (), mistakes)
        raw, start = raw["properties"], ("properties",)
    parameters: list[Parameter] = []
    for name, node in raw.items():
        place = (*start, name)
        if not name.isidentifier():
            mistakes.append((place, f"{name!r} cannot be a parameter: letters, digits and _ only"))
            continue
        parameter = _parameter(name, node, required, place, mistakes)
        if parameter is not None:
            parameters.append(parameter)
    return parameters


def parameter_names(raw: Mapping[str, Any]) -> list[str]:
    """The names in a mapping that `read_parameters` takes, also of parameters that are wrong."""
    return list(raw["properties"] if _is_schema(raw) else raw)


def _is_schema(raw: Mapping[str, Any]) -> bool:
    return raw.get("type") == "object" and isinstance(raw.get("properties"), dict)


def _parameter(
    name: str,
    node: Any,
    required: list[Any] | None,
    place: tuple[str, ...],
    mistakes: list[Mistake],
) -> Parameter | None:
    if isinstance(node, str):
        node = {"type": node}
    if not isinstance(node, dict):
        mistakes.append((place, "a parameter is a type word (string, integer, ...) or a mapping"))
        return None
    node = cast("dict[str, Any]", node)
    needed = name in required if required is not None else True
    if required is None and isinstance(node.get("required"), bool):
        needed = node["required"]
        node = {word: value for word, value in node.items() if word != "required"}
    before = len(mistakes)
    annotation = type_of(node, place, mistakes)
    if len(mistakes) > before:
        return None
    description = node.get("description", "")
    if "default" in node:
        default = node["default"]
        if default is not None:
            try:
                default = TypeAdapter(annotation).validate_python(default)
            except ValidationError as error:
                found = error.errors(include_url=False, include_context=False)[0]
                mistakes.append(((*place, "default"), f"default: {describe_mistake(found)}"))
        return Parameter(name, annotation, default, description)
    if needed:
        return Parameter(name, annotation, description=description)
    return Parameter(name, annotation, None, description)


def type_of(node: dict[str, Any], place: tuple[str | int, ...], mistakes: list[Mistake]) -> Any:
    """The type that a schema describes. Any, and an entry in `mistakes`, where it is wrong."""
    before = len(mistakes)
    for word in node:
        if word not in _WORDS:
            mistakes.append(((*place, word), f"{word!r} is not known here{instead(word, _WORDS)}"))
    if not isinstance(node.get("description", ""), str):
        mistakes.append(((*place, "description"), "description: should be a text"))
    annotation = _enum(node, place, mistakes) if "enum" in node else _base(node, place, mistakes)
    if len(mistakes) > before:
        return Any
    limits = _limits(node, place, mistakes)
    extra = {"format": node["format"]} if "format" in node else None
    if not limits and not extra:
        return annotation
    return Annotated[annotation, Field(**limits, json_schema_extra=extra)]


def _limits(
    node: dict[str, Any], place: tuple[str | int, ...], mistakes: list[Mistake]
) -> dict[str, Any]:
    """The limits in pydantic's words."""
    kind = node.get("type")
    kinds = cast("list[Any]", kind) if isinstance(kind, list) else [kind]
    limits: dict[str, Any] = {}
    for word, value in node.items():
        if word not in _LIMITS:
            continue
        name, limited, value_type = _LIMITS[word]
        if "enum" in node or not set(kinds) <= {*limited, "null"}:
            text = f"{word} limits {' and '.join(limited)}, not {_words(kinds)}"
            mistakes.append(((*place, word), text))
            continue
        try:
            limits[name] = TypeAdapter(value_type).validate_python(value)
            if word == "pattern":
                TypeAdapter(Annotated[str, Field(pattern=limits[name])])
            elif isinstance(limits[name], float) and limits[name].is_integer():
                limits[name] = int(limits[name])
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)[0]
            mistakes.append(((*place, word), f"{word}: {describe_mistake(found)}"))
        except SchemaError:
            mistakes.append(((*place, word), f"{word}: not a regular expression"))
    return limits


def _words(kinds: list[Any]) -> str:
    return " and ".join("an enum" if kind is None else str(kind) for kind in kinds)


def _base(node: dict[str, Any], place: tuple[str | int, ...], mistakes: list[Mistake]) -> Any:
    kind = node.get("type")
    kinds: list[Any] = cast("list[Any]", kind) if isinstance(kind, list) else [kind]
    for name in kinds:
        if name is None:
            implied = "object" if "properties" in node else "array" if "items" in node else None
            if implied is None:
                mistakes.append((place, f"'type' is missing: one of {', '.join(TYPES)}"))
                return Any
            kinds = [implied]
        elif name not in TYPES:
            text = f"type: no type {name!r}{instead(str(name), TYPES)}"
            mistakes.append(((*place, "type"), text))
            return Any
    members: list[Any] = []
    for name in kinds:
        if name == "array" and "items" in node:
            items = node["items"]
            inner = {"type": items} if isinstance(items, str) else items
            if not isinstance(inner, dict):
                mistakes.append(((*place, "items"), "items: should be a type word or a mapping"))
                return Any
            members.append(list[type_of(inner, (*place, "items"), mistakes)])
        elif name == "object" and "properties" in node:
            members.append(_object(node, place, mistakes))
        else:
            members.append(TYPES[name])
    result = members[0]
    for member in members[1:]:
        result = Optional[result] if member is type(None) else result | member  # noqa: UP045
    return result


def _object(node: dict[str, Any], place: tuple[str | int, ...], mistakes: list[Mistake]) -> Any:
    properties = node["properties"]
    if not isinstance(properties, dict):
        mistakes.append(((*place, "properties"), "properties: should be a mapping"))
        return Any
    required = _required(node, properties, place, mistakes)
    fields: dict[str, Any] = {}
    for name, part in cast("dict[str, Any]", properties).items():
        inner = {"type": part} if isinstance(part, str) else part
        where = (*place, "properties", name)
        if not isinstance(inner, dict):
            mistakes.append((where, "should be a type word or a mapping"))
            continue
        inner = cast("dict[str, Any]", inner)
        field: Any = type_of(inner, where, mistakes)
        if inner.get("description"):
            field = Annotated[field, Field(description=inner["description"])]
        fields[name] = field if name in required else NotRequired[field]
    make: Any = TypedDict
    shape = make("Object", fields)
    shape.__pydantic_config__ = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    return shape


def _required(
    node: Mapping[str, Any],
    properties: Mapping[str, Any],
    place: tuple[str | int, ...],
    mistakes: list[Mistake],
) -> list[Any]:
    required = node.get("required", [])
    if not isinstance(required, list):
        mistakes.append(((*place, "required"), "required: should be a list of names"))
        return []
    for index, name in enumerate(cast("list[Any]", required)):
        if name not in properties:
            text = f"required: no property {name!r}{instead(str(name), properties)}"
            mistakes.append(((*place, "required", index), text))
    return cast("list[Any]", required)


def _enum(node: dict[str, Any], place: tuple[str | int, ...], mistakes: list[Mistake]) -> Any:
    values = node["enum"]
    plain = isinstance(values, list) and all(
        isinstance(value, str | int) for value in cast("list[Any]", values)
    )
    if not plain or not values:
        mistakes.append(((*place, "enum"), "enum: should be a list of texts or whole numbers"))
        return Any
    return Literal[tuple(values)]
