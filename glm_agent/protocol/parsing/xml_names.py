"""Names of calls in the XML form of GLM-4.5 and later, written right or nearly so.

Does not do: deciding what is done with a name that nobody declared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...messages import ToolSpec
from ..arguments.ladder import read_arguments

# What a name is made of, whatever it means. Longer ones are prose.
_NAME = re.compile(r"[^\s<>{}\[\]()\"'`,;\\]+")
LONGEST_NAME = 256

_ENVELOPE_KEYS = {"name", "arguments", "parameters", "id", "type"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A call written as one JSON object: its name, its arguments as JSON, and what was mended."""

    name: str
    arguments: str
    repairs: tuple[str, ...]


class Names:
    """Reads names. In strict mode they must be written exactly."""

    def __init__(self, tools: Sequence[ToolSpec], strict: bool) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self._strict = strict

    def read(self, head: str) -> str | None:
        r"""The name that `head` is, declared or not; None if it can be none.

        Blanks around it, a newline spelled as `\n` and a `>` after it are no part of it.
        """
        name = head if self._strict else head.strip().removesuffix("\\n").rstrip(" \t>")
        return name if name in self.tools or _NAME.fullmatch(name) else None

    def fused(self, head: str) -> tuple[str, str] | None:
        """A declared name and one of its parameters, written as one; None if in doubt."""
        splits = [
            (name, key)
            for name, tool in self.tools.items()
            if head.startswith(name)
            and (key := head[len(name) :].strip())
            and key in (tool.parameters.get("properties") or ())
        ]
        return splits[0] if len(splits) == 1 else None

    def envelope(self, text: str) -> Envelope | None:
        """The call that an object with name and arguments is; None if it is something else."""
        read = read_arguments(text)
        value = read.value or {}
        name = value.get("name")
        if not isinstance(name, str) or self.read(name) is None or value.keys() - _ENVELOPE_KEYS:
            return None
        given = value.get("arguments", value.get("parameters", {}))
        written = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        return Envelope(name, written, read.repairs)
