"""Reads a Seatbelt profile and answers what it allows, as far as ours use the language.

An operation that ends in "*" stands for all that begin so; of the rules that match the last one
decides. Sources: the profiles in /System/Library/Sandbox/Profiles of macOS, and the reverse
engineering in "Apple's Sandbox Guide" (fG!, 2011).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"]+))')


@dataclass(frozen=True)
class Text:
    """A string of the program, which a symbol is not."""

    value: str


def read(program: str) -> list[object]:
    """The expressions of a program as nested lists; raises `ValueError` where it is none."""
    stack: list[list[object]] = [[]]
    at = 0
    program = program.rstrip()
    while at < len(program):
        found = _TOKEN.match(program, at)
        if not found:
            raise ValueError(program[at : at + 40])
        at = found.end()
        opening, closing, text, symbol = found.groups()
        if opening:
            stack.append([])
        elif closing:
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(symbol if text is None else Text(text))
    if len(stack) != 1:
        raise ValueError("unbalanced")
    return stack[0]


@dataclass
class Profile:
    """A profile with the values of its parameters."""

    text: str
    parameters: dict[str, str]
    rules: list[list[object]] = field(default_factory=list[list[object]])

    def __post_init__(self) -> None:
        version, *rules = read(self.text)
        assert version == ["version", "1"]
        assert all(isinstance(rule, list) for rule in rules)
        self.rules = rules  # type: ignore[assignment]

    def allows(self, operation: str, what: str = "", domain: str = "") -> bool:
        """Whether an operation on a path, a name or a target is allowed."""
        decision = "allow"
        for action, *rest in self.rules:
            names = [part for part in rest if isinstance(part, str)]
            filters = [part for part in rest if isinstance(part, list)]
            meant = any(
                name in ("default", operation)
                or (name.endswith("*") and operation.startswith(name[:-1]))
                for name in names
            )
            if meant and (not filters or any(self._holds(f, what, domain) for f in filters)):
                decision = str(action)
        return decision == "allow"

    def _holds(self, condition: list[object], what: str, domain: str) -> bool:
        kind, *values = condition
        if kind in {"local", "remote"}:
            family, *inner = values
            return family == domain and all(self._holds(f, what, domain) for f in inner)  # type: ignore[arg-type]
        value = values[0]
        if isinstance(value, list):
            assert value[0] == "param"
            value = Text(self.parameters[value[1].value])
        wanted = value.value if isinstance(value, Text) else str(value)
        match kind:
            case "literal" | "sysctl-name" | "target" | "socket-domain":
                return what == wanted
            case "subpath":
                return what == wanted or what.startswith(wanted.rstrip("/") + "/")
            case "sysctl-name-prefix":
                return what.startswith(wanted)
            case _:
                raise ValueError(kind)
