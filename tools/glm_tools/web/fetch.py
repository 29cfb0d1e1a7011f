"""Fetching one page with requests, guarded: what the model asks for must not hurt the operator.

The guard sits in the connection: a host is resolved once, refused if any of its addresses is not
public, and exactly the checked address is dialled, while Host header, SNI and certificate stay on
the name. Each redirect starts again from the beginning. Nothing is taken from the environment (no
proxy, no netrc), no cookie is kept, decoded bytes are capped, and one deadline covers the whole
transfer, also from a server that sends a byte at a time.

Does not do: caching, rendering, robots.txt; telling the model why (the reason is for the log).
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.poolmanager import PoolManager
from urllib3.util import parse_url

from glm_agent._version import __version__

from .address import allowed_hosts, is_public

logger = logging.getLogger(__name__)

Resolver = Callable[..., list[tuple[Any, ...]]]

_CONNECT_SECONDS = 5.0
_MAX_REDIRECTS = 5
_CHUNK = 16_384
_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = {
    "User-Agent": f"glm-agent/{__version__}",
    "Accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.8",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "en,zh;q=0.8,*;q=0.5",
}
_READABLE = re.compile(r"text/.*|application/(.+\+)?(json|xml)|application/(x-)?ndjson")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_HOST = re.compile(r"\[[0-9a-f:.]+\]|(?!-)[a-z0-9_.-]{1,253}")


class FetchError(Exception):
    """A page could not be loaded. The text says why, for the log; it is not for the model."""


class FetchTimeout(FetchError):
    """The whole transfer took longer than its deadline."""


class AddressRefused(FetchError):
    """The URL, or an address it leads to, may not be loaded."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came: `url` after redirects, the Content-Type header, the decoded body."""

    url: str
    content_type: str
    body: bytes


class Fetcher:
    """Loads pages. Holds no state between pages; safe to use from several threads.

    Args:
        timeout: Seconds for a whole transfer, redirects included.
        max_bytes: The largest body, after decompression.
        allow_private: `host:port` entries that may be loaded although they are not public.
        resolver: Replaces `socket.getaddrinfo`, for tests.

    Raises:
        ConfigurationError: An entry of `allow_private` is not `host:port`.
    """

    def __init__(
        self,
        timeout: float = 15.0,
        max_bytes: int = 5_000_000,
        allow_private: Iterable[str] = (),
        resolver: Resolver | None = None,
    ) -> None:
        self.timeout = timeout
        self.max_bytes = max_bytes
        self._allowed = allowed_hosts(allow_private)
        self._resolver = resolver

    def fetch(self, url: str) -> Fetched:
        """Load a page.

        Raises:
            FetchTimeout: The deadline passed.
            AddressRefused: The URL or an address may not be loaded.
            FetchError: No connection, an error status, a body too large or not text.
        """
        with _Deadline(self.timeout) as deadline, requests.Session() as session:
            session.trust_env = False
            session.headers.clear()
            session.headers.update(_HEADERS)
            resolver = self._resolver or socket.getaddrinfo
            adapter = _GuardedAdapter(resolver, self._allowed, deadline)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            try:
                return self._follow(session, url, deadline)
            except FetchError as error:
                if deadline.passed and not isinstance(error, FetchTimeout):
                    raise FetchTimeout(f"no answer within {self.timeout:g} s") from error
                raise
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                if deadline.passed:
                    raise FetchTimeout(f"no answer within {self.timeout:g} s") from error
                raise FetchError(f"{type(error).__name__}: {error}") from error

    def _follow(self, session: requests.Session, url: str, deadline: _Deadline) -> Fetched:
        for _ in range(_MAX_REDIRECTS + 1):
            url = checked_url(url, self._allowed)
            session.cookies.clear()
            left = deadline.left()
            with session.get(url, stream=True, allow_redirects=False, timeout=left) as response:
                target = response.headers.get("Location")
                if response.status_code in _REDIRECTS and target:
                    # Header bytes reach us as latin-1; servers write UTF-8.
                    url = urljoin(
                        url, target.encode("latin-1", "replace").decode("utf-8", "replace")
                    )
                    continue
                if not 200 <= response.status_code < 300:
                    raise FetchError(f"status {response.status_code}")
                content_type = response.headers.get("Content-Type", "")
                encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
                if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
                    raise FetchError(f"content encoding {encoding[:40]!r} was not asked for")
                kind = content_type.partition(";")[0].strip().lower()
                if kind and not _READABLE.fullmatch(kind):
                    raise FetchError(f"content type {kind[:80]!r} is not text")
                body = self._read(response, deadline)
                if body.startswith((b"%PDF-", b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"GIF8")):
                    raise FetchError("the body is not text")
                return Fetched(url, content_type, body)
        raise FetchError(f"more than {_MAX_REDIRECTS} redirects")

    def _read(self, response: requests.Response, deadline: _Deadline) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self.max_bytes:
                raise FetchError(f"the body is larger than {self.max_bytes} bytes")
            deadline.left()
        deadline.left()  # a connection that was shut down looks like the end of the body
        return bytes(body)


