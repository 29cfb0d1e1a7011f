"""Fetching one page, guarded: what the model asks for must not hurt the operator.

Each redirect, a page's `<meta http-equiv=refresh>` included, starts again at the guard. Decoded
bytes are capped and one deadline covers the whole transfer, look-ups and redirects included.
Cookies live while one page is loaded, on one origin; no other credentials are ever sent.

Does not do: caching (`cache.py`), rendering, robots.txt; telling the model why (the reason is for
the log).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

from urllib3.response import BaseHTTPResponse

from glm_agent._version import __version__

from .guard import Guard
from .reading.kinds import kind_of, readable
from .wire import (
    AddressRefused,
    Deadline,
    FetchError,
    FetchTimeout,
    Target,
    exchange,
    failures,
    read,
)

__all__ = ["AddressRefused", "FetchError", "FetchTimeout", "Fetched", "Fetcher"]

_MAX_REDIRECTS = 5
_MAX_COOKIES = 4_000  # characters
_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = {
    "User-Agent": f"Mozilla/5.0 (compatible; glm-agent/{__version__})",
    "Accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.8,"
    "application/pdf;q=0.8",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "en,zh;q=0.8,*;q=0.5",
}
_REFRESH = re.compile(
    rb"<meta\s[^<>]{0,200}?http-equiv\s*=\s*[\"']?refresh\b[^<>]{0,1000}>", re.IGNORECASE
)
_REFRESH_TO = re.compile(
    rb"content\s*=\s*([\"']?)\s*([0-4])(?:\.\d*)?\s*[;,]\s*url\s*=\s*['\"]?([^'\">\s]+)",
    re.IGNORECASE,
)


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
        guard: Rules of your own, in place of those that `allow_private` makes.

    Raises:
        ConfigurationError: An entry of `allow_private` is not `host:port`.
    """

    def __init__(
        self,
        timeout: float = 15.0,
        max_bytes: int = 5_000_000,
        allow_private: Iterable[str] = (),
        guard: Guard | None = None,
    ) -> None:
        self.timeout = timeout
        self.max_bytes = max_bytes
        self.guard = guard or Guard(allow_private)

    def fetch(self, url: str) -> Fetched:
        """Load a page.

        Raises:
            FetchTimeout: The deadline passed.
            AddressRefused: The URL or an address may not be loaded.
            FetchError: No connection, an error status, a body too large or not readable.
        """
        with Deadline(self.timeout) as deadline, failures(deadline):
            cookies: dict[str, str] = {}
            origin = ("", "", 0)
            for _ in range(_MAX_REDIRECTS + 1):
                target = self.guard.target(url)
                if origin != (target.scheme, target.host, target.port):
                    origin = (target.scheme, target.host, target.port)
                    cookies.clear()
                answer = self._get(target, cookies, deadline)
                if isinstance(answer, Fetched):
                    return answer
                url = urljoin(target.url, answer)
            raise FetchError(f"more than {_MAX_REDIRECTS} redirects")

    def _get(self, target: Target, cookies: dict[str, str], deadline: Deadline) -> Fetched | str:
        """The page, or where it says that it is."""
        headers = dict(_HEADERS)
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        with exchange(target, headers, deadline, self.guard.connect) as response:
            _keep_cookies(response, cookies)
            location = response.headers.get("Location")
            if response.status in _REDIRECTS and location:
                # Header bytes reach us as latin-1; servers write UTF-8.
                return location.encode("latin-1", "replace").decode("utf-8", "replace")
            if not 200 <= response.status < 300:
                raise FetchError(f"status {response.status}")
            content_type = response.headers.get("Content-Type", "")
            if not readable(content_type):
                raise FetchError(f"content type {content_type[:80]!r} cannot be read")
            body = read(response, self.max_bytes, deadline)
        kind = kind_of(body, content_type)
        if kind == "unknown":
            raise FetchError("the body is of no kind that can be read")
        elsewhere = _refreshed(body) if kind == "html" else ""
        if elsewhere and urldefrag(urljoin(target.url, elsewhere)).url != target.url:
            return elsewhere
        return Fetched(target.url, content_type, body)


def _keep_cookies(response: BaseHTTPResponse, cookies: dict[str, str]) -> None:
    for header in response.headers.getlist("Set-Cookie"):
        name, equals, value = header.partition(";")[0].partition("=")
        size = sum(map(len, cookies)) + sum(map(len, cookies.values()))
        if equals and name.strip() and size + len(header) <= _MAX_COOKIES:
            cookies[name.strip()] = value.strip()


def _refreshed(body: bytes) -> str:
    """Where a page without content of its own sends its reader; empty if it does not."""
    head = body[:8_192]
    found = _REFRESH.search(head) if len(body) < 20_000 else None
    to = _REFRESH_TO.search(found[0]) if found else None
    return html.unescape(to[3].decode("utf-8", "replace")) if to else ""
