"""Transcripts and tools in the shapes of OpenAI's chat completions.

GLM's raw tools (python, simple_browser, cogview) become functions with one string parameter.
Observations become messages of role `tool`, one for each call.

Does not do: sending them (`chat.py`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from ...messages import Assistant, Image, Message, Observation, System, ToolCall, ToolSpec, User
from ...protocol.rendering.raw_tools import RAW_PARAMETER, as_function
from .transport import json_bytes

NO_OUTPUT = "(no output)"
"""For a tool that said nothing: some servers refuse or drop an empty tool message."""


def chat_tools(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The request's `tools`."""
    return [{"type": "function", "function": as_function(tool).function()} for tool in tools]


def chat_messages(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The request's `messages`."""
    writer = _Writer(tools)
    for message in messages:
        writer.add(message)
    return writer.entries


class ChatHistory:
    """A transcript's `messages` as JSON, which grow with it: each is written once.

    `len()` is the number of the transcript's messages so far.
    """

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._writer = _Writer(tools)
        self._written: list[bytes] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, messages: Iterable[Message]) -> None:
        """Append messages."""
        for message in messages:
            self._writer.add(message)
            self._count += 1

    def json(self) -> bytes:
        """The array as it is now."""
        entries = self._writer.entries
        # The last one may still change: a call's next observation goes into the same message.
        self._written += map(json_bytes, entries[:-1])
        del entries[:-1]
        return b"[%s]" % b", ".join([*self._written, *map(json_bytes, entries)])


class _Writer:
    """Messages in the shapes of chat completions, one after the other; the last may be changed."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self.entries: list[dict[str, Any]] = []
        self._kinds = {tool.name: tool.kind for tool in tools}
        self._waiting: list[str] = []  # calls that have no observation yet
        self._last = ""  # the call that the observation before belonged to
        self._made = 0

    def add(self, message: Message) -> None:
        if isinstance(message, Observation):
            self._observation(message)
        elif isinstance(message, Assistant):
            entry, self._waiting = _assistant(message, self._kinds, self._made)
            self._made += len(self._waiting)
            self.entries.append(entry)
        elif isinstance(message, System):
            self.entries.append({"role": "system", "content": message.content})
        else:
            self.entries.append(_user(message))

    def _observation(self, message: Observation) -> None:
        call_id = message.call_id or (self._waiting[0] if self._waiting else self._last)
        text = _observation(message)
        if call_id == self._last and self.entries and self.entries[-1]["role"] == "tool":
            self.entries[-1]["content"] += f"\n\n{text}"
        else:
            self.entries.append({"role": "tool", "tool_call_id": call_id, "content": text})
        self._waiting = [other for other in self._waiting if other != call_id]
        self._last = call_id


def _user(message: User) -> dict[str, Any]:
    if not message.images:
        return {"role": "user", "content": message.content}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.content}]
    parts += [{"type": "image_url", "image_url": {"url": _data(i)}} for i in message.images]
    return {"role": "user", "content": parts}


def _data(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode('ascii')}"


def _observation(message: Observation) -> str:
    lines = [message.metadata, message.text, *("[Image]" for _ in message.images)]
    return "\n".join(line for line in lines if line) or NO_OUTPUT


def _assistant(
    message: Assistant, kinds: dict[str, str], made: int
) -> tuple[dict[str, Any], list[str]]:
    """The message, and the ids of its calls. Calls without an id get one that is free."""
    entry: dict[str, Any] = {"role": "assistant", "content": message.text}
    ids: list[str] = []
    calls: list[dict[str, Any]] = []
    for number, call in enumerate(message.calls, made + 1):
        ids.append(call.id or f"call_{number}")
        function = {"name": call.name, "arguments": _arguments(call, kinds.get(call.name))}
        calls.append({"id": ids[-1], "type": "function", "function": function})
    if calls:
        entry["tool_calls"] = calls
    return entry, ids


def _arguments(call: ToolCall, kind: str | None) -> str:
    """A call's arguments as a JSON object, whatever the model wrote: servers read them."""
    if call.arguments is not None:
        return json.dumps(call.arguments, ensure_ascii=False)
    parameter = RAW_PARAMETER.get(kind or call.name, "input")
    return json.dumps({parameter: call.payload}, ensure_ascii=False)
