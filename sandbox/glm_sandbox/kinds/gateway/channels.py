"""Jupyter messages over a gateway's websocket, in JSON, as the Jupyter Server speaks them.

Also the way to ask the kernel something for ourselves (`ask`), which the file helpers use. What
comes from the other side is untrusted: bounded in size, checked in form. Does not do: HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from ...errors import KernelStartError
from ..base import Channels, execute_request
from .server import Server, authorization

if TYPE_CHECKING:
    from tornado.websocket import WebSocketClientConnection

MESSAGE_BYTES = 64 * 1024 * 1024
WAITING = 256  # messages that wait to be taken; then the other side has to
_LOST = {"restarting", "autorestarting", "dead"}  # a kernel's execution_state when it was lost


class Refused(Exception):
    """The kernel did not do what it was asked for; the message says why."""


class GatewayChannels(Channels):
    """The websocket of one kernel."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.ending: str | None = None  # how the kernel was lost
        self.dirty = True  # code ran since this was last set to False
        self.running: str | None = None  # the execute request that is not answered yet
        self._connection = connection
        self._session = uuid4().hex
        self._waiting: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(WAITING)
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, server: Server, kernel: str, seconds: float) -> GatewayChannels:
        """Connect to a kernel. Raises `KernelStartError`."""
        from tornado.httpclient import HTTPClientError, HTTPRequest
        from tornado.websocket import WebSocketError, websocket_connect

        request = HTTPRequest(
            f"ws{server.url.removeprefix('http')}/api/kernels/{kernel}/channels",
            headers=authorization(server.token),
            connect_timeout=seconds,
            request_timeout=seconds,
        )
        try:
            connection = await websocket_connect(request, max_message_size=MESSAGE_BYTES)
        except (HTTPClientError, WebSocketError, OSError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise KernelStartError(f"the gateway gives no line to the kernel: {said}") from error
        return cls(connection)

    def execute(self, code: str) -> str:
        """Send an execute request."""
        self.dirty = True
        self.running = self._send("execute_request", execute_request(code))
        return self.running

    def kernel_info(self) -> None:
        """Send a kernel_info request."""
        self._send("kernel_info_request", {})

    async def ask(self, expression: str, seconds: float) -> str:
        """The value of a Python expression that gives a string, in a kernel that is idle.

        Raises:
            Refused: it gave something else, raised, or did not answer in time.
        """
        sent = self._send(
            "execute_request",
            {
                "code": "",
                "silent": True,
                "store_history": False,
                "user_expressions": {"it": expression},
                "allow_stdin": False,
                "stop_on_error": False,
            },
        )
        future = self._asked[sent] = asyncio.get_running_loop().create_future()
        try:
            content = await asyncio.wait_for(future, seconds)
        except TimeoutError:
            raise Refused("the kernel is busy") from None
        finally:
            del self._asked[sent]
        found = _inner(_inner(content, "user_expressions"), "it")
        if found.get("status") != "ok":
            raise Refused(" ".join(str(found.get("evalue") or "the kernel was lost").split())[:300])
        text = _inner(found, "data").get("text/plain")
        if not isinstance(text, str) or len(text) < 2 or text[0] not in "'\"":
            raise Refused("the kernel answered something else")
        return text[1:-1]

    async def receive(self, seconds: float) -> list[tuple[str, dict[str, Any]]]:
        """Messages that are there within `seconds`."""
        found: list[tuple[str, dict[str, Any]]] = []
        with contextlib.suppress(TimeoutError):
            found.append(await asyncio.wait_for(self._waiting.get(), max(0.001, seconds)))
        while not self._waiting.empty():
            found.append(self._waiting.get_nowait())
        return sorted(found, key=lambda item: item[0] != "shell")

    def close(self) -> None:
        """Close the websocket."""
        self._reader.cancel()
        self._connection.close()
        self._let_go("the line was closed")

    def _send(self, kind: str, content: Mapping[str, Any]) -> str:
        from tornado.websocket import WebSocketClosedError

        name = uuid4().hex
        header = {
            "msg_id": name,
            "msg_type": kind,
            "username": "glm-sandbox",
            "session": self._session,
            "date": datetime.now(UTC).isoformat(),
            "version": "5.3",
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
            "buffers": [],
        }
        try:
            sent = self._connection.write_message(json.dumps(message))
            sent.add_done_callback(lambda done: done.cancelled() or done.exception())
        except WebSocketClosedError:
            self._let_go("the connection to the gateway broke off")
        return name

    async def _read(self) -> None:
        while True:
            data = await self._connection.read_message()
            if data is None:
                self._let_go("the connection to the gateway broke off")
                return
            message = _parsed(data)
            channel = message.get("channel")
            if channel == "iopub" and message.get("msg_type") == "status":
                state = _inner(message, "content").get("execution_state")
                if state in _LOST and not _inner(message, "parent_header").get("msg_id"):
                    self._let_go("it died where the gateway runs it")
            parent = _inner(message, "parent_header").get("msg_id")
            if parent == self.running and message.get("msg_type") == "execute_reply":
                self.running = None
            future = self._asked.get(parent) if isinstance(parent, str) else None
            if future is not None:
                if channel == "shell" and not future.done():
                    future.set_result(_inner(message, "content"))
            elif channel in {"shell", "iopub"}:
                if self._asked and self._waiting.full():
                    continue  # nobody takes messages while we ask; they belong to no execution
                await self._waiting.put((channel, message))

    def _let_go(self, how: str) -> None:
        self.ending = self.ending or how
        for future in self._asked.values():
            if not future.done():
                future.set_result({})


def _inner(message: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = message.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _parsed(data: str | bytes) -> dict[str, Any]:
    """A message, {} where it is none. Those with buffers come in binary, JSON first."""
    with contextlib.suppress(ValueError, struct.error, RecursionError):
        if isinstance(data, bytes):
            count, first = struct.unpack_from("!II", data)
            end = struct.unpack_from("!I", data, 8)[0] if count > 1 else len(data)
            data = data[first:end].decode()
        found: object = json.loads(data)
        if isinstance(found, dict):
            message = cast("dict[str, Any]", found)
            message.setdefault("msg_type", _inner(message, "header").get("msg_type"))
            return message
    return {}
