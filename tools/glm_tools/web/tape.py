"""A session's traffic on tape: recorded while it happens, and played back without a network.

The tape is a file of JSON lines: what was fetched, rendered or searched for, and what came of it,
failures included. What comes from a folder (the embedded search and its pages) is not on it.
A replay answers a question that was asked several times with the answers in their order, the last
one for ever; what is not on the tape is a failure like a dead page.

Does not do: hiding anything: pages, queries and their addresses are on the tape as they were.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from glm_agent.errors import ConfigurationError

from .fetch import AddressRefused, Fetched, FetchError, FetchTimeout
from .search import Hit, SearchError, SearchProvider

logger = logging.getLogger(__name__)

_ERRORS: dict[str, type[FetchError]] = {
    "timeout": FetchTimeout,
    "refused": AddressRefused,
    "failed": FetchError,
}


class PageSource(Protocol):
    """What fetches pages: `Fetcher`, a recording of one, a replay."""

    def fetch(self, url: str) -> Fetched:
        """A page. Called in a worker thread. Raises FetchError."""
        ...


class RenderedPage(Protocol):
    """A page as its scripts left it."""

    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def content_type(self) -> str: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102


class PageRenderer(Protocol):
    """What runs a page's scripts."""

    async def render(self, url: str) -> RenderedPage:
        """The page as its scripts left it. Raises FetchError."""
        ...

    async def aclose(self) -> None:
        """Let go of the browser behind it."""
        ...


class Recorder:
    """Writes a tape. What it wraps behaves as before; a full disk costs the tape, not the session.

    Raises:
        ConfigurationError: The file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(b"")
        except OSError as error:
            raise ConfigurationError(
                f"record: {str(path)!r} cannot be written: {error.strerror or error}"
            ) from error

    def source(self, source: PageSource) -> PageSource:
        """`source`, on tape."""
        return _RecordedSource(source, self.write)

    def renderer(self, renderer: PageRenderer) -> PageRenderer:
        """`renderer`, on tape."""
        return _RecordedRenderer(renderer, self.write)

    def search(self, provider: SearchProvider) -> SearchProvider:
        """`provider`, on tape."""
        return _RecordedSearch(provider, self.write)

    def write(self, kind: str, asked: str, outcome: dict[str, Any]) -> None:
        """Add one line."""
        line = json.dumps({"kind": kind, "asked": asked} | outcome)
        with self._lock:
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
            except OSError as error:
                logger.warning("the tape %s is not complete: %s", self._path, error)


_Write = Callable[[str, str, dict[str, Any]], None]


def _page(page: RenderedPage) -> dict[str, Any]:
    body = base64.b64encode(page.body).decode()
    return {"url": page.url, "content_type": page.content_type, "body": body}


def _failure(error: FetchError) -> dict[str, Any]:
    kinds = (name for name, kind in _ERRORS.items() if isinstance(error, kind))
    return {"error": next(kinds, "failed"), "reason": str(error)}


class _RecordedSource:
    def __init__(self, source: PageSource, write: _Write) -> None:
        self._source = source
        self._write = write

    def fetch(self, url: str) -> Fetched:
        try:
            page = self._source.fetch(url)
        except FetchError as error:
            self._write("fetch", url, _failure(error))
            raise
        self._write("fetch", url, _page(page))
        return page


class _RecordedRenderer:
    def __init__(self, renderer: PageRenderer, write: _Write) -> None:
        self._renderer = renderer
        self._write = write

    async def render(self, url: str) -> RenderedPage:
        try:
            page = await self._renderer.render(url)
        except FetchError as error:
            self._write("render", url, _failure(error))
            raise
        self._write("render", url, _page(page))
        return page

    async def aclose(self) -> None:
        await self._renderer.aclose()


class _RecordedSearch:
    def __init__(self, provider: SearchProvider, write: _Write) -> None:
        self._provider = provider
        self._write = write

    def search(self, query: str, recency_days: int, count: int) -> list[Hit]:
        asked = json.dumps([query, recency_days, count])
        try:
            hits = self._provider.search(query, recency_days, count)
        except SearchError as error:
            self._write("search", asked, {"error": "failed", "reason": str(error)})
            raise
        self._write("search", asked, {"hits": [asdict(hit) for hit in hits]})
        return hits


class Replay:
    """Plays a tape back: fetches, renders and searches without a network.

    Raises:
        ConfigurationError: The file is not there, or is no tape.
    """

    def __init__(self, path: str | Path) -> None:
        self._lock = threading.Lock()
        self._outcomes: dict[tuple[str, str], list[dict[str, Any]]] = {}
        number = 0
        try:
            with Path(path).open(encoding="utf-8") as file:
                for number, line in enumerate(file, start=1):  # noqa: B007 # for the message
                    record: dict[str, Any] = json.loads(line)
                    key = (str(record["kind"]), str(record["asked"]))
                    self._outcomes.setdefault(key, []).append(record)
        except OSError as error:
            raise ConfigurationError(
                f"replay: {str(path)!r} cannot be read: {error.strerror or error}"
            ) from error
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(f"replay: {str(path)!r}, line {number}: no tape") from error

    @property
    def searches(self) -> bool:
        """Whether there are searches on the tape."""
        return any(kind == "search" for kind, _ in self._outcomes)

    @property
    def renders(self) -> bool:
        """Whether there are rendered pages on the tape."""
        return any(kind == "render" for kind, _ in self._outcomes)

    def fetch(self, url: str) -> Fetched:
        """The page as it was fetched."""
        return self._play("fetch", url)

    async def render(self, url: str) -> Fetched:
        """The page as it was rendered."""
        return self._play("render", url)

    async def aclose(self) -> None:
        """Nothing is held."""

    def search(self, query: str, recency_days: int, count: int) -> list[Hit]:
        """The hits as they were found."""
        record = self._next("search", json.dumps([query, recency_days, count]))
        if record is None:
            raise SearchError("this search is not on the tape")
        if "hits" not in record:
            raise SearchError(str(record.get("reason", "failed")))
        return [Hit(**hit) for hit in record["hits"]]

    def _play(self, kind: str, url: str) -> Fetched:
        record = self._next(kind, url)
        if record is None:
            raise FetchError(f"{url} is not on the tape")
        if "body" not in record:
            error = _ERRORS.get(str(record.get("error")), FetchError)
            raise error(str(record.get("reason", "")))
        body = b""
        with suppress(ValueError):
            body = base64.b64decode(record["body"])
        return Fetched(str(record["url"]), str(record["content_type"]), body)

    def _next(self, kind: str, asked: str) -> dict[str, Any] | None:
        with self._lock:
            outcomes = self._outcomes.get((kind, asked), [])
            return outcomes.pop(0) if len(outcomes) > 1 else next(iter(outcomes), None)
