"""Asking a search service over HTTP: paced, retried once, bounded in time and size.

The address is the operator's, so it is not guarded: a SearXNG of one's own may be on this machine.
Redirects are not followed, as the request holds a key. What a service writes in its errors is for
the log; the model reads a line of ours.

Does not do: any service's requests and answers (`engines.py`).
"""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlencode

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from glm_agent._version import __version__
from glm_agent.errors import ConfigurationError

from ..wire import Deadline, FetchError, FetchTimeout, Target, dial, exchange, failures, read
from .base import Hit, SearchError
from .clean import tidy

logger = logging.getLogger(__name__)

_MAX_ANSWER = 3_000_000
_LIMITED = frozenset({202, 429})  # 202 is how DuckDuckGo says 429
_RETRY_AFTER = 1.0  # seconds, where a service does not say
_PACERS: dict[str, _Pacer] = {}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: `path` is added to the service's address; a body makes it a POST."""

    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] | None = None


class HttpSearch(ABC):
    """A search service with an HTTP interface.

    Args:
        key: The operator's key; empty for services that need none.
        url: The service's address in place of its public one.
        timeout: Seconds for a search, waiting and the second try included.
        interval: Seconds between two requests to this address, of all sessions together.

    Raises:
        ConfigurationError: The address is no web address.
    """

    name: str
    address: str

    def __init__(
        self, key: str = "", url: str | None = None, timeout: float = 12.0, interval: float = 1.0
    ) -> None:
        self._key = key
        self._timeout = timeout
        address = (url or self.address).rstrip("/")
        try:
            parts = parse_url(address)
        except LocationParseError as error:
            raise ConfigurationError(f"{self.name}: {address!r} is not an address") from error
        if parts.scheme not in {"http", "https"} or not parts.host:
            raise ConfigurationError(
                f"{self.name}: {address!r} is not an address; it begins with http:// or https://"
            )
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._base = Target(address, parts.scheme, parts.host.strip("[]"), port, parts.path or "")
        self._login = parts.auth or ""
        self._pacer = _PACERS.setdefault(f"{parts.host}:{port}", _Pacer())
        self._interval = interval

    @abstractmethod
    def ask(self, query: str, recency_days: int, count: int) -> Ask:
        """The request for a search."""

    @abstractmethod
    def hits(self, answer: Mapping[str, Any], today: date) -> Iterable[Hit]:
        """What is in an answer, in its order. Whatever is missing is left out."""

    def search(self, query: str, recency_days: int = -1, count: int = 5) -> list[Hit]:
        """See `SearchProvider.search`."""
        today = datetime.now(UTC).date()
        answer = self._answer(self.ask(query, recency_days, count))
        return tidy(self.hits(answer, today), recency_days, count, today)

    def _answer(self, ask: Ask) -> Mapping[str, Any]:
        with Deadline(self._timeout) as deadline:
            try:
                for last in (False, True):
                    self._pacer.wait(self._interval, deadline)
                    status, kind, body, pause = self._send(ask, deadline)
                    busy = status in _LIMITED or status >= 500
                    if not busy or last or pause >= deadline.left():
                        break
                    time.sleep(pause)
            except FetchTimeout as error:
                raise SearchError(
                    f"{self.name} did not answer within {self._timeout:g} seconds"
                ) from error
            except FetchError as error:
                logger.info("%s: %s", self.name, error)
                raise SearchError(f"{self.name} cannot be reached") from error
        if status != 200:
            logger.warning("%s answered %d: %.500r", self.name, status, body)
            raise SearchError(self.refusal(status))
        return self._read(kind, body)

    def refusal(self, status: int) -> str:
        """What the model reads about an error status."""
        if status in {401, 403}:
            return f"{self.name} refused the key (status {status})"
        if status in _LIMITED:
            return f"{self.name} limits how often it is asked; try again later"
        return f"{self.name} answered with status {status}"

    def _send(self, ask: Ask, deadline: Deadline) -> tuple[int, str, bytes, float]:
        """Status, content type, body, and how long to wait before the next try."""
        headers = {
            "User-Agent": f"glm-agent/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            **ask.headers,
        }
        if self._login:
            headers["Authorization"] = "Basic " + base64.b64encode(self._login.encode()).decode()
        body = None
        if ask.body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(ask.body, ensure_ascii=False).encode("utf-8", "replace")
        base = self._base
        path = (base.path + ask.path) or "/"
        if ask.query:
            path += "?" + urlencode(ask.query, errors="replace")
        target = Target(base.url, base.scheme, base.host, base.port, path)
        with (
            failures(deadline),
            exchange(target, headers, deadline, dial, body) as response,
        ):
            kind = response.headers.get("Content-Type", "")
            pause = _pause(response.headers.get("Retry-After", ""))
            return response.status, kind, read(response, _MAX_ANSWER, deadline), pause

    def _read(self, kind: str, body: bytes) -> Mapping[str, Any]:
        if "html" in kind or body.lstrip()[:1] == b"<":
            logger.warning("%s answered with HTML: %.300r", self.name, body)
            raise SearchError(f"{self.name} answered with a web page in place of results")
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            logger.warning("%s: %s in %.300r", self.name, error, body)
            raise SearchError(f"{self.name} answered with what is not JSON") from error
        if not isinstance(answer, dict):
            raise SearchError(f"{self.name} answered with JSON that holds no results")
        fields = cast("dict[str, Any]", answer)
        if fields.get("error") and not any(isinstance(each, list) for each in fields.values()):
            logger.warning("%s reports: %.300r", self.name, fields["error"])
            raise SearchError(f"{self.name} reports an error")
        return fields


def rows(answer: Any, *path: str) -> list[Mapping[str, Any]]:
    """The objects in the list under `path`; none where anything is missing or of another type."""
    value = answer
    for name in path:
        value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


class _Pacer:
    """Spaces requests to one address, whoever sends them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self, interval: float, deadline: Deadline) -> None:
        """Wait for the next free place. Raises FetchTimeout if it comes after the deadline."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            if start - now > deadline.left():
                raise FetchTimeout("too many searches at once")
            self._next = start + interval
        time.sleep(start - now)


def _pause(retry_after: str) -> float:
    """Seconds that a Retry-After header asks for: a number, or an HTTP date."""
    text = retry_after.strip()
    if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return _RETRY_AFTER
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
