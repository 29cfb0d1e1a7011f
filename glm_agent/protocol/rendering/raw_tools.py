"""Tools that take raw text (python, simple_browser, cogview) where a format knows functions only.

Only glm-4's own format has these tools. Everywhere else (the later families, chat servers) each
is offered as a function with one string parameter, and what the model puts into it is taken out
again, so that the tool gets the text that it would have got from glm-4.

Does not do: running tools, the descriptions that glm-4 itself has for them (`glm4_text.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from ...events import CallDelta, CallReady, ReplyEvent
from ...messages import Piece, ToolCall, ToolSpec
from ..arguments.ladder import CUT, read_arguments
from ..reply import StreamParser

RAW_PARAMETER = {"python": "code", "simple_browser": "actions", "cogview": "prompt"}
"""The one parameter under which a raw tool is offered as a function."""

_RAW_TEXT = {
    "python": (
        "Run Python code in a stateful Jupyter kernel and get back what it prints or returns.",
        "Python source code",
    ),
    "simple_browser": (
        "Browse the web: search, open search results by their number, or open a URL.",
        'One action a line: search("query", recency_days=7), mclick([0, 1]), open_url("https://…")',
    ),
    "cogview": ("Make a picture from a description.", "Description of the picture, in English"),
}


def as_function(tool: ToolSpec) -> ToolSpec:
    """`tool` as a function; one that is a function already is given back."""
    if tool.kind == "function":
        return tool
    description, parameter = _RAW_TEXT[tool.kind]
    name = RAW_PARAMETER[tool.kind]
    return ToolSpec(
        tool.name,
        tool.description or description,
        {
            "type": "object",
            "properties": {name: {"type": "string", "description": parameter}},
            "required": [name],
        },
    )


def raw_payload(arguments: str, tool: ToolSpec) -> str:
    """The text that a raw tool takes, out of the JSON object in which it was wrapped.

    What is not such an object is taken for the text itself.
    """
    try:
        value: Any = json.loads(arguments, strict=False)
    except (ValueError, RecursionError):
        return arguments
    if isinstance(value, dict):
        text = _text(cast("dict[str, Any]", value), tool)
        if text is not None:
            return text
    return value if isinstance(value, str) else arguments


def _text(arguments: Mapping[str, Any], tool: ToolSpec) -> str | None:
    text = arguments.get(RAW_PARAMETER[tool.kind])
    if text is None and len(arguments) == 1:
        text = next(iter(arguments.values()))
    return text if isinstance(text, str) else None


def call_arguments(call: ToolCall, tools: Mapping[str, ToolSpec]) -> Mapping[str, Any] | None:
    """The arguments with which a function-only format writes `call`.

    None for a payload that is no JSON object; it can only be written as it is.
    """
    if call.arguments is not None:
        return call.arguments
    tool = tools.get(call.name)
    kind = call.name if tool is None else tool.kind
    if kind in RAW_PARAMETER:
        return {RAW_PARAMETER[kind]: call.payload}
    return None if call.error is not None else read_arguments(call.payload).value


class RawToolParser:
    """A parser for formats that know functions only: gives raw tools their text.

    The parser inside must have been made with `as_function` of each tool. A raw tool's text comes
    as one `CallDelta` when its call is complete, because it has to be taken out of its wrapping.
    """

    def __init__(self, parser: StreamParser, tools: Sequence[ToolSpec]) -> None:
        self._parser = parser
        self._raw = {tool.name: tool for tool in tools if tool.kind != "function"}
        self._open: str | None = None
        self._calls: dict[str, ToolCall] = {}

    @property
    def parts(self) -> tuple[str | ToolCall, ...]:
        """Texts and calls so far completed, in order."""
        return tuple(
            part if isinstance(part, str) else self._calls.get(part.id, part)
            for part in self._parser.parts
        )

    @property
    def thinking(self) -> str:
        """What the model thought aloud."""
        return self._parser.thinking

    @property
    def stop(self) -> str | None:
        """The stop token that ended the reply."""
        return self._parser.stop

    @property
    def truncated(self) -> bool:
        """Whether the reply was cut at the token limit."""
        return self._parser.truncated

    def feed(self, piece: Piece, /) -> list[ReplyEvent]:
        """Take the next piece."""
        return self._translate(self._parser.feed(piece))

    def close(self, stop: str | None = None, truncated: bool = False) -> list[ReplyEvent]:
        """End the reply."""
        return self._translate(self._parser.close(stop, truncated))

    def _translate(self, events: list[ReplyEvent]) -> list[ReplyEvent]:
        result: list[ReplyEvent] = []
        for event in events:
            name = getattr(event, "name", None)
            if isinstance(event, CallReady) and event.call.name in self._raw:
                call = self._unwrap(event.call)
                if call.payload:
                    result.append(CallDelta(call.id, call.payload))
                result.append(CallReady(call))
                self._open = None
            elif isinstance(event, CallDelta) and event.call_id == self._open:
                continue
            else:
                if isinstance(name, str) and name in self._raw:
                    self._open = getattr(event, "call_id", None)
                result.append(event)
        return result

    def _unwrap(self, call: ToolCall) -> ToolCall:
        tool = self._raw[call.name]
        text = None if call.arguments is None else _text(call.arguments, tool)
        payload = raw_payload(call.payload, tool) if text is None else text
        error = CUT if call.error == CUT else None
        call = replace(call, payload=payload, arguments=None, error=error)
        self._calls[call.id] = call
        return call
