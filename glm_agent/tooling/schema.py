"""A tool's arguments: the JSON Schema that the model sees, and the check of what it sends.

Both come from one pydantic type made of the tool's parameters, so they cannot disagree.

Does not do: reading signatures (`function.py`), cleaning schemas (`lean.py`).
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, Optional, cast

from pydantic import ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import to_jsonable_python
from typing_extensions import TypedDict

from ..errors import InvalidArguments, ToolDefinitionError
from .lean import Schema, lean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_MISTAKES = 10
"""How many mistakes one error text lists."""

_MISSING = object()
_DEFINITION_ERRORS = (PydanticUserError, PydanticUndefinedAnnotation, TypeError, NameError)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a tool. `default` is what the tool itself uses when it is left out.

    `annotation` is a type as pydantic understands it; a text in `Annotated` describes it, and so
    does a `Field`, before `description`.
    """

    name: str
    annotation: Any = Any
    default: Any = _MISSING
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether a call must name it."""
        return self.default is _MISSING

    @property
    def field(self) -> FieldInfo | None:
        """A pydantic `Field` given in the place of the default."""
        return self.default if isinstance(self.default, FieldInfo) else None


class Arguments:
    """The parameters of one tool, as a schema and as a validator.

    Raises `ToolDefinitionError` when a type cannot be shown to a model.
    """

    def __init__(self, owner: str, parameters: Sequence[Parameter]) -> None:
        self._names = {parameter.name for parameter in parameters}
        try:
            self._adapter = _adapter(owner, parameters)
            self.schema = _schema(self._adapter, parameters)
        except _DEFINITION_ERRORS as error:
            raise _definition_error(owner, parameters, error) from error

    def validate(self, tool: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as the tool's types; those left out are missing, for their defaults.

        Raises `InvalidArguments` with one line that names every mistake, for the model to read.
        """
        try:
            return cast("dict[str, Any]", self._adapter.validate_python(dict(values)))
        except ValidationError as error:
            mistakes = error.errors(include_url=False, include_context=False)
        known = list(self.schema["properties"])
        lines = [describe_mistake(mistake, known) for mistake in mistakes[:MAX_MISTAKES]]
        if len(mistakes) > MAX_MISTAKES:
            lines.append(f"and {len(mistakes) - MAX_MISTAKES} more")
        raise InvalidArguments(f"Invalid arguments for {tool}: {'; '.join(lines)}")


def describe_mistake(mistake: ErrorDetails, known: Sequence[str] = ()) -> str:
    """One pydantic error as `where: what (got value)`."""
    where = "".join(
        f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in mistake["loc"]
    ).lstrip(".")
    kind, message = mistake["type"], mistake["msg"]
    if kind == "missing":
        return f"{where}: field required"
    if kind == "extra_forbidden":
        return f"{where}: unknown argument{_instead(mistake['loc'], known)}"
    if kind in ("dict_type", "model_type", "model_attributes_type", "dataclass_type"):
        message = "should be an object"
    elif kind in ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"):
        message = "should be an array"
    elif kind.endswith("_parsing") or kind == "int_from_float":
        message = message.partition(", ")[0]
    for prefix in ("Input ", "Value error, ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    text = f"{' '.join(message.split())} (got {_shown(mistake['input'])})"
    return f"{where}: {text}" if where else text


def _instead(location: tuple[int | str, ...], known: Sequence[str]) -> str:
    name, *deeper = location
    if deeper:
        return ""
    if not known:
        return " (it takes none)"
    near = difflib.get_close_matches(str(name), known, 1)
    guess = f"; did you mean {near[0]}?" if near else ""
    return f" (known: {', '.join(known)}{guess})"


def _key(name: str) -> str:
    """A key as it is, or as short JSON where that would break the line."""
    return name if name.isprintable() and len(name) <= 60 else _shown(name)


def _shown(value: Any, limit: int = 60) -> str:
    """A value as short JSON."""
    if isinstance(value, str):
        value = value[: limit + 1]
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else f"{text[:limit]}…"


class SchemaGenerator(GenerateJsonSchema):
    """Leaves out what JSON cannot hold, without warnings."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 - as in the base class
        "skipped-choice",
        "non-serializable-default",
        "skipped-discriminator",
    }


def _adapter(owner: str, parameters: Sequence[Parameter]) -> TypeAdapter[Any]:
    fields = {parameter.name: _field_type(parameter) for parameter in parameters}
    # A typed dictionary, unlike a model, may have fields of any name.
    make: Any = TypedDict
    shape = make(owner, fields)
    # A model that writes a number where a text is wanted (a postcode) means the text.
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    shape.__pydantic_config__ = config
    return TypeAdapter(shape)


def _field_type(parameter: Parameter) -> Any:
    annotation, field = parameter.annotation, parameter.field
    if parameter.default is None:
        annotation = Optional[annotation]  # noqa: UP045 - works on any annotation
    described = parameter.description if field is None or field.description is None else ""
    notes: tuple[Any, ...] = getattr(annotation, "__metadata__", ())
    for metadata in notes:
        if isinstance(metadata, FieldInfo) and metadata.description is not None:
            described = ""
        text = metadata if isinstance(metadata, str) else getattr(metadata, "documentation", None)
        if isinstance(text, str):
            described = text
            break
    if described:
        annotation = Annotated[annotation, Field(description=described)]
    if field is not None:
        return Annotated[annotation, field]
    return annotation if parameter.required else NotRequired[annotation]


def _schema(adapter: TypeAdapter[Any], parameters: Sequence[Parameter]) -> Schema:
    schema = adapter.json_schema(schema_generator=SchemaGenerator)
    properties: dict[str, Schema] = schema.setdefault("properties", {})
    for parameter in parameters:
        node = properties.get(parameter.name)
        if node is None or parameter.required or parameter.field is not None:
            continue
        try:
            default = to_jsonable_python(parameter.default)
            json.dumps(default, allow_nan=False)
        except (ValueError, TypeError):  # such a default stays unsaid
            continue
        node["default"] = default
    result = lean(schema)
    for node in result["properties"].values():
        value = node.get("default")
        if isinstance(value, float) and not math.isfinite(value):
            del node["default"]
    return result


def _definition_error(
    owner: str, parameters: Sequence[Parameter], error: Exception
) -> ToolDefinitionError:
    """Names the parameter that cannot be described."""
    for parameter in parameters:
        try:
            _schema(_adapter(owner, [parameter]), [parameter])
        except _DEFINITION_ERRORS as reason:
            if isinstance(reason, PydanticUserError) and reason.code == "typed-dict-version":
                return ToolDefinitionError(
                    f"{owner}: parameter {parameter.name!r}: {reason.message.rstrip('.')}"
                )
            shown = getattr(parameter.annotation, "__name__", None) or str(parameter.annotation)
            return ToolDefinitionError(
                f"{owner}: parameter {parameter.name!r} has the type {shown}, which JSON cannot "
                "express; use text, numbers, lists, dictionaries, Literal, Enum, dataclasses or "
                "pydantic models"
            )
    return ToolDefinitionError(f"{owner}: {str(error).splitlines()[0]}")
