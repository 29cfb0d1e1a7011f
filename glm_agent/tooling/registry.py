"""YAML registries: files that list tools.

    defaults: {timeout: 30}
    tools:
      - builtin: python
      - python: ./weather.py:forecast
        name: get_weather
      - http: https://api.example.com/v1/{city}
        name: get_city
        parameters: {city: string}
        headers: {Authorization: "Bearer ${API_KEY}"}

All mistakes of a file are found at once, each with its line and column.

Does not do: agents in YAML (`agent_file.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from ..errors import ConfigurationError, GlmAgentError, Problem, RegistryError
from .base import Tool
from .builtin import as_tool, available_tools, instead, make_tool, one_line, tool_factory
from .entries import KINDS, HttpEntry, Limits
from .http_tool import HttpDefinitionError, HttpTool
from .resolve import (
    Setting,
    checked_setting,
    configured,
    mistakes_of,
    python_target,
    settings_of,
)
from .yaml_source import Place, Source, read_yaml

TOP = ("tools", "defaults")
_AGENT_KEYS = {"model", "instructions", "tool_choice", "limits", "settings"}
_OVERRIDES = ("name", "description", "timeout", "max_chars")
_TEMPLATES = ("http", "query", "headers", "json")


def load_registry(path: str | os.PathLike[str]) -> list[Tool]:
    """The tools that a YAML file lists.

    Raises `RegistryError` with all mistakes in the file, each with its line and column.
    """
    source = read_yaml(path)
    tools = read_registry(source)
    if source.problems:
        raise RegistryError(sorted_problems(source.problems))
    return tools


def check_registry(path: str | os.PathLike[str]) -> list[Problem]:
    """What is wrong with a YAML file; an empty list when its tools can be used.

    Imports and makes the tools, as `load_registry` does. A file with a key that only agents have
    (model, instructions, tool_choice, limits, settings) is checked as an agent.
    """
    source = read_yaml(path)
    if isinstance(source.data, dict) and not _AGENT_KEYS.isdisjoint(source.data):
        from .agent_file import check_agent_file

        return check_agent_file(path)
    read_registry(source)
    return sorted_problems(source.problems)


def sorted_problems(problems: Sequence[Problem]) -> list[Problem]:
    """Problems in the order of the file, each once."""
    return sorted(dict.fromkeys(problems), key=lambda found: (found.file, found.line, found.column))


def read_registry(source: Source, chain: tuple[Path, ...] = ()) -> list[Tool]:
    """The tools of a registry; what is wrong goes to the source's problems.

    `chain` holds the files that led here.
    """
    if source.data is None:
        return []
    data = mapping(source, (), "a registry")
    if data is None:
        return []
    unknown_keys(source, (), data, TOP)
    if "tools" not in data:
        if not any("'tools'" in instead(key, TOP) for key in data):
            source.problem((), "'tools' is missing")
        return []
    return read_tools(source, ("tools",), data.get("defaults"), chain)


def read_tools(
    source: Source, place: Place, defaults: Any, chain: tuple[Path, ...] = ()
) -> list[Tool]:
    """The tools of the list at `place`."""
    entries: Any = source.data
    for step in place:
        entries = entries[step]
    limits = _defaults(source, defaults)
    if not isinstance(entries, list):
        source.problem(place, f"{place[-1]}: should be a list of tools, each starting with '- '")
        return []
    tools: list[Tool] = []
    first: dict[str, Place] = {}
    for index, entry in enumerate(cast("list[Any]", entries)):
        where = (*place, index)
        before = len(source.problems)
        try:
            found = _Entry(source, where, limits, chain).read(entry)
        except GlmAgentError as error:
            if len(source.problems) == before:
                source.problem(where, one_line_of(error))
            continue
        for tool in found:
            if tool.name in first:
                line = source.line(first[tool.name])
                source.problem(where, f"a second tool named {tool.name!r}, first on line {line}")
            else:
                first[tool.name] = where
                tools.append(tool)
    return tools


def mapping(source: Source, place: Place, what: str) -> dict[str, Any] | None:
    """The mapping at `place`, or None and a problem."""
    data = source.data
    for step in place:
        data = data[step]
    if isinstance(data, dict):
        return cast("dict[str, Any]", data)
    kind = "a list" if isinstance(data, list) else "nothing" if data is None else "a single value"
    source.problem(place, f"{what} should be a mapping (key: value), not {kind}")
    return None


def unknown_keys(
    source: Source, place: Place, data: Mapping[str, Any], known: Sequence[str]
) -> None:
    """Note the keys that are not known, with what was probably meant."""
    for key in data:
        if key not in known:
            message = f"unknown key {key!r}{instead(key, known)}"
            source.problem((*place, key), message, at_key=True)


def one_line_of(error: Exception) -> str:
    """The text of one of our errors, as one line without a full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def validated(
    source: Source, place: Place, data: Mapping[str, Any], settings: Mapping[str, Setting]
) -> dict[str, Any]:
    """Values as the types of the settings; those that do not fit are noted and left out."""
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in settings:
            values[key] = value
            continue
        try:
            values[key] = checked_setting(settings[key], value, source.folder)
        except ValidationError as error:
            for mistake in mistakes_of(error):
                source.mistake(place, {**mistake, "loc": (key, *mistake["loc"])})
    return values


