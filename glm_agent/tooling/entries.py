"""The format of a registry: what an entry of each kind may say.

Does not do: resolving entries (`registry.py`), printing the format for editors
(`editor_schema.py`).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from .http_tool import MAX_BYTES, Method, Result


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=False)


class Limits(_Strict):
    """What `defaults` may set for all entries, and each entry for itself."""

    timeout: float | None = Field(
        None, gt=0, description="Seconds that one call may take; null for no limit."
    )
    max_chars: int = Field(50_000, gt=0, description="How long the text of one result may be.")


class Entry(Limits):
    """What entries of every kind but `builtin` may say."""

    name: str = Field("", min_length=1, description="What the model calls the tool.")
    description: str = Field("", description="What the model is told about the tool.")


class PythonEntry(Entry):
    """A function or tool from a module, or from a file beside the registry."""

    python: str = Field(description="package.module:function, or ./file.py:function.")


class HttpEntry(Entry):
    """A request template."""

    http: str = Field(description="The URL, with {parameter} anywhere after the host.")
    method: Annotated[Method, BeforeValidator(_upper)] = "GET"
    parameters: dict[str, Any] = Field(
        default_factory=dict[str, Any],
        description="Parameters by name: a type word, a mapping, or a JSON Schema object.",
    )
    query: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="Query parameters; {parameter} is filled in."
    )
    headers: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="Headers; {parameter} is filled in."
    )
    body: Any = Field(
        None, alias="json", description="The JSON body; a lone {parameter} keeps its type."
    )
    max_bytes: int = Field(MAX_BYTES, gt=0, description="How much of the answer is read.")
    result: Result = Field("text", description="Give the answer as text, or read it as JSON.")
    pick: str | None = Field(None, description="The way into the JSON, such as items.0.name.")
    allow_any_host: bool = Field(False, description="Let the model fill the host, too.")


class BuiltinEntry(BaseModel):
    """A tool that an installed package provides; all other keys are its settings."""

    model_config = ConfigDict(extra="allow")

    builtin: str = Field(description="The name under which the package provides it.")


class RegistryEntry(_Strict):
    """All tools of another registry."""

    registry: str = Field(description="The path of the other file, relative to this one.")


KINDS: dict[str, type[BaseModel]] = {
    "builtin": BuiltinEntry,
    "python": PythonEntry,
    "http": HttpEntry,
    "registry": RegistryEntry,
}
