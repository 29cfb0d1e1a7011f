"""One HTTP request and its answer, under a deadline that nothing outlasts, read up to a cap.

The connection is made by whoever asks: pages go through the guard (`guard.py`), search back ends
to the address that the operator wrote. Nothing is taken from the environment: no proxy, no netrc.

Does not do: redirects (`fetch.py`), keeping connections, deciding where one may connect.
"""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache

import truststore
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

logger = logging.getLogger(__name__)

_CHUNK = 16_384


class FetchError(Exception):
    """A page could not be loaded. The text says why, for the log; it is not for the model."""


class FetchTimeout(FetchError):
    """The whole transfer took longer than its deadline."""


class AddressRefused(FetchError):
    """The URL, or an address it leads to, may not be loaded."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked for: normalised, without fragment. `host` is without brackets."""

    url: str
    scheme: str
    host: str
    port: int
    path: str


class Deadline:
    """A wall-clock limit that also ends blocking reads, by shutting the sockets down.

    A timeout of a socket is for each read: a server that sends a byte at a time never meets it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
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
        """Whether the time is over."""
        return time.monotonic() >= self._end

    def left(self) -> float:
        """Seconds left. Raises FetchTimeout when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchTimeout(f"no answer within {self._seconds:g} s")
        return left

    def watch(self, connection: socket.socket) -> None:
        """Shut `connection` down when the time is over."""
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


@contextmanager
def failures(deadline: Deadline) -> Generator[None]:
    """Whatever goes wrong on the wire as FetchError, or FetchTimeout when the time is over."""
    try:
        yield
    except FetchError as error:
        if deadline.passed and not isinstance(error, FetchTimeout):
            raise FetchTimeout(f"the time was over: {error}") from error
        raise
    except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        if deadline.passed:
            raise FetchTimeout(f"the time was over: {type(error).__name__}") from error
        raise FetchError(f"{type(error).__name__}: {error}") from error


@contextmanager
def exchange(
    target: Target,
    headers: Mapping[str, str],
    deadline: Deadline,
    connect: Callable[[str, int, Deadline], socket.socket],
    body: bytes | None = None,
) -> Generator[BaseHTTPResponse]:
    """Send one request (POST if there is a body) and give its answer, whose body is not read yet.

    `connect(host, port, deadline)` makes the connection. Host header, SNI and certificate are
    those of the target, whatever address was dialled.
    """
    host, port = target.host, target.port

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(host, port, deadline)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(host, port, deadline)

    left = deadline.left()
    connection = (
        Secure(host, port, timeout=left, ssl_context=_certificates())
        if target.scheme == "https"
        else Plain(host, port, timeout=left)
    )
    try:
        connection.request(
            "GET" if body is None else "POST",
            target.path,
            body=body,
            headers=headers,
            preload_content=False,
            decode_content=True,
        )
        with closing(connection.getresponse()) as response:  # it owns the socket by now
            yield response
    finally:
        connection.close()


def read(response: BaseHTTPResponse, max_bytes: int, deadline: Deadline) -> bytes:
    """The decoded body. Raises FetchError if it is larger than `max_bytes`, or not all there."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise FetchError(f"content encoding {encoding[:40]!r} was not asked for")
    body = bytearray()
    for chunk in response.stream(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise FetchError(f"the body is larger than {max_bytes} bytes")
        deadline.left()
    deadline.left()  # a connection that was shut down looks like the end of the body
    return bytes(body)


def dial(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect without any guard: for addresses that the operator wrote, never for a page's."""
    connection = socket.create_connection((host, port), timeout=deadline.left())
    try:
        connection.settimeout(deadline.left())
        deadline.watch(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _certificates() -> ssl.SSLContext:
    """The system's certificates; reading them takes tens of milliseconds, so once."""
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
