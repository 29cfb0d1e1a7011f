"""Names that lead elsewhere when they are asked for again: a DNS server on loopback that lies.

In these tests 127.0.0.1 plays the public web and every other address is private.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ..conftest import Site
from .conftest import Agent, Forbidden, refused

pytestmark = pytest.mark.anyio

WEB, HOME = "127.0.0.1", "127.0.0.2"


@dataclass
class Names:
    """A DNS server. `answers` are sets of addresses, one for each question; the last stays."""

    port: int
    answers: list[list[str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    raw: bytes | None = None

    def resolve(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        """A resolver that asks this server, over UDP, as a stub resolver would."""
        labels = b"".join(bytes([len(part)]) + part.encode() for part in host.split("."))
        question = labels + b"\0" + struct.pack(">HH", 255, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            client.sendto(struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + question, (WEB, self.port))
            answer = client.recv(65_535)
        (count,) = struct.unpack(">H", answer[6:8])
        position, found = 12 + len(question), []
        for _number in range(count):
            kind, _, _, length = struct.unpack(">HHIH", answer[position + 2 : position + 12])
            data = answer[position + 12 : position + 12 + length]
            position += 12 + length
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            address: tuple[Any, ...] = (socket.inet_ntop(family, data), port)
            address += (0, 0) if family == socket.AF_INET6 else ()
            found.append((family, socket.SOCK_STREAM, 6, "", address))
        return found


@pytest.fixture
def names() -> Iterator[Names]:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((WEB, 0))
    names = Names(server.getsockname()[1])

    def serve() -> None:
        while True:
            data, peer = server.recvfrom(4096)
            if not data:
                return
            names.asked.append("")
            if names.raw is not None:
                server.sendto(names.raw, peer)
                continue
            addresses = names.answers.pop(0) if len(names.answers) > 1 else names.answers[0]
            answer = data[:2] + struct.pack(">5H", 0x8180, 1, len(addresses), 0, 0) + data[12:]
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                packed = socket.inet_pton(family, address)
                kind = 28 if ":" in address else 1
                answer += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(packed)) + packed
            server.sendto(answer, peer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield names
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"", (WEB, names.port))
    thread.join()
    server.close()


@pytest.fixture
def web(agent: Agent, names: Names, monkeypatch: pytest.MonkeyPatch) -> Agent:
    monkeypatch.setattr("glm_tools.web.guard.is_public", lambda address: address == WEB)
    agent.guard = {"resolver": names.resolve}
    return agent


@pytest.fixture
def rebound(forbidden: Forbidden, site: Site) -> Iterator[list[object]]:
    """A listener on the other loopback address, at the port of the site."""
    seen: list[object] = []
    listener = socket.socket()
    try:
        listener.bind((HOME, site.port))
    except OSError:
        pytest.skip("127.0.0.2 cannot be listened on here")
    listener.listen()
    stopping = threading.Event()

    def serve() -> None:
        while True:
            connection, peer = listener.accept()
            connection.close()
            if stopping.is_set():
                return
            seen.append(peer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield seen
    stopping.set()
    socket.create_connection((HOME, site.port)).close()
    thread.join()
    listener.close()


async def load(web: Agent, site: Site, names: Names, *answers: list[str], path: str = "/") -> Any:
    names.answers = [*answers, [WEB]]
    # The last page of each case is loaded by number; it needs no name.
    numeric = names.resolve

    def resolve(host: str, port: int, **more: Any) -> list[tuple[Any, ...]]:
        if host == WEB:
            return socket.getaddrinfo(host, port, **more)
        return numeric(host, port, **more)

    web.guard = {"resolver": resolve}
    return await web(f'open_url("http://pages.example:{site.port}{path}")')


async def test_the_name_is_asked_for_once(
    web: Agent, site: Site, names: Names, rebound: list[object]
) -> None:
    site.page("/", "<p>hello")
    (page,) = await load(web, site, names, [WEB], [HOME])
    assert "hello" in page.text
    assert len(names.asked) == 1
    assert rebound == []


async def test_a_redirect_to_the_same_name_asks_again_and_is_refused(
    web: Agent, site: Site, names: Names, rebound: list[object]
) -> None:
    site.redirect("/", "/next")
    site.page("/next", "<p>hello")
    assert refused(await load(web, site, names, [WEB], [HOME]))
    assert len(names.asked) == 2
    assert rebound == []


@pytest.mark.parametrize(
    "addresses",
    [
        [HOME],
        [WEB, HOME],
        [HOME, WEB],
        [WEB, "::1"],
        [WEB, "::ffff:127.0.0.2"],
        [WEB, "10.0.0.1"],
        [WEB, "169.254.169.254"],
        [WEB] * 50 + [HOME],
        ["::1"],
        ["::"],
        ["0.0.0.0"],
        [],
    ],
    ids=str,
)
async def test_one_private_address_is_enough(
    web: Agent, site: Site, names: Names, rebound: list[object], addresses: list[str]
) -> None:
    site.page("/", "<p>hello")
    assert refused(await load(web, site, names, addresses))
    assert rebound == []
    assert [path for path, _ in site.seen] == ["/fine"]


@pytest.mark.parametrize("raw", [b"", b"\0" * 12, b"x" * 500, b"\0\7\x81\x80\0\1\xff\xff"])
async def test_answers_that_are_none(
    web: Agent, site: Site, names: Names, rebound: list[object], raw: bytes
) -> None:
    names.raw = raw
    assert refused(await load(web, site, names, [WEB]))
    assert rebound == []


async def test_an_allowed_name_is_one_address_too(
    web: Agent, site: Site, names: Names, rebound: list[object]
) -> None:
    # The operator allows the name with its port; what it leads to is still asked for once.
    site.page("/", "<p>hello")
    names.answers = [[WEB], [HOME]]
    web.guard["allow_private"] = [f"pages.example:{site.port}", site.address]
    web.guard["resolver"] = lambda host, port, **more: (
        socket.getaddrinfo(host, port, **more) if host == WEB else names.resolve(host, port)
    )
    (page,) = await web(f'open_url("http://pages.example:{site.port}/")')
    assert "hello" in page.text
    assert rebound == []


@pytest.mark.parametrize(
    "name", ["pages.example.", "pages.example%2e", "www.pages.example", "example"]
)
async def test_other_spellings_of_an_allowed_name_are_not_allowed(
    web: Agent, site: Site, names: Names, forbidden: Forbidden, name: str
) -> None:
    names.answers = [[HOME]]
    web.guard["allow_private"] = [site.address, f"pages.example:{forbidden.port}"]
    web.guard["resolver"] = lambda host, port, **more: (
        socket.getaddrinfo(host, port, **more) if host == WEB else names.resolve(host, port)
    )
    assert refused(await web(f'open_url("http://{name}:{forbidden.port}/")'))
