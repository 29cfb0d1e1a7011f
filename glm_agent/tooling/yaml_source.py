"""Reads a YAML file so that every mistake in it can be told with its line and column.

Scalars follow the core schema of YAML 1.2, so that `no`, `on`, `12:30` and `2024-01-01` are texts.
Refused with a `Problem`: duplicate keys, keys that are no text, tags, anchors that contain
themselves or multiply, files over 1 MB. `${NAME}` and `${NAME:-default}` in texts are replaced
from the environment; `$${` is a plain `${`.

Does not do: knowing what the file means (`registry.py`, `agent_file.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic_core import ErrorDetails
from yaml.reader import ReaderError

from ..errors import Problem
from .schema import describe_mistake
from .templates import escape

MAX_BYTES = 1_000_000
"""How large a file may be."""

MAX_NODES = 50_000
"""How many values a file may hold, those repeated by anchors counted again."""

Place = tuple[str | int, ...]
"""The way to a value: keys and list indices from the top."""

_VARIABLE = re.compile(
    r"(?P<escaped>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}"
    r"|(?P<broken>\$\{)"
)
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class _Position:
    line: int
    column: int


@dataclass(slots=True)
class Source:
    """A file's data, where each value stands, and the problems found so far.

    `file` is the path as the user wrote it; `folder` is what relative paths in it start from.
    `escaped` holds the texts with something from the environment in them, for use as a template:
    there, what came from the environment cannot become a `{placeholder}`. `unset` are the places
    whose variables have no value, of which nothing more is said.
    """

    file: str
    folder: Path
    data: Any = None
    problems: list[Problem] = field(default_factory=list[Problem])
    values: dict[Place, _Position] = field(default_factory=dict[Place, _Position])
    keys: dict[Place, _Position] = field(default_factory=dict[Place, _Position])
    escaped: dict[Place, str] = field(default_factory=dict[Place, str])
    unset: set[Place] = field(default_factory=set[Place])

    def problem(self, place: Place, message: str, *, at_key: bool = False) -> None:
        """Note a mistake at a value, or at its key; at what holds it when it is not there."""
        while place and place not in self.values:
            place = place[:-1]
        if place in self.unset:
            return
        position = self.keys.get(place) if at_key else None
        position = position or self.values.get(place) or _Position(1, 1)
        self.problems.append(Problem(self.file, position.line, position.column, message))

    def mistake(self, place: Place, mistake: ErrorDetails) -> None:
        """Note a mistake that pydantic found in the value at `place`."""
        where = place
        for step in mistake["loc"]:
            if (*where, step) in self.values:
                where = (*where, step)
        key = str(where[-1]) if len(where) > len(place) else ""
        if mistake["type"] == "missing":
            self.problem(where, f"{mistake['loc'][-1]!r} is missing")
            return
        told: ErrorDetails = {**mistake, "loc": ()}
        text = describe_mistake(told)
        if where in self.escaped:  # perhaps a secret
            text = text.rpartition(" (got ")[0]
        self.problem(where, f"{key}: {text}" if key else text)

    def line(self, place: Place) -> int:
        """The line that a value stands on."""
        position = self.values.get(place)
        return position.line if position else 1


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars by the core schema of YAML 1.2.2, section 10.3.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_CORE: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        (
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
)
for _name, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(
        _TAG + _name,
        re.compile(rf"^(?:{_pattern})$"),
        ["" if character == "\0" else character for character in _first],
    )


def read_yaml(path: str | os.PathLike[str]) -> Source:
    """Read a file. Never raises: what is wrong with it is in the source's `problems`."""
    path = Path(path)
    source = Source(str(path), path.absolute().parent)
    text = _read(path, source)
    if text is None:
        return source
    loader = _Loader("")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = _Position(mark.line + 1, mark.column + 1) if mark else _Position(1, 1)
        _note(source, position, _syntax(error))
        return source
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        _note(source, _Position(line, column), f"the character {error.character!r} is not allowed")
        return source
    except RecursionError:
        _note(source, _Position(1, 1), "nested too deeply")
        return source
    finally:
        loader.dispose()
    try:
        source.data = _Walk(source, text).value(node, ()) if node is not None else None
    except _Stop as stop:
        source.data = None
        _note(source, stop.position, stop.message)
    if source.data is None and not source.problems:
        _note(source, _Position(1, 1), "the file is empty")
    return source


def _note(source: Source, position: _Position, message: str) -> None:
    source.problems.append(Problem(source.file, position.line, position.column, message))


def _read(path: Path, source: Source) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        _note(source, _Position(1, 1), f"cannot be read: {reason}")
        return None
    if len(data) > MAX_BYTES:
        _note(source, _Position(1, 1), f"larger than {MAX_BYTES // 1_000_000} MB")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        _note(source, _Position(line, column), "not UTF-8: save the file as UTF-8")
        return None


