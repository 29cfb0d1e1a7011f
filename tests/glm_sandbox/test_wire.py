"""The line to a kernel: with libzmq at the other end, and with somebody who means harm."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import zmq
import zmq.asyncio
from glm_sandbox.wire import MESSAGE_BYTES, Line

pytestmark = pytest.mark.anyio


async def until(check: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.005)


async def taken(line: Line) -> list[bytes]:
    found: list[list[bytes]] = []

    def look() -> bool:
        parts = line.take()
        if parts is not None:
            found.append(parts)
        return bool(found)

    await until(look)
    return found[0]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_536, 3_000_000])
async def test_messages_go_both_ways(tmp_path: Path, size: int) -> None:
    with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as router:
        line = Line(str(tmp_path / "s"), "DEALER", asyncio.Event())
        line.send([b"before", b"x" * size])  # there is nobody yet
        router.bind(f"ipc://{tmp_path}/s")
        identity, *parts = await router.recv_multipart()
        assert parts == [b"before", b"x" * size]
        await router.send_multipart([identity, b"y" * size, b"", b"z"])
        assert await taken(line) == [b"y" * size, b"", b"z"]
        assert line.take() is None
        line.close()


async def test_what_is_published_arrives(tmp_path: Path) -> None:
    with zmq.asyncio.Context() as context, context.socket(zmq.XPUB) as publisher:
        publisher.bind(f"ipc://{tmp_path}/s")
        line = Line(str(tmp_path / "s"), "SUB", asyncio.Event())
        assert await publisher.recv() == b"\x01"  # subscribed to everything
        for number in range(1000):
            await publisher.send_multipart([b"topic", str(number).encode()])
        for number in range(1000):
            assert await taken(line) == [b"topic", str(number).encode()]
        line.close()


async def test_over_tcp() -> None:
    with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as router:
        port = router.bind_to_random_port("tcp://127.0.0.1")
        line = Line(("127.0.0.1", port), "DEALER", asyncio.Event())
        line.send([b"hello"])
        assert (await router.recv_multipart())[1:] == [b"hello"]
        line.close()


async def test_one_that_is_too_large_is_read_past(tmp_path: Path) -> None:
    with zmq.asyncio.Context() as context, context.socket(zmq.XPUB) as publisher:
        publisher.bind(f"ipc://{tmp_path}/s")
        line = Line(str(tmp_path / "s"), "SUB", asyncio.Event())
        await publisher.recv()
        await publisher.send_multipart([b"x" * (MESSAGE_BYTES // 2)] * 3)
        await publisher.send_multipart([b"x"] * 1000)
        await publisher.send_multipart([b"after"])
        assert await taken(line) == [b"after"]
        assert line.dropped == 2
        line.close()


Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
HELLO = GREETING + b"\x04\x06\x05READY"


@asynccontextmanager
async def served(path: Path, peer: Peer) -> AsyncGenerator[str]:
    """A Unix socket at which `peer` answers."""
    tasks: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())  # type: ignore[arg-type]
        try:
            with contextlib.suppress(OSError):
                await peer(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_unix_server(answer, str(path / "s"))
    try:
        yield str(path / "s")
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # for the transports to go


async def endless_parts(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HELLO)
    part = b"\x03" + (1 << 20).to_bytes(8) + bytes(1 << 20)
    for _n in range(300):
        writer.write(part)
        await writer.drain()


async def endless_messages(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HELLO)
    message = b"\x02" + (1 << 20).to_bytes(8) + bytes(1 << 20)
    for _n in range(300):  # nobody takes them, so this ends in waiting
        writer.write(message)
        await writer.drain()


async def a_size_that_cannot_be(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HELLO + b"\x02" + b"\xff" * 8)
    for _n in range(100):
        writer.write(bytes(1 << 20))
        await writer.drain()


@pytest.mark.parametrize("peer", [endless_parts, endless_messages, a_size_that_cannot_be])
async def test_memory_stays_bounded(tmp_path: Path, peer: Peer) -> None:
    process, peak = psutil.Process(), 0
    before = process.memory_info().rss
    async with served(tmp_path, peer) as path:
        line = Line(path, "SUB", asyncio.Event())
        for _ in range(60):
            await asyncio.sleep(0.01)
            peak = max(peak, process.memory_info().rss - before)
        line.close()
    assert peak < 80 << 20


@pytest.mark.parametrize(
    "said",
    [b"", b"\xff", b"HTTP/1.1 200 OK\r\n\r\n" + bytes(64), GREETING[:10] + b"\x01" + bytes(53),
     GREETING.replace(b"NULL", b"PLAI"), GREETING + b"\x00\x05hello", GREETING + b"\x04\x03\x02NO",
     HELLO + b"\x40\x01x", HELLO + b"\x02\x00"],
    ids=["nothing", "one byte", "another protocol", "version 1", "another mechanism", "no command",
         "another command", "reserved flags", "half a frame"],
)  # fmt: skip
async def test_nonsense_is_a_lost_line(tmp_path: Path, said: bytes) -> None:
    async def peer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()
        await asyncio.sleep(30)

    async with served(tmp_path, peer) as path:
        arrived = asyncio.Event()
        line = Line(path, "DEALER", arrived)
        await until(lambda: line.lost)
        assert arrived.is_set()
        assert line.take() is None
        line.close()
