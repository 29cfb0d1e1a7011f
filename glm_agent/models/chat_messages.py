"""Transcripts and tools in the shapes of OpenAI's chat completions.

GLM's raw tools (python, simple_browser, cogview) become functions with one string parameter.
Observations become messages of role `tool`, one for each call.

Does not do: sending them (`chat.py`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from ..messages import Assistant, Image, Message, Observation, System, ToolCall, ToolSpec, User
from ..protocol.rendering.raw_tools import RAW_PARAMETER, as_function

NO_OUTPUT = "(no output)"
"""For a tool that said nothing: some servers refuse or drop an empty tool message."""


def chat_tools(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The request's `tools`."""
    return [{"type": "function", "function": as_function(tool).function()} for tool in tools]


def chat_messages(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The request's `messages`."""
    kinds = {tool.name: tool.kind for tool in tools}
    result: list[dict[str, Any]] = []
    waiting: list[str] = []  # calls that have no observation yet
    last = ""  # the call that the observation before belonged to
    made = 0
    for message in messages:
        if isinstance(message, Observation):
            call_id = message.call_id or (waiting[0] if waiting else last)
            text = _observation(message)
            if call_id == last and result and result[-1]["role"] == "tool":
                result[-1]["content"] += f"\n\n{text}"
            else:
                result.append({"role": "tool", "tool_call_id": call_id, "content": text})
            waiting = [other for other in waiting if other != call_id]
            last = call_id
        elif isinstance(message, Assistant):
            entry, waiting = _assistant(message, kinds, made)
            made += len(waiting)
            result.append(entry)
        elif isinstance(message, System):
            result.append({"role": "system", "content": message.content})
        else:
            result.append(_user(message))
    return result


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
