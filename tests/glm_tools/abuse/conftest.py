"""What every case of abuse is run with: an agent's tool, and a listener that must hear nothing."""

from __future__ import annotations

import re
import selectors
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from glm_tools.simple_browser import SimpleBrowser, SimpleBrowserTool
from glm_tools.web import Hit
from glm_tools.web.fetch import Fetcher
from glm_tools.web.guard import Guard

from glm_agent.messages import Observation, ToolCall
from glm_agent.tooling.base import ToolContext
from glm_agent.tooling.dispatch import dispatch

from ..conftest import Site

SECRET = "the-secret-of-the-intranet"
_LABEL = re.compile(r"browser_result|system_error|quote_result \[\d+†source\]")
_LINK = re.compile(r"【\d+†[^【】†\n]*(?:†[^【】†\n]*)?】")
_TOKEN = re.compile(r"<[|｜][A-Za-z_]+[|｜]>|\[g?MASK\]|</?sop>|</?think>")
_LOCAL = re.compile(r"[0-9a-fx.:]*|(localhost|ip6-localhost|ip6-loopback)\.?")


def resolve(host: str, port: int, **more: Any) -> list[tuple[Any, ...]]:
    """The system's resolver for what it knows by itself; nothing is looked up outside."""
    if not _LOCAL.fullmatch(host.lower()) and host != socket.gethostname().lower():
        raise socket.gaierror(f"no look-ups outside: {host}")
    return socket.getaddrinfo(host, port, **more)


@dataclass
class Forbidden:
    """A service of the operator's own, on all loopback addresses. `seen` counts who came."""

    port: int
    seen: list[object] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/"


def _listen(address: str, port: int) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen()
    except OSError:
        listener.close()
        return None
    return listener


@pytest.fixture
def forbidden() -> Iterator[Forbidden]:
    main = _listen("0.0.0.0", 0)
    assert main is not None
    made = Forbidden(main.getsockname()[1])
    listeners = [main, _listen("::", made.port)]
    waker, wake = socket.socketpair()
    selector = selectors.DefaultSelector()
    for listener in (*listeners, waker):
        if listener is not None:
            selector.register(listener, selectors.EVENT_READ)

    def serve() -> None:
        while True:
            for key, _ in selector.select():
                if key.fileobj is waker:
                    return
                connection, peer = key.fileobj.accept()  # type: ignore[union-attr]
                made.seen.append(peer)
                with suppress(OSError), connection:
                    connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n<p>{SECRET}".encode())

    thread = threading.Thread(target=serve)
    thread.start()
    yield made
    wake.send(b"x")
    thread.join()
    selector.close()
    for listener in (*listeners, waker, wake):
        if listener is not None:
            listener.close()


class Results:
    """A search that finds given addresses."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = urls

    def search(self, query: str, recency_days: int, count: int) -> list[Hit]:
        del query, recency_days, count
        return [Hit(f"Page {n}", url, "…") for n, url in enumerate(self.urls)]


class _Tool(SimpleBrowserTool):
    """The real tool, around a browser of the test's."""

    def __init__(self, browser: SimpleBrowser) -> None:
        super().__init__()
        self._made = browser

    async def _browser(self) -> SimpleBrowser:
        return self._made


@dataclass
class Agent:
    """What stands between a model's text and its observations."""

    site: Site
    forbidden: Forbidden
    fetching: dict[str, Any] = field(default_factory=lambda: {"timeout": 5.0})
    guard: dict[str, Any] = field(default_factory=lambda: {"resolver": resolve})
    search: Any = None
    settings: dict[str, Any] = field(default_factory=dict)

    async def __call__(self, text: str, *results: str) -> list[Observation]:
        """Have the model write `text`; what it reads then, checked."""
        # The port is not what refuses: the address must.
        ports = {80, 443, self.site.port, self.forbidden.port}
        guard = Guard(**({"allow_private": [self.site.address], "ports": ports} | self.guard))
        browser = SimpleBrowser(
            self.search or Results(results),
            source=Fetcher(guard=guard, **self.fetching),
            timeout=self.fetching["timeout"],
            **self.settings,
        )
        tool = _Tool(browser)
        call = ToolCall("1", "simple_browser", text)
        context = ToolContext()
        observations = await dispatch(call, {"simple_browser": tool}, context)
        # The browser goes on after whatever happened.
        self.site.page("/fine", "all is well", "text/plain")
        after = ToolCall("2", "simple_browser", f'open_url("{self.site.url("/fine")}")')
        (fine,) = await dispatch(after, {"simple_browser": tool}, context)
        assert "all is well" in fine.text
        await context.resources.aclose()
        self.check(observations)
        return observations

    def check(self, observations: list[Observation]) -> None:
        """The forbidden listener saw nothing, and what the model reads is well-formed."""
        assert self.forbidden.seen == []
        assert observations
        for seen in observations:
            assert seen.name == "simple_browser"
            assert _LABEL.fullmatch(seen.metadata), seen.metadata
            assert seen.outcome == ("error" if seen.metadata == "system_error" else "ok")
            assert seen.text.strip()
            assert len(seen.text) <= 50_000
            assert seen.text.encode("utf-8")
            assert not _TOKEN.search(seen.text)
            assert not set("【】†") & set(_LINK.sub("", seen.text))
            assert not re.search(
                r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", seen.text
            )
            assert SECRET not in seen.text
            assert "Traceback" not in seen.text


@pytest.fixture
def agent(site: Site, forbidden: Forbidden) -> Agent:
    return Agent(site, forbidden)


def refused(observations: list[Observation]) -> bool:
    """Whether all of them are errors that tell no more than that a page does not load."""
    return all(
        seen.metadata == "system_error"
        and re.search(r"Failed to load page|Timeout while loading page", seen.text)
        for seen in observations
    )
