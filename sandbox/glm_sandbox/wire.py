"""ZeroMQ's wire protocol, just enough to talk to a kernel, in bounded memory whatever it sends.

Why not libzmq: it takes in a message of endless parts until memory is full, and bounds what waits
by its number, not its size; a kernel that was taken over can use both against the host. Here a
message beyond the bound is read past and counted, and what waits to be taken is bounded in bytes.

ZMTP 3.0 (ZeroMQ RFC 23) without security, as a DEALER or SUB that connects. Does not do: being
connected to, encryption, and connecting again once a connection was lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal

MESSAGE_BYTES = 16 * 1024 * 1024  # of one message with all its parts; inside.py sends none larger
PARTS = 64
_PIECE = 256 * 1024
_RETRY = 0.01  # seconds between tries while a socket is not there yet
_MORE, _LONG, _COMMAND = 1, 2, 4
_COMMAND_BYTES = 64 * 1024
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)

Role = Literal["DEALER", "SUB"]


class Broken(Exception):
    """The other side does not speak the protocol."""


class Line:
    """One connection.

    Args:
        address: The path of a Unix socket, or a host and port.
        role: "DEALER" to send and receive, "SUB" to receive everything that is published.
        arrived: Set when there is something to take or the line is lost.
    """

    def __init__(self, address: str | tuple[str, int], role: Role, arrived: asyncio.Event) -> None:
        self._address = address
        self._role = role
        self._arrived = arrived
        self._waiting: deque[list[bytes]] = deque()
        self._bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._unsent: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None
        self.dropped = 0  # messages that were too large
        self.lost = False
        self._task = asyncio.create_task(self._run())

    def send(self, parts: list[bytes]) -> None:
        """Send a message; kept until the connection stands."""
        data = b"".join(_frame(part, more=n < len(parts)) for n, part in enumerate(parts, 1))
        if self._writer is None:
            self._unsent.append(data)
        else:
            self._writer.write(data)

    def take(self) -> list[bytes] | None:
        """The next message's parts, None where none waits."""
        if not self._waiting:
            return None
        parts = self._waiting.popleft()
        self._bytes -= sum(map(len, parts))
        if self._bytes < MESSAGE_BYTES:
            self._room.set()
        return parts

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._task.cancel()
        if self._writer is not None:
            self._writer.transport.abort()
        self._waiting.clear()

    async def _run(self) -> None:
        try:
            reader, writer = await self._connect()
            try:
                await self._greet(reader, writer)
                for data in self._unsent:
                    writer.write(data)
                self._unsent.clear()
                self._writer = writer
                while True:
                    await self._room.wait()
                    await self._receive(reader)
            finally:
                writer.transport.abort()
        except (OSError, EOFError, Broken):
            self.lost = True
            self._arrived.set()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:
            try:
                if isinstance(self._address, str):
                    return await asyncio.open_unix_connection(self._address, limit=_PIECE)
                return await asyncio.open_connection(*self._address, limit=_PIECE)
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(_RETRY)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_GREETING)
        theirs = await reader.readexactly(len(_GREETING))
        if theirs[:1] != b"\xff" or theirs[10] < 3 or theirs[12:32].rstrip(b"\0") != b"NULL":
            raise Broken("no ZMTP 3 with the NULL mechanism")
        ready = b"\x05READY" + _property(b"Socket-Type", self._role.encode())
        if self._role == "DEALER":
            ready += _property(b"Identity", b"")
        writer.write(bytes([_COMMAND, len(ready)]) + ready)
        flags, size = await _header(reader)
        if not flags & _COMMAND or size > _COMMAND_BYTES:
            raise Broken("no command after the greeting")
        if not (await reader.readexactly(size)).startswith(b"\x05READY"):
            raise Broken("not ready")
        if self._role == "SUB":
            writer.write(_frame(b"\x01", more=False))  # subscribe to everything

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        """Take in one message, or read past it."""
        parts: list[bytes] = []
        total, too_large = 0, False
        while True:
            flags, size = await _header(reader)
            if flags & _COMMAND:  # none of them concerns us
                await _skip(reader, size)
                continue
            total += size
            if too_large or total > MESSAGE_BYTES or len(parts) >= PARTS:
                too_large = True
                parts.clear()
                await _skip(reader, size)
            else:
                parts.append(await reader.readexactly(size))
            if not flags & _MORE:
                break
        if too_large:
            self.dropped += 1
        else:
            self._waiting.append(parts)
            self._bytes += total
            if self._bytes >= MESSAGE_BYTES:
                self._room.clear()
        self._arrived.set()


async def _header(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Flags and size of the next frame."""
    flags = (await reader.readexactly(1))[0]
    if flags & ~(_MORE | _LONG | _COMMAND):
        raise Broken("reserved flags are set")
    return flags, int.from_bytes(await reader.readexactly(8 if flags & _LONG else 1))


async def _skip(reader: asyncio.StreamReader, size: int) -> None:
    while size:
        piece = await reader.read(min(size, _PIECE))
        if not piece:
            raise EOFError
        size -= len(piece)


def _frame(body: bytes, more: bool) -> bytes:
    flags = _MORE if more else 0
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | _LONG]) + len(body).to_bytes(8) + body


def _property(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + len(value).to_bytes(4) + value
