"""One turn of a conversation: a question, its calls with what came back, and the answer.

Also the rule by which the embedded model words an answer from a function's result, so that training
and evaluation agree. Does not do: making turns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Turn:
    """`calls` are (tool, payload, [(metadata, text) of each observation])."""

    kind: str
    question: str
    calls: list[tuple[str, str, list[tuple[str, str]]]] = field(default_factory=list)
    answer: str = ""
    arguments: dict[str, Any] | None = None
    expect: str = ""
    failed: bool = False

    def call(self, tool: str, payload: str, observations: list[tuple[str, str]]) -> None:
        """Add a call."""
        self.calls.append((tool, payload, observations))


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_words(item)}" for key, item in value.items())
    return str(value)


def answer_for(observation: str, failed: bool = False) -> str:
    """The answer the embedded model is taught to give to a function's result."""
    if failed:
        return f"That did not work: {observation}"
    if not observation.strip():
        return "Done."
    try:
        value = json.loads(observation)
    except ValueError:
        value = None
    if isinstance(value, dict | list):
        return f"Here is the result: {_words(value)}."
    if observation.endswith("."):
        return observation
    return f"The result is {observation}." if observation.count(" ") < 3 else f"{observation}."
