"""Agents in YAML.

    model: embedded
    instructions: Answer briefly.
    tools:
      - python
      - python: ./weather.py:forecast
    tool_choice: auto
    limits: {steps: 6, seconds: 120}
    settings: {temperature: 0, max_tokens: 512}

Does not do: making the agent (`Agent.from_file` does), loading its model.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ..errors import GlmAgentError, Problem, RegistryError
from ..limits import Limits
from ..models.base import Settings
from ..protocol.grammar import check_choice
from .base import Tool
from .editor_schema import file_schema, list_schema, object_schema, or_nothing
from .registry import mapping, one_line_of, read_tools, sorted_problems, unknown_keys, validated
from .resolve import settings_of
from .yaml_source import Source, read_yaml

TOP = ("model", "instructions", "tools", "tool_choice", "defaults", "limits", "settings")


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """What an agent file says. None where it says nothing.

    `model` is a name as after `--model`: `embedded`, a hub id, a path, or a URL.
    """

    model: str | None = None
    instructions: str | None = None
    tools: list[Tool] = field(default_factory=list[Tool])
    limits: Limits | None = None
    settings: Settings | None = None
    tool_choice: str | None = None


def load_agent_file(path: str | os.PathLike[str]) -> AgentConfig:
    """The agent that a YAML file describes.

    Raises `RegistryError` with all mistakes in the file, each with its line and column.
    """
    source = read_yaml(path)
    config = _read(source)
    if source.problems:
        raise RegistryError(sorted_problems(source.problems))
    return config


def check_agent_file(path: str | os.PathLike[str]) -> list[Problem]:
    """What is wrong with an agent file; an empty list when nothing is."""
    source = read_yaml(path)
    _read(source)
    return sorted_problems(source.problems)


def agent_schema() -> dict[str, Any]:
    """The JSON Schema of agent files, for editors."""
    lists = list_schema()
    registry = {
        "type": "object",
        "description": "All tools of a registry.",
        "properties": {"registry": {"type": "string"}},
        "required": ["registry"],
        "additionalProperties": False,
    }
    return file_schema(
        "glm-agent agent",
        {
            "model": {
                "type": ["string", "null"],
                "description": "embedded, a hub id, a path (./... starts at this file), or a URL.",
            },
            "instructions": {
                "type": ["string", "null"],
                "description": "What the agent is told to be.",
            },
            **lists,
            "tools": {"anyOf": [lists["tools"], registry, {"type": "null"}]},
            "tool_choice": {
                "type": ["string", "null"],
                "description": "auto, none, required, or the name of the tool to call first.",
            },
            "limits": or_nothing(object_schema(Limits, "How far a run may go.")),
            "settings": or_nothing(object_schema(Settings, "How the model generates.")),
        },
    )


def _read(source: Source) -> AgentConfig:
    if source.data is None:
        return AgentConfig()
    data = mapping(source, (), "an agent file")
    if data is None:
        return AgentConfig()
    unknown_keys(source, (), data, TOP)
    model = _text(source, data, "model")
    if model is not None and model.startswith(("./", "../", "~/")):
        model = str(source.folder / Path(model).expanduser())
    tools: list[Tool] = []
    if data.get("tools") is not None:
        tools = _tools(source, data)
    settings = _made(source, data, "settings", Settings)
    choice = _text(source, data, "tool_choice")
    _check_choice(source, tools, choice)
    return AgentConfig(
        model,
        _text(source, data, "instructions"),
        tools,
        _made(source, data, "limits", Limits),
        settings,
        choice,
    )


def _check_choice(source: Source, tools: list[Tool], choice: str | None) -> None:
    """Note a choice that no run could follow. Mistaken tools may be what it names."""
    if choice is None or source.problems:
        return
    try:
        check_choice(choice, [tool.name for tool in tools])
    except GlmAgentError as error:
        source.problem(("tool_choice",), one_line_of(error))


def _tools(source: Source, data: dict[str, Any]) -> list[Tool]:
    """The tools: a list of entries, or `{registry: other.yaml}` alone."""
    if isinstance(data["tools"], dict):
        data["tools"] = [data["tools"]]
        for marks in (source.values, source.keys, source.escaped):
            marks = cast("dict[Any, Any]", marks)
            for place in [place for place in marks if place[:1] == ("tools",)]:
                marks[("tools", 0, *place[1:])] = marks[place]
    return read_tools(source, ("tools",), data.get("defaults"))


def _text(source: Source, data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        source.problem((key,), f"{key}: should be a text")
        return None
    if key == "model" and not value.strip():
        source.problem((key,), "model: is empty; leave the key out for the default model")
    return value


def _made(source: Source, data: dict[str, Any], key: str, make: Callable[..., Any]) -> Any:
    """The mapping under `key` as a `Limits` or `Settings`."""
    if data.get(key) is None:
        return None
    given = mapping(source, (key,), key)
    if given is None:
        return None
    known, _ = settings_of(make)
    unknown_keys(source, (key,), given, list(known))
    before = len(source.problems)
    given = {name: value for name, value in given.items() if name in known}
    values = validated(source, (key,), given, known)
    if len(source.problems) > before:
        return None
    try:
        return make(**values)
    except (GlmAgentError, ValueError) as error:
        source.problem((key,), one_line_of(error))
        return None