def _syntax(error: yaml.MarkedYAMLError) -> str:
    problem = (error.problem or "not YAML").strip()
    if "'\\t'" in problem:
        return "a tab; YAML is indented with spaces"
    if "but got '{'" in problem:
        return "a brace in the middle of a text: put the text in quotes"
    return f"{problem} ({error.context})" if error.context else problem


class _Stop(Exception):
    """The file cannot be walked any further."""

    def __init__(self, position: _Position, message: str) -> None:
        self.position, self.message = position, message


def _start(node: yaml.Node) -> _Position:
    return _Position(node.start_mark.line + 1, node.start_mark.column + 1)


class _Walk:
    """Turns nodes into plain data, noting where each value stands."""

    def __init__(self, source: Source, text: str) -> None:
        self.source, self.text = source, text
        self.count = 0
        self.inside: set[int] = set()

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.source.values[place] = _start(node)
        self.count += 1
        if self.count > MAX_NODES:
            raise _Stop(_start(node), f"more than {MAX_NODES:,} values: do anchors multiply them?")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, place)
        if id(node) in self.inside:
            raise _Stop(_start(node), "an anchor contains itself")
        self.inside.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                self.expect(node, "map")
                return self.mapping(node, place)
            self.expect(node, "seq")
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        finally:
            self.inside.discard(id(node))

    def expect(self, node: yaml.Node, *names: str) -> None:
        if node.tag not in {_TAG + name for name in names}:
            shown = node.tag.replace(_TAG, "!!")
            _note(self.source, _start(node), f"the tag {shown} is not supported")

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                for part in self.merges(value, place):
                    merged = {**part, **merged}
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TAG + "str":
                shown = f" {key.value}" if isinstance(key, yaml.ScalarNode) else ""
                _note(self.source, _start(key), f"the key{shown} is no text: put it in quotes")
                continue
            name = str(key.value)
            if name in lines:
                message = f"duplicate key {name!r}, first on line {lines[name]}"
                _note(self.source, _start(key), message)
                continue
            lines[name] = _start(key).line
            self.source.keys[(*place, name)] = _start(key)
            result[name] = self.value(value, (*place, name))
        return {**merged, **result} if merged else result

    def merges(self, node: yaml.Node, place: Place) -> Iterator[dict[str, Any]]:
        """The mappings that `<<` names; the first one that has a key counts."""
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(part, yaml.MappingNode):
                _note(self.source, _start(part), "<< takes a mapping or a list of mappings")
                continue
            position = self.source.values[place]
            value = self.value(part, place)
            self.source.values[place] = position
            yield value

    def scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        text = str(node.value)
        kind = node.tag.removeprefix(_TAG)
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            try:
                return _number(text, kind)
            except ValueError:
                _note(self.source, _start(node), f"not a number that can be read: {text[:40]}")
                return None
        if kind in ("str", "merge"):
            return self.expand(node, text, place)
        self.expect(node, "str")
        return None

    def expand(self, node: yaml.ScalarNode, text: str, place: Place) -> str:
        """The text with its variables replaced."""
        parts: list[str] = []
        escaped: list[str] = []
        end = 0
        for match in _VARIABLE.finditer(text):
            value = "${" if match["escaped"] else self.variable(node, match, place)
            between = text[end : match.start()]
            parts += between, value
            escaped += between, escape(value)
            end = match.end()
        if end:
            self.source.escaped[place] = "".join(escaped) + text[end:]
        return "".join(parts) + text[end:]

    def variable(self, node: yaml.ScalarNode, match: re.Match[str], place: Place) -> str:
        """A variable's value; empty, with a problem, when it has none."""
        name, default = match["name"], match["default"]
        if match["broken"]:
            self.source.unset.add(place)
            self.note(node, "${", "'${' starts no variable: write ${NAME}, or $${ for itself")
            return ""
        value = os.environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            self.source.unset.add(place)
            message = f"the environment variable {name} is not set; give it a default with"
            self.note(node, match[0], f"{message} ${{{name}:-...}}")
        return value or ""

    def note(self, node: yaml.ScalarNode, needle: str, message: str) -> None:
        """Note a mistake at a part of a text, in the file as it is written."""
        start, end = node.start_mark.index, node.end_mark.index
        index = self.text.find(needle, start, end)
        if index < 0:
            index = start
        line = self.text.count("\n", 0, index) + 1
        column = index - self.text.rfind("\n", 0, index)
        _note(self.source, _Position(line, column), message)


def _number(text: str, kind: str) -> int | float:
    if kind == "int":
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    lowered = text.lower().replace(".inf", "inf").replace(".nan", "nan")
    return float(lowered)
