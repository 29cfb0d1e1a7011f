"""A reply as a chat server gives it on: content, names and arguments, from text that streams.

What the two plugins have in common, without either server's types. The name of a call comes as
soon as it is known, its arguments when they are complete: only then can they be mended, and what
was sent to a client cannot be taken back. So a reply fed in parts gives what the whole gives.

Does not do: reasoning (the servers have parsers of their own for it), raw-text tools (to a server
all tools are functions).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from glm_agent.events import CallReady, CallStarted, ReplyEvent, TextDelta
from glm_agent.messages import ToolCall, ToolSpec
from glm_agent.protocol import ControlSplitter, protocol_for


@dataclass(frozen=True, slots=True)
class CallPart:
    """A part of the call number `index`, which counts from 0: first its name, then its arguments.

    `arguments` is JSON text; a client puts all parts together.
    """

    index: int
    name: str | None = None
    arguments: str = ""


@dataclass(slots=True)
class Part:
    """What a part of a reply says: content, and parts of calls."""

    content: str = ""
    calls: list[CallPart] = field(default_factory=list[CallPart])


class ServedReply:
    """One reply of GLM-4. Control tokens are taken for what they are where the text spells them."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        protocol = protocol_for("glm-4")
        self._splitter = ControlSplitter(protocol.controls)
        self._parser = protocol.stream_parser(tools)
        self._calls: dict[str, int] = {}
        self._finished = False

    def feed(self, text: str) -> Part:
        """The next part of the reply, as it is given on."""
        return self._part(
            event for piece in self._splitter.feed(text) for event in self._parser.feed(piece)
        )

    def finish(self) -> Part:
        """What was held back, when the reply is over. A second time it is nothing."""
        if self._finished:
            return Part()
        self._finished = True
        rest = [event for piece in self._splitter.close() for event in self._parser.feed(piece)]
        return self._part([*rest, *self._parser.close()])

    def _part(self, events: Iterable[ReplyEvent]) -> Part:
        part = Part()
        for event in events:
            if isinstance(event, TextDelta):
                part.content += event.text
            elif isinstance(event, CallStarted):
                index = self._calls.setdefault(event.call_id, len(self._calls))
                part.calls.append(CallPart(index, event.name))
            elif isinstance(event, CallReady):
                index = self._calls[event.call.id]
                part.calls.append(CallPart(index, arguments=arguments_of(event.call)))
        return part


@dataclass(frozen=True, slots=True)
class WholeReply:
    """A whole reply: content, and the calls as names and arguments."""

    content: str
    calls: tuple[tuple[str, str], ...]


def read_whole(text: str, tools: Sequence[ToolSpec]) -> WholeReply:
    """Read a reply at once."""
    protocol = protocol_for("glm-4")
    reply = protocol.parse(protocol.split(text), tools)
    return WholeReply(reply.text, tuple((call.name, arguments_of(call)) for call in reply.calls))


def arguments_of(call: ToolCall) -> str:
    """A call's arguments as JSON text: as written, mended if need be.

    What cannot be read stays as it was written, for the client to see.
    """
    if call.arguments is None:
        return call.payload
    try:
        if json.loads(call.payload) == call.arguments:
            return call.payload
    except (ValueError, RecursionError):
        pass
    return json.dumps(dict(call.arguments), ensure_ascii=False)


def tool_spec(function: object) -> ToolSpec | None:
    """A server's description of a function, an object or a mapping; None if it has no name."""

    def get(key: str) -> Any:
        if isinstance(function, Mapping):
            return cast("Mapping[str, Any]", function).get(key)
        return getattr(function, key, None)

    name, parameters = get("name"), get("parameters")
    if not isinstance(name, str) or not name:
        return None
    schema = dict(cast("Mapping[str, Any]", parameters)) if isinstance(parameters, Mapping) else {}
    return ToolSpec(name, str(get("description") or ""), schema)
