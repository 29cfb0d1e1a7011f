"""Chat completions: any server with `/chat/completions`, whatever wire format its model speaks.

The server renders the prompt and usually parses the calls. A transcript's messages are written as
JSON once, and what is new is added at each step.

Does not do: raw completions (`completions.py`), reading the replies (`chat_reading.py`), the shapes
of messages (`chat_messages.py`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from ...errors import ServerError
from ...events import ReplyEvent
from ...messages import ToolSpec, Transcript
from ...protocol import Protocol
from ...protocol.grammar import AUTO, CHOICES, check_choice
from ..base import Model, Reply, Request
from .chat_messages import ChatHistory, chat_tools
from .chat_reading import Reading
from .server_traits import ServerTraits
from .transport import NoEndpoint, Refused, Transport, json_bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    """A transcript's messages and tools as JSON, and the tools they were written for."""

    tools: tuple[ToolSpec, ...]
    history: ChatHistory
    offered: bytes


class ChatModel(Model):
    """A model behind `/chat/completions`."""

    def __init__(
        self, transport: Transport, traits: ServerTraits, *, name: str, protocol: Protocol
    ) -> None:
        self.name = name
        self._protocol = protocol
        self._transport = transport
        self._traits = traits
        self._plain = False  # whether the server refuses optional fields
        self._kept: WeakKeyDictionary[Transcript, _Kept] = WeakKeyDictionary()

    async def stream(self, request: Request) -> AsyncGenerator[ReplyEvent | Reply, None]:
        """Yield the reply's events as they come, then one `Reply`. Raises `ModelError`."""
        started = time.perf_counter()
        check_choice(request.tool_choice, [tool.name for tool in request.tools])
        await self._traits.find_model(self._transport)
        reading = Reading(self._protocol, request)
        async with aclosing(self._ask(request)) as objects:
            async for item in objects:
                for event in reading.events(item):
                    yield event
        if not reading.ended:
            raise ServerError(
                f"{self._transport.where} broke off in the middle of its reply; see its log"
            )
        for event in reading.close():
            yield event
        yield reading.reply(time.perf_counter() - started)

    async def _ask(self, request: Request) -> AsyncGenerator[dict[str, Any], None]:
        begun = False
        while True:
            try:
                body = self._body(request)
                async with aclosing(self._transport.events("/chat/completions", body)) as events:
                    async for event in events:
                        begun = True
                        yield event
                return
            except NoEndpoint:
                raise
            except Refused as error:
                if begun or self._plain or error.status not in (400, 422):
                    raise ServerError(f"{error}{self._traits.hint()}") from error
                self._plain = True

    def _body(self, request: Request) -> bytes:
        settings = request.settings
        body: dict[str, Any] = {"max_tokens": settings.max_tokens, "stream": True}
        if self._traits.model is not None:
            body["model"] = self._traits.model
        choice = request.tool_choice
        if choice != AUTO and request.tools:
            named = {"type": "function", "function": {"name": choice}}
            body["tool_choice"] = choice if choice in CHOICES else named
        for key in ("temperature", "top_p", "seed"):
            if (value := getattr(settings, key)) is not None:
                body[key] = value
        if not self._plain:
            body["stream_options"] = {"include_usage": True}
            if settings.top_k is not None:
                body["top_k"] = settings.top_k
        kept = self._written(request)
        fields = [json_bytes(body)[:-1], b'"messages": ' + kept.history.json()]
        if request.tools:
            fields.append(b'"tools": ' + kept.offered)
        return b", ".join(fields) + b"}"

    def _written(self, request: Request) -> _Kept:
        """What was written for the transcript before, and what is new; other lists are written."""
        messages, tools = request.messages, tuple(request.tools)
        found = self._kept.get(messages) if isinstance(messages, Transcript) else None
        if found is None or found.tools != tools:
            found = _Kept(tools, ChatHistory(tools), json_bytes(chat_tools(tools)))
            if isinstance(messages, Transcript):
                self._kept[messages] = found
        found.history.extend(messages[len(found.history) :])
        return found
