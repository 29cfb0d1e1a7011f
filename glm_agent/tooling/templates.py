"""Texts with `{placeholders}`, as HTTP tools fill them from a call's arguments.

Only `{name}` is a placeholder; `{{name}}` is a plain `{name}`, and any other brace is itself.

Does not do: format specifications, attributes, conditions: a template is data, not code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_PART = re.compile(r"\{\{(?P<plain>\w+)\}\}|\{(?P<name>\w+)\}")

_LITERAL_BRACE = "\ufdd0"  # a noncharacter: no text has one (Unicode 16, section 23.7)

MISSING = object()
"""What a template gives when all it names was left out of the call."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A parameter's place in a template; `start` is its offset in the text."""

    name: str
    start: int


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text."""

    parts: tuple[str | Placeholder, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a text; every text is a template."""
        parts: list[str | Placeholder] = []
        end = 0
        for match in _PART.finditer(text):
            parts.append(_plain(text[end : match.start()]))
            name = match["name"]
            parts.append(Placeholder(name, match.start()) if name else f"{{{match['plain']}}}")
            end = match.end()
        parts.append(_plain(text[end:]))
        return cls(tuple(part for part in parts if part))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The placeholders, in order."""
        return tuple(part for part in self.parts if isinstance(part, Placeholder))

    def text(
        self, values: Mapping[str, Any], encode: Callable[[Placeholder, str], str] | None = None
    ) -> str:
        """The text with the values in it, each through `encode`; one left out is empty."""
        return "".join(
            part
            if isinstance(part, str)
            else (encode or _unchanged)(part, as_text(values.get(part.name)))
            for part in self.parts
        )

    def value(self, values: Mapping[str, Any]) -> Any:
        """The value itself where the template is one placeholder, else a text.

        `MISSING` where it names parameters and the call has left all of them out.
        """
        names = [placeholder.name for placeholder in self.placeholders]
        if names and not any(name in values for name in names):
            return MISSING
        if len(self.parts) == 1 and names:
            return values[names[0]]
        return self.text(values)


def fill(tree: Any, values: Mapping[str, Any]) -> Any:
    """A tree of templates, dictionaries and lists with the values in it.

    Keys and items whose parameters were left out are left out too.
    """
    if isinstance(tree, Template):
        return tree.value(values)
    if isinstance(tree, dict):
        filled = {key: fill(part, values) for key, part in tree.items()}
        return {key: part for key, part in filled.items() if part is not MISSING}
    if isinstance(tree, list):
        return [part for part in (fill(item, values) for item in tree) if part is not MISSING]
    return tree


def parse_tree(tree: Any) -> Any:
    """The same tree with its texts parsed."""
    if isinstance(tree, str):
        return Template.parse(tree)
    if isinstance(tree, dict):
        return {key: parse_tree(part) for key, part in tree.items()}
    if isinstance(tree, list):
        return [parse_tree(part) for part in tree]
    return tree


def as_text(value: Any) -> str:
    """A value as it stands in a URL or a header: JSON's words, commas between items."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ",".join(as_text(item) for item in value)
    return json.dumps(value, ensure_ascii=False)


def escape(text: str) -> str:
    """A text in which no template finds a placeholder, whatever stands around it."""
    return text.replace("{", _LITERAL_BRACE)


def _plain(text: str) -> str:
    return text.replace(_LITERAL_BRACE, "{")


def _unchanged(_: Placeholder, text: str) -> str:
    return text
