"""One reply of a chat server, put together from what comes.

Where the server does not parse calls (GLM-4's are known to no server today), a call arrives as
content, `name` and the payload on the next lines, and is read by our own parser; it is a call only
if its first line is a declared name. The calls of GLM-4.5 and later are the server's to parse: tags
spelled in its text are text. Thinking comes in fields of its own, or at the begin of the text
between `<think>` and `</think>`.

A call is ready when its arguments are a whole JSON object, which may be long before the reply ends.

Does not do: asking for the reply (`chat.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ...events import CallDelta, CallReady, CallStarted, ReplyEvent, TextDelta, ThinkingDelta
from ...messages import Assistant, ToolCall
from ...protocol import Protocol
from ...protocol.arguments.ladder import CUT, Arguments, read_arguments
from ...protocol.grammar import NONE
from ...protocol.parsing.thinking import ThinkingParser
from ...protocol.rendering.raw_tools import raw_payload
from ..base import Reply, Request
from .completions import read_usage
from .object_end import ObjectEnd

# How often arguments are read to see whether they are whole, before the reply ends.
_TRIES = 3


@dataclass(slots=True)
class _Call:
    """A call of which fragments arrive."""

    id: str
    name: str = ""
    server_id: str = ""
    started: bool = False
    arguments: list[str] = field(default_factory=list[str])
    end: ObjectEnd = field(default_factory=ObjectEnd)
    tries: int = 0
    read: Arguments | None = None  # known before the reply ends, where they are a whole object


class Reading:
    """One reply as it comes from the server."""

    def __init__(self, protocol: Protocol, request: Request) -> None:
        self._tools = {tool.name: tool for tool in request.tools}
        self._first_call = request.first_call
        # Where no calls may come, what looks like one is text.
        tools = () if request.tool_choice == NONE else request.tools
        self._parser = protocol.stream_parser(tools, request.first_call)
        if isinstance(self._parser, ThinkingParser):
            self._parser.on_chat_server()
        self._calls: dict[int, _Call] = {}
        self._parts: list[str | ToolCall] = []
        self._ready: list[ToolCall] = []
        self._thinking: list[str] = []
        self._done = False
        self._reason: str | None = None
        self._usage: dict[str, Any] = {}
        self._count = 0
        self._text_ended = False
        self._late = False

    @property
    def ended(self) -> bool:
        """Whether the reply came to an end, rather than the connection."""
        return self._done or self._reason is not None

    def events(self, item: dict[str, Any]) -> Iterator[ReplyEvent]:
        """What a chunk of a stream, or a whole answer, adds to the reply."""
        return self._noted(self._events(item))

    def close(self) -> Iterator[ReplyEvent]:
        """The end of the reply: its calls are complete, in the order in which they began."""
        return self._noted(self._close())

    def _noted(self, events: Iterator[ReplyEvent]) -> Iterator[ReplyEvent]:
        for event in events:
            if isinstance(event, ThinkingDelta):
                self._thinking.append(event.text)
            yield event

    def _events(self, item: dict[str, Any]) -> Iterator[ReplyEvent]:
        self._done = self._done or item.get("done") is True
        if isinstance(usage := item.get("usage"), dict):
            self._usage = usage
        choices = item.get("choices")
        if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
            return
        choice = cast("dict[str, Any]", choices[0])
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            self._count += 1
            yield from self._delta(cast("dict[str, Any]", delta))
        if choice.get("finish_reason"):
            self._reason = str(choice["finish_reason"])

    def _delta(self, delta: dict[str, Any]) -> Iterator[ReplyEvent]:
        for key in ("reasoning_content", "reasoning"):
            if isinstance(thought := delta.get(key), str):
                if thought:
                    yield ThinkingDelta(thought)
                break
        if text := _content(delta.get("content")):
            if self._text_ended:
                yield self._late_text(text)
            else:
                yield from self._parser.feed(text)
        calls = delta.get("tool_calls")
        fragments: list[Any] = cast("list[Any]", calls) if isinstance(calls, list) else []
        if isinstance(old := delta.get("function_call"), dict):
            fragments = [*fragments, {"index": 0, "function": old}]
        for fragment in fragments:
            if isinstance(fragment, dict):
                yield from self._fragment(cast("dict[str, Any]", fragment))

    def _late_text(self, text: str) -> ReplyEvent:
        """Text after a call: rare, and it cannot be a call itself. Parts stand on own lines."""
        if self._parts and isinstance(self._parts[-1], str):
            first = not self._late
            self._parts[-1] += f"\n{text}" if first else text
        else:
            first = False
            self._parts.append(text)
        self._late = True
        return TextDelta(f"\n{text}" if first else text)

    def _end_text(self) -> Iterator[ReplyEvent]:
        if not self._text_ended:
            self._text_ended = True
            truncated = self._reason == "length" and not self._calls
            yield from self._parser.close(None, truncated)
            self._parts += self._parser.parts

    def _fragment(self, fragment: dict[str, Any]) -> Iterator[ReplyEvent]:
        yield from self._end_text()
        function = fragment.get("function")
        found = cast("dict[str, Any]", function) if isinstance(function, dict) else {}
        name, arguments = found.get("name"), found.get("arguments")
        server_id = fragment.get("id")
        call = self._call_of(fragment.get("index"), server_id, name)
        if isinstance(server_id, str):
            call.server_id = server_id
        if isinstance(name, str) and not call.started and name != call.name:
            call.name += name
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        # What follows a whole object is blank, or the same once more.
        if isinstance(arguments, str) and arguments and call.read is None:
            yield from self._start(call)
            call.arguments.append(arguments)
            if not self._is_raw(call.name):
                yield CallDelta(call.id, arguments)
            if call.tries < _TRIES and call.end.feed(arguments):
                yield from self._complete(call)

    def _complete(self, call: _Call) -> Iterator[ReplyEvent]:
        """Give out the calls whose arguments are whole, in the order in which they began.

        An empty object is not taken for whole: some servers send one before the arguments.
        """
        call.tries += 1
        read = read_arguments("".join(call.arguments))
        if read.error is None and read.value and not read.repairs:
            call.read = read
        calls = list(self._calls.values())
        while len(self._ready) < len(calls) and calls[len(self._ready)].read is not None:
            yield from self._make_ready(calls[len(self._ready)], last=False)

    def _call_of(self, index: Any, server_id: Any, name: Any) -> _Call:
        """The call that a fragment belongs to: by index, or where there is none by a new id."""
        if not isinstance(index, int):
            last = max(self._calls, default=-1)
            new = last < 0 or (name and server_id != self._calls[last].server_id)
            index = last + 1 if new else last
        if index not in self._calls:
            written = sum(isinstance(part, ToolCall) for part in self._parser.parts)
            number = self._first_call + written + len(self._calls)
            self._calls[index] = _Call(f"call_{number}")
        return self._calls[index]

    def _start(self, call: _Call) -> Iterator[ReplyEvent]:
        if not call.started:
            call.started = True
            yield CallStarted(call.id, call.name)

    def _is_raw(self, name: str) -> bool:
        tool = self._tools.get(name)
        return tool is not None and tool.kind != "function"

    def _close(self) -> Iterator[ReplyEvent]:
        yield from self._end_text()
        calls = list(self._calls.values())
        for call in calls[len(self._ready) :]:
            yield from self._start(call)
            yield from self._make_ready(call, last=call is calls[-1])
        self._parts += self._ready

    def _make_ready(self, call: _Call, *, last: bool) -> Iterator[ReplyEvent]:
        written = "".join(call.arguments)
        cut = self._reason == "length" and last
        if self._is_raw(call.name):
            payload = raw_payload(written, self._tools[call.name])
            read = Arguments(None, CUT if cut else None)
            if payload:
                yield CallDelta(call.id, payload)
        else:
            payload, read = written, call.read or read_arguments(written, cut=cut)
        ready = ToolCall(call.id, call.name, payload, read.value, read.error, read.repairs)
        self._ready.append(ready)
        yield CallReady(ready)

    def reply(self, seconds: float) -> Reply:
        """The whole reply."""
        message = Assistant(
            tuple(self._parts),
            truncated=self._reason == "length",
            thinking="".join(self._thinking),
        )
        return Reply(message, read_usage(self._usage, self._count, seconds))


def _content(content: Any) -> str:
    """A delta's text: a string, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts: list[str] = []
    for part in cast("Sequence[Any]", content):
        text = cast("dict[str, Any]", part).get("text") if isinstance(part, dict) else None
        if isinstance(text, str):
            texts.append(text)
    return "".join(texts)
