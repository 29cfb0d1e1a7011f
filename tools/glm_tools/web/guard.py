"""Where a page may be loaded from, decided at the socket: no URL of a model or a page gets around.

A URL is read by one parser, here, and connected to by its result. A host is resolved once, refused
if any of its addresses is not public, and exactly the checked address is dialled, so that a name
whose answer changes between check and use gains nothing. The operator's lists (`allow_private`,
`allow_domains`, `ports`) are settings that no page and no model can reach.

Does not do: requests and redirects (`fetch.py` calls this again for each one); protecting services
that this machine offers under a public address of its own; NAT64 prefixes other than 64:ff9b::/96,
which only the network's operator knows.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from .address import allowed_domains, allowed_hosts, is_public
from .wire import AddressRefused, Deadline, FetchTimeout, Target

Resolver = Callable[..., list[tuple[Any, ...]]]

PORTS = frozenset({80, 443, 8000, 8080, 8443, 8888})
"""Where public web servers listen. A browser that dials any port is a port scanner."""

MAX_URL = 4_000
_CONNECT_SECONDS = 5.0
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_HOST = re.compile(r"\[[0-9a-f:.]+\]|(?!-)[a-z0-9_.-]{1,253}")


class Guard:
    """The rules of one browser. Holds no state between pages; safe to use from several threads.

    Args:
        allow_private: `host:port` entries that may be loaded although they are not public.
        allow_domains: If given, nothing but these domains and what is under them is loaded
            (and the entries of `allow_private`).
        ports: The ports that may be dialled.
        resolver: Replaces `socket.getaddrinfo`, for tests.

    Raises:
        ConfigurationError: An entry of a list cannot be read.
    """

    def __init__(
        self,
        allow_private: Iterable[str] = (),
        allow_domains: Iterable[str] | None = None,
        ports: Iterable[int] = PORTS,
        resolver: Resolver | None = None,
    ) -> None:
        self._private = allowed_hosts(allow_private)
        self._domains = None if allow_domains is None else allowed_domains(allow_domains)
        self._ports = frozenset(ports)
        self._resolver = resolver

    @property
    def scope(self) -> str:
        """The operator's lists in one text: the same for guards that let the same through."""
        private = [f"{host}:{port}" for host, port in sorted(self._private)]
        domains = None if self._domains is None else sorted(self._domains)
        return repr((private, domains, sorted(self._ports)))

    def target(self, url: str) -> Target:
        """The URL, checked and normalised by the parser that also says where to connect.

        Raises:
            AddressRefused: Not http or https, a user name, control characters, a backslash, a host
                that is no host name, a port or a domain that is not loaded.
        """
        if len(url) > MAX_URL or _UNSAFE.search(url):
            raise AddressRefused("the URL has characters that do not belong in one, or is too long")
        try:
            parts = parse_url(url)
        except LocationParseError as error:
            raise AddressRefused("not a URL") from error
        host = (parts.host or "").lower()
        if parts.scheme not in {"http", "https"}:
            raise AddressRefused("only http and https are loaded")
        if parts.auth is not None:
            raise AddressRefused("the URL carries a user name")
        if not host.isascii() or not _HOST.fullmatch(host):
            raise AddressRefused("not a host name")
        port = (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port
        bare = host.strip("[]")
        if (bare, port) not in self._private:
            if port not in self._ports:
                raise AddressRefused(f"port {port} is not loaded")
            if not self.allows_domain(bare):
                raise AddressRefused(f"{bare} is not among the domains that are loaded")
        whole = parts._replace(fragment=None)
        return Target(whole.url, parts.scheme, bare, port, whole.request_uri)

    def allows_domain(self, host: str) -> bool:
        """Whether the operator's list of domains, if there is one, has this host."""
        if self._domains is None:
            return True
        labels = host.lower().rstrip(".").split(".")
        return any(".".join(labels[start:]) in self._domains for start in range(len(labels)))

    def connect(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        """A connection to a host that was resolved and checked right here.

        Raises:
            AddressRefused: One of the host's addresses is not public, and the host with this port
                is not in `allow_private`.
            FetchTimeout: The deadline passed.
            OSError: Nobody answers.
        """
        host = host.strip("[]").lower()
        found = self._resolve(host, port, deadline)
        if (host, port) not in self._private:
            for *_, address in found:
                if not is_public(str(address[0])):
                    raise AddressRefused(f"{host} leads to {address[0]}, which is not public")
        failure: OSError = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in found:
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(min(_CONNECT_SECONDS, deadline.left()))
                connection.connect(address)
                if connection.getpeername()[0] != address[0]:
                    raise AddressRefused(f"{host} was reached at another address than the checked")
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

    def _resolve(self, host: str, port: int, deadline: Deadline) -> list[tuple[Any, ...]]:
        """The addresses of a host, once. A look-up cannot be stopped, so it is left behind."""
        resolver = self._resolver or socket.getaddrinfo
        answer: list[list[tuple[Any, ...]]] = []
        failed: list[Exception] = []

        def look_up() -> None:
            try:
                answer.append(resolver(host, port, type=socket.SOCK_STREAM))
            except Exception as error:  # noqa: BLE001 - raised below, in the thread that asked
                failed.append(error)

        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(deadline.left())
        if failed:
            raise OSError(f"{host} cannot be resolved: {failed[0]}") from failed[0]
        if not answer:
            raise FetchTimeout(f"{host} was not resolved in time")
        return answer[0]
