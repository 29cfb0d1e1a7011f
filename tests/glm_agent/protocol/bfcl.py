"""The Berkeley set's functions as tools, and its possible answers as calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from glm_agent.messages import ToolSpec

# The set's names of types, in Python, Java and JavaScript, as JSON Schema's; "any" is no type.
TYPES = {
    "dict": "object",
    "float": "number",
    "tuple": "array",
    "String": "string",
    "Array": "array",
    "ArrayList": "array",
    "HashMap": "object",
    "long": "integer",
    "double": "number",
    "char": "string",
    "Boolean": "boolean",
}
PREFIX = "gorilla_openfunctions_v1_test_"


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def tools(folder: Path) -> Iterator[tuple[str, int, list[ToolSpec]]]:
    """Each task's file, number and functions."""
    for path in sorted(folder.glob(f"{PREFIX}*.json")):
        name = path.stem.removeprefix(PREFIX)
        for number, task in enumerate(lines(path)):
            functions = task["function"]
            functions = functions if isinstance(functions, list) else [functions]
            yield name, number, [spec_of(function) for function in functions]


def spec_of(function: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(function["name"], function["description"], schema_of(function["parameters"]))


def schema_of(node: Any) -> dict[str, Any]:
    """A schema with JSON Schema's types."""
    result: dict[str, Any] = dict(node)
    kind = TYPES.get(result.get("type", ""), result.get("type", ""))
    if kind in ("any", ""):
        result.pop("type", None)
    else:
        result["type"] = kind
    for word in ("properties", "additionalProperties", "items"):
        part = result.get(word)
        if word == "properties" and isinstance(part, dict):
            result[word] = {name: schema_of(inner) for name, inner in part.items()}
        elif isinstance(part, dict):
            result[word] = schema_of(part)
    return result


def answers(folder: Path) -> Iterator[tuple[str, int, str, dict[str, Any]]]:
    """Each task's file and number, with a call's name and one choice of its arguments."""
    for path in sorted((folder / "possible_answer").glob("*.json")):
        name = path.stem.removeprefix(PREFIX)
        for number, calls in enumerate(lines(path)):
            for function, possible in calls.items():
                if isinstance(possible, dict):  # one file has a parameter where a call should be
                    for arguments in choices(possible):
                        yield name, number, function, arguments


def choices(possible: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Arguments of a call, so that each possible value is there once; "" leaves one out."""
    values = {key: list(given) for key, given in possible.items() if isinstance(given, list)}
    longest = max(map(len, values.values()), default=1)
    for index in range(longest):
        chosen = {key: given[index % len(given)] for key, given in values.items() if given}
        yield {key: value for key, value in chosen.items() if value != ""}


def tool_of(name: str, tools: Sequence[ToolSpec]) -> ToolSpec | None:
    """The tool that an answer means, None if its task offers none such.

    Several calls of one function are numbered in the answers, functions of one name in the tasks.
    """
    known = {tool.name: tool for tool in tools}
    names = [name, re.sub(r"[_ ]\d+$", "", name), f"{name}_1"]
    return next((known[name] for name in names if name in known), None)