def _defaults(source: Source, defaults: Any) -> dict[str, Any]:
    if defaults is None:
        return {}
    data = mapping(source, ("defaults",), "defaults")
    if data is None:
        return {}
    model = _model(source, ("defaults",), Limits, data)
    return _given(model) if model is not None else {}


def _model(
    source: Source, place: Place, model: type[BaseModel], data: Mapping[str, Any]
) -> BaseModel | None:
    """The data as a model; None, and problems, when it does not fit."""
    known = [field.alias or name for name, field in model.model_fields.items()]
    if model.model_config.get("extra") == "forbid":
        unknown_keys(source, place, data, known)
        data = {key: value for key, value in data.items() if key in known}
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for mistake in error.errors(include_url=False, include_context=False):
            source.mistake(place, mistake)
        return None


def _fitting(model: type[BaseModel], data: Mapping[str, Any]) -> set[str]:
    """The keys whose values fit the model by themselves."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    try:
        model.model_validate(dict(data))
    except ValidationError as error:
        known -= {str(mistake["loc"][0]) for mistake in error.errors() if mistake["loc"]}
    return known & set(data)


def _given(model: BaseModel) -> dict[str, Any]:
    """What was set, by the names that the file uses."""
    return model.model_dump(exclude_unset=True, by_alias=True)


def _put(tree: Any, place: Place, value: Any) -> None:
    for step in place[:-1]:
        tree = tree[step]
    tree[place[-1]] = value


def _move(marks: dict[Place, Any], old: Place, new: Place) -> None:
    """Let what stands below `old` stand below `new`, the URL under the name of its kind."""
    for place in [place for place in marks if place[: len(old)] == old and len(place) > len(old)]:
        step, *rest = place[len(old) :]
        marks[(*new, "http" if step == "url" else step, *rest)] = marks.pop(place)


class _Entry:
    """One entry of a list of tools."""

    def __init__(
        self, source: Source, place: Place, limits: dict[str, Any], chain: tuple[Path, ...]
    ) -> None:
        self.source, self.place, self.limits, self.chain = source, place, limits, chain

    def read(self, entry: Any) -> list[Tool]:
        if isinstance(entry, str):
            return self.builtin({"builtin": entry}, self.place)
        data = mapping(self.source, self.place, "an entry")
        if data is None:
            return []
        kinds = [kind for kind in KINDS if kind in data]
        if not kinds:
            self.no_kind(data)
            return []
        if len(kinds) > 1:
            text = f"{' and '.join(kinds)} in one entry: start the second one with '- '"
            self.source.problem((*self.place, kinds[1]), text, at_key=True)
            return []
        kind = kinds[0]
        at = (*self.place, kind)
        if kind == "http":
            return self.http(data)
        before = len(self.source.problems)
        model = _model(self.source, self.place, KINDS[kind], data)
        if model is None or len(self.source.problems) > before:
            return []
        given = _given(model)
        if kind == "builtin":
            return self.builtin(data, at)
        if kind == "registry":
            return self.registry(given["registry"], at)
        return self.python(given, at)

    def no_kind(self, data: Mapping[str, Any]) -> None:
        for key in data:
            guess = instead(key, KINDS)
            if "mean" in guess:
                message = f"unknown key {key!r}{guess}"
                self.source.problem((*self.place, key), message, at_key=True)
                return
        self.source.problem(self.place, f"an entry needs one of the keys {', '.join(KINDS)}")

    def fail(self, place: Place, error: Exception) -> list[Tool]:
        self.source.problem(place, one_line_of(error))
        return []

    def builtin(self, data: dict[str, Any], at: Place) -> list[Tool]:
        name = data["builtin"]
        if name not in available_tools():
            names = available_tools()
            self.source.problem(at, f"no tool named {name!r} is installed{instead(name, names)}")
            return []
        try:
            factory = tool_factory(name)
        except ConfigurationError as error:
            return self.fail(at, error)
        settings = {key: value for key, value in data.items() if key != "builtin"}
        if isinstance(factory, Tool):
            known, others = dict[str, Setting](), False
        else:
            known, others = settings_of(factory)
        overrides = {**self.limits}
        for key in ("timeout", "max_chars"):
            if key in known:
                settings.setdefault(key, overrides.pop(key, None))
                if settings[key] is None and key not in data:
                    del settings[key]
            elif key in settings and not others:
                overrides[key] = settings.pop(key)
        before = len(self.source.problems)
        if not others:
            self.unknown_settings(name, settings, known)
        for key, setting in known.items():
            if setting.required and key not in settings:
                self.source.problem(at, f"{name} needs the setting {key!r}")
        values = validated(self.source, self.place, settings, known)
        limits = _model(self.source, self.place, Limits, overrides)
        if len(self.source.problems) > before or limits is None:
            return []
        try:
            return [configured(make_tool(factory, values, name), _given(limits))]
        except GlmAgentError as error:
            return self.fail(at, error)

    def unknown_settings(
        self, name: str, settings: Mapping[str, Any], known: Mapping[str, Setting]
    ) -> None:
        names = [*known, *(key for key in ("timeout", "max_chars") if key not in known)]
        for key in settings:
            if key not in known:
                message = f"{name} has no setting {key!r}{instead(key, names)}"
                self.source.problem((*self.place, key), message, at_key=True)

    def python(self, given: dict[str, Any], at: Place) -> list[Tool]:
        overrides = {**self.limits, **{key: given[key] for key in _OVERRIDES if key in given}}
        try:
            tool = as_tool(python_target(given["python"], self.source.folder))
            return [configured(tool, overrides)]
        except GlmAgentError as error:
            return self.fail(at, error)
        except Exception as error:  # noqa: BLE001 - a stranger's objects may do anything
            self.source.problem(at, f"{given['python']}: {one_line(error)}")
            return []

    def http(self, data: dict[str, Any]) -> list[Tool]:
        nested: Any = data["http"]
        if isinstance(nested, dict):
            data = self.flattened(data, cast("dict[str, Any]", nested))
        before = len(self.source.problems)
        if "name" not in data:
            self.source.problem(self.place, "'name' is missing: what the model calls the tool")
        model = _model(self.source, self.place, HttpEntry, data)
        # To find the other mistakes too, go on without what is wrong.
        data = {key: value for key, value in data.items() if key in _fitting(HttpEntry, data)}
        model = model or HttpEntry.model_validate({"http": "http://unknown", **data})
        options: dict[str, Any] = {"name": "unnamed", **self.limits, **_given(model)}
        for place, text in self.source.escaped.items():
            way = place[len(self.place) :]
            if place[: len(self.place)] == self.place and way[0] in data and way[0] in _TEMPLATES:
                _put(options, way, text)
        options["url"] = options.pop("http")
        try:
            tool = HttpTool(**options)
            return [tool] if len(self.source.problems) == before else []
        except HttpDefinitionError as error:
            for where, message in error.mistakes:
                step = "http" if where[0] == "url" else where[0]
                self.source.problem((*self.place, step, *where[1:]), message)
            return []
        except GlmAgentError as error:
            at: Place = (*self.place, "name")
            return self.fail(at, error)

    def flattened(self, data: dict[str, Any], nested: dict[str, Any]) -> dict[str, Any]:
        """`http: {url: ..., ...}` as `http: URL` with the rest beside it."""
        inner: Place = (*self.place, "http")
        if "url" not in nested:
            self.source.problem(inner, "'url' is missing")
        for key in nested:
            if key in data and key != "http":
                message = f"{key!r} is given twice, here and beside http"
                self.source.problem((*inner, key), message, at_key=True)
        for marks in (self.source.values, self.source.keys, self.source.escaped):
            _move(marks, inner, self.place)
        url = nested.get("url", "http://missing")
        rest = {key: value for key, value in nested.items() if key != "url"}
        return {**data, **rest, "http": url}

    def registry(self, path: str, at: Place) -> list[Tool]:
        beside = Path(self.source.file).parent / Path(path).expanduser()
        chain = (*self.chain, Path(self.source.file).resolve())
        if beside.resolve() in chain:
            self.source.problem(at, f"{path} leads back to itself")
            return []
        other = read_yaml(beside)
        if not other.values and other.problems:  # it cannot be read at all
            self.source.problem(at, f"{path}: {other.problems[0].message}")
            return []
        tools = read_registry(other, chain)
        self.source.problems += other.problems
        return tools
