"""A proxy on loopback through which one rendered page reaches the network, guarded like fetching.

The browser can connect to nothing else: every request of the page, of its frames, scripts, sockets
and redirects comes here, and here the host is resolved, checked and dialled by the guard. TLS goes
through as it is, so that certificates are the browser's to check. Each page has a proxy of its own,
with a password, a deadline and a budget of bytes; closing it ends all its connections.

Does not do: looking into TLS; caching; keeping connections to servers.
"""

from __future__ import annotations

import base64
import logging
import secrets
import select
import socket
import socketserver
import threading
from typing import Any

from ..guard import Guard
from ..wire import Deadline, FetchError, FetchTimeout

logger = logging.getLogger(__name__)

_MAX_HEAD = 65_536
_CHUNK = 65_536
_HOP = {"proxy-authorization", "proxy-connection", "connection", "keep-alive", "upgrade", "te"}
_MAX_BODY = 1_000_000  # of a request


class _Over(Exception):
    """The page has used up its bytes."""


class GuardedProxy:
    """A proxy for one page. Use as a context manager.

    Args:
        guard: Decides where connections may go.
        seconds: After so long, all connections end.
        max_bytes: What may come in, all connections together.
    """

    def __init__(self, guard: Guard, seconds: float, max_bytes: int) -> None:
        self._guard = guard
        self._left = max_bytes
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self.password = secrets.token_urlsafe(24)
        self._expected = "Basic " + base64.b64encode(f"page:{self.password}".encode()).decode()
        self._deadline = Deadline(seconds)
        self.refused: list[str] = []
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                proxy.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                logger.debug("a proxied connection failed", exc_info=True)

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where the proxy listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> GuardedProxy:
        self._deadline.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._deadline.__exit__()
        with self._lock:
            for client in self._clients:
                try:
                    client.shutdown(socket.SHUT_RDWR)
                except OSError:
                    logger.debug("a proxied connection was already closed")

    def serve(self, client: socket.socket) -> None:
        """Handle one connection of the browser."""
        with self._lock:
            self._clients.add(client)
        try:
            client.settimeout(self._deadline.left())
            self._answer(client)
        except (FetchError, OSError, ValueError, _Over) as error:
            logger.debug("a proxied connection ended: %s", error)
        finally:
            with self._lock:
                self._clients.discard(client)

    def _answer(self, client: socket.socket) -> None:
        while True:
            read = _read_head(client)
            if read is None:
                return
            head, rest = read
            lines = head.decode("latin-1").split("\r\n")
            fields = [line.split(":", 1) for line in lines[1:] if ":" in line]
            values = {name.strip().lower(): value.strip() for name, value in fields}
            given = values.get("proxy-authorization", "")
            if not secrets.compare_digest(given.encode("latin-1"), self._expected.encode()):
                _say(client, 407, "Proxy-Authenticate: Basic realm=page")
                if values.get("content-length", "0") != "0" or rest:
                    return
                continue  # the browser asks again on the same connection
            method, _, target = lines[0].partition(" ")
            url = target.rpartition(" ")[0]
            if method.upper() == "CONNECT":
                self._tunnel(client, url, rest)
            else:
                self._forward(client, method, url, fields, rest)
            return

    def _dial(self, client: socket.socket, url: str) -> tuple[socket.socket, str, str] | None:
        """A checked connection, the Host and the path to ask for; None after a refusal."""
        try:
            target = self._guard.target(url)
            upstream = self._guard.connect(target.host, target.port, self._deadline)
        except FetchTimeout:
            _say(client, 504)
        except FetchError as error:
            logger.info("rendering: refused %s: %s", url[:200], error)
            self.refused.append(url)
            _say(client, 403)
        except OSError as error:
            logger.info("rendering: no connection to %s: %s", url[:200], error)
            _say(client, 502)
        else:
            host = f"[{target.host}]" if ":" in target.host else target.host
            default = 443 if target.scheme == "https" else 80
            shown = host if target.port == default else f"{host}:{target.port}"
            return upstream, shown, target.path
        return None

    def _tunnel(self, client: socket.socket, authority: str, rest: bytes) -> None:
        host, _, port = authority.rpartition(":")
        if not port.isdigit() or "/" in authority or "@" in authority:
            _say(client, 400)
            return
        dialled = self._dial(client, f"{'https' if port == '443' else 'http'}://{host}:{port}/")
        if dialled is None:
            return
        with dialled[0] as upstream:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if rest:
                upstream.sendall(rest)
            self._relay(client, upstream)

    def _relay(self, client: socket.socket, upstream: socket.socket) -> None:
        other = {client: upstream, upstream: client}
        while True:
            ready, _, _ = select.select(list(other), [], [], self._deadline.left())
            for end in ready:
                data = end.recv(_CHUNK)
                if not data:
                    return
                if end is upstream:
                    self._count(len(data))
                other[end].sendall(data)

    def _forward(
        self, client: socket.socket, method: str, url: str, fields: list[list[str]], rest: bytes
    ) -> None:
        values = {name.strip().lower(): value.strip() for name, value in fields}
        length = values.get("content-length", "0")
        if "transfer-encoding" in values or not length.isdigit() or int(length) > _MAX_BODY:
            _say(client, 411)
            return
        if not method.isalpha() or not url.lower().startswith("http://"):
            _say(client, 400)
            return
        dialled = self._dial(client, url)
        if dialled is None:
            return
        upstream, host, path = dialled
        kept = [
            f"{name}:{value}"
            for name, value in fields
            if name.strip().lower() not in _HOP | {"host"}
        ]
        head = [f"{method} {path} HTTP/1.1", f"Host: {host}", *kept, "Connection: close", "", ""]
        with upstream:
            upstream.sendall("\r\n".join(head).encode("latin-1") + rest[: int(length)])
            missing = int(length) - len(rest)
            while missing > 0:
                data = client.recv(min(_CHUNK, missing))
                if not data:
                    return
                missing -= len(data)
                upstream.sendall(data)
            while data := upstream.recv(_CHUNK):
                self._count(len(data))
                client.sendall(data)
                self._deadline.left()

    def _count(self, size: int) -> None:
        with self._lock:
            self._left -= size
            if self._left < 0:
                raise _Over("the page has used up its bytes")


def _read_head(client: socket.socket) -> tuple[bytes, bytes] | None:
    """A request's head and what came after it; None when the browser hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(8192)
        if not more or len(data) > _MAX_HEAD:
            return None
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _say(client: socket.socket, status: int, *fields: str) -> None:
    close = () if status == 407 else ("Connection: close",)
    lines = [f"HTTP/1.1 {status} Refused", "Content-Length: 0", *fields, *close, "", ""]
    client.sendall("\r\n".join(lines).encode("ascii"))