def checked_url(url: str, allowed: Collection[tuple[str, int]] = frozenset()) -> str:
    """The URL normalised by the parser that also connects, without its fragment.

    Raises:
        AddressRefused: Not http or https, user name, control characters, backslash, a host that is
            no host name, or a port below 1024 other than 80 and 443.
    """
    if len(url) > 4000 or _UNSAFE.search(url):
        raise AddressRefused("the URL has characters that do not belong in one, or is too long")
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise AddressRefused("not a URL") from error
    host = parts.host or ""
    if parts.scheme not in {"http", "https"}:
        raise AddressRefused("only http and https are loaded")
    if parts.auth is not None:
        raise AddressRefused("the URL carries a user name")
    if not host.isascii() or not _HOST.fullmatch(host.lower()):
        raise AddressRefused("not a host name")
    port = (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port
    named = (host.strip("[]").lower(), port) in allowed
    if not named and port < 1024 and port not in {80, 443}:
        raise AddressRefused(f"port {port} is not loaded")
    return parts._replace(fragment=None).url


class _Deadline:
    """A wall-clock limit that also ends blocking reads, by shutting the sockets down."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for watched in self._sockets:
                watched.close()
            self._sockets.clear()

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._end

    def left(self) -> float:
        """Seconds left. Raises FetchTimeout when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchTimeout(f"no answer within {self._seconds:g} s")
        return left

    def watch(self, connection: socket.socket) -> None:
        # A duplicate, because TLS takes the original's descriptor away from it.
        with self._lock:
            self.left()
            self._sockets.append(connection.dup())

    def _shut_down(self) -> None:
        with self._lock:
            for watched in self._sockets:
                try:
                    watched.shutdown(socket.SHUT_RDWR)
                except OSError:
                    logger.debug("connection was already closed")


class _GuardedAdapter(HTTPAdapter):
    """An adapter whose connections check the address that they dial."""

    def __init__(
        self, resolver: Resolver, allowed: Collection[tuple[str, int]], deadline: _Deadline
    ) -> None:
        def dial(connection: HTTPConnection) -> socket.socket:
            return _dial(connection.host, connection.port or 80, resolver, allowed, deadline)

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return dial(self)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return dial(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain  # pyright: ignore[reportAssignmentType] # urllib3's own do not fit

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure  # pyright: ignore[reportAssignmentType] # urllib3's own do not fit

        self._pools = {"http": PlainPool, "https": SecurePool}
        super().__init__(max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        self.poolmanager = PoolManager(connections, maxsize=maxsize, block=block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        raise AddressRefused("proxies are not used")


def _dial(
    host: str,
    port: int,
    resolver: Resolver,
    allowed: Collection[tuple[str, int]],
    deadline: _Deadline,
) -> socket.socket:
    """Connect to a host that was resolved and checked right here."""
    bare = host.strip("[]").lower()
    found = resolver(bare, port, type=socket.SOCK_STREAM)
    if (bare, port) not in allowed:
        for *_, address in found:
            if not is_public(str(address[0])):
                raise AddressRefused(f"{bare} leads to {address[0]}, which is not public")
    failure: OSError = OSError(f"{bare} has no address")
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(min(_CONNECT_SECONDS, deadline.left()))
            connection.connect(address)
            connection.settimeout(deadline.left())
            deadline.watch(connection)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failure
