"""The line to a kernel of this machine or of a container: Jupyter messages over `wire.py`.

What comes is untrusted: wrong signatures, unreadable and oversized messages are dropped, and what
is kept of them is bounded. Does not do: waiting for answers to a request (`conversation.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from jupyter_client.session import Session

from .kinds.base import Channels, execute_request
from .wire import Line, Role

_AT_ONCE = 1024 * 1024  # bytes of messages that are decoded in one go


def connect(connection: Mapping[str, Any]) -> Channels:
    """The line to a kernel, to be called in a running event loop.

    Args:
        connection: As in a connection file, but the host's own copy: `transport` ("ipc" or
            "tcp"), `ip` (for "ipc" the path that "-1" to "-5" come after), `key`,
            `signature_scheme`, `shell_port`, `iopub_port`. Sockets that are not there yet are
            tried again until they are.
    """
    return WireChannels(connection)


class WireChannels(Channels):
    """The shell and iopub sockets of a kernel, read together."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        key = connection["key"]
        scheme = connection.get("signature_scheme", "hmac-sha256")
        self._session = Session(signature_scheme=str(scheme))
        self._session.key = key if isinstance(key, bytes) else str(key).encode()
        self._arrived = asyncio.Event()
        self._lines = {
            "shell": self._line(connection, "shell_port", "DEALER"),
            "iopub": self._line(connection, "iopub_port", "SUB"),
        }
        self._dropped = 0

    def _line(self, connection: Mapping[str, Any], port: str, role: Role) -> Line:
        ip, number = str(connection["ip"]), int(connection[port])
        local = connection.get("transport") == "ipc"
        return Line(f"{ip}-{number}" if local else (ip, number), role, self._arrived)

    def execute(self, code: str) -> str:
        """Send an execute request."""
        return self._send("execute_request", execute_request(code))

    def kernel_info(self) -> None:
        """Send a kernel_info request."""
        self._send("kernel_info_request", {})

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        message = self._session.msg(kind, content)
        self._lines["shell"].send(self._session.serialize(message))
        return str(message["header"]["msg_id"])

    @property
    def lost(self) -> bool:
        """Whether a connection was lost, so that nothing more will come."""
        return any(line.lost for line in self._lines.values())

    async def receive(self, seconds: float) -> list[tuple[str, dict[str, Any]]]:
        """Messages that are there within `seconds`, the shell's first."""
        messages = self._take()
        if not messages:
            self._arrived.clear()
            try:
                async with asyncio.timeout(max(0.0, seconds)):
                    await self._arrived.wait()
            except TimeoutError:
                return []
            messages = self._take()
            if not messages and self.lost:
                await asyncio.sleep(min(0.05, max(0.0, seconds)))  # nothing will wake us
        return messages

    def _take(self) -> list[tuple[str, dict[str, Any]]]:
        messages: list[tuple[str, dict[str, Any]]] = []
        room = _AT_ONCE
        for name, line in self._lines.items():
            while room > 0 and (parts := line.take()) is not None:
                room -= sum(map(len, parts))
                messages.append((name, self._decoded(parts)))
        dropped = sum(line.dropped for line in self._lines.values())
        if dropped > self._dropped:
            messages.append(("iopub", {"msg_type": "dropped", "count": dropped - self._dropped}))
            self._dropped = dropped
        return messages

    def _decoded(self, parts: list[bytes]) -> dict[str, Any]:
        try:
            _, frames = self._session.feed_identities(parts, copy=True)
            return self._session.deserialize(frames, content=True, copy=True)
        except Exception:  # noqa: BLE001 (whatever the kernel forged, it is no message)
            return {}

    def close(self) -> None:
        """Close the sockets."""
        for line in self._lines.values():
            line.close()
