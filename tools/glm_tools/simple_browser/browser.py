"""One session's browser: runs actions and writes observations in GLM-4's formats.

The formats are those of the published implementation (THUDM/GLM-4, composite_demo/browser), byte
for byte; its faults are not: each page keeps its own links, so that `mclick` after `mclick` still
means the search results; quote ids are kept apart from link ids; an error status is an error and
not a source.

Does not do: reading the model's text (`actions.py`), fetching and extraction (`glm_tools.web`),
scrolling.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from ..web.fetch import Fetcher, FetchError, FetchTimeout
from ..web.index import DocumentIndex
from ..web.search import Hit, SearchError, SearchProvider, search_provider
from ..web.text import one_line
from .actions import Action, Broken, Click, Open, Search, parse_actions

if TYPE_CHECKING:
    from ..web.reading import Page, View

logger = logging.getLogger(__name__)

DEMO_PAGES = Path(__file__).with_name("pages")
DEMO_URL = "https://demo.glm-agent.example"

FIRST_QUOTE = 7
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\d)")
_URL_SHOWN = 80
_THREADS = 8
_GRACE = 2.0  # seconds for reading a page after it has been loaded


@dataclass(frozen=True, slots=True)
class Source:
    """A page behind an observation; `text` is its snippet or quote, `date` ISO 8601 or empty."""

    title: str
    url: str
    text: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class BrowserObservation:
    """What the model reads; `metadata` is the text after `<|observation|>`: `browser_result`, …"""

    text: str
    metadata: str
    sources: tuple[Source, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether this is a `system_error`."""
        return self.metadata == "system_error"


@dataclass(frozen=True, slots=True)
class Quote:
    """A page that an answer may cite as 【id†source】."""

    id: int
    title: str
    url: str
    text: str


@dataclass(slots=True)
class _View:
    """The page last shown: what the ids of `mclick` mean."""

    links: Mapping[int, str] = field(default_factory=dict[int, str])


class _Failed(Exception):
    """An action failed; the text is for the model."""


class SimpleBrowser:
    """A browser for one session. Calls of `act` wait for each other.

    Args:
        search: `embedded`, or a search back end of your own.
        pages: The folder that the embedded search reads; the shipped demo pages if None.
        index: A ready index in place of `pages`, to share it between sessions.
        allow_private: `host:port` entries that may be loaded although they are not public. The
            model cannot change them.
        timeout: Seconds for loading one page or searching once.
        max_bytes: The largest page, decompressed.
        results: The most search results to show.
        page_chars: The most characters of one page to show.

    Raises:
        ConfigurationError: An unknown search, a folder that does not exist, a bad allow-list.
    """

    def __init__(
        self,
        search: str | SearchProvider = "embedded",
        pages: str | Path | None = None,
        *,
        allow_private: Iterable[str] = (),
        timeout: float = 15.0,
        max_bytes: int = 5_000_000,
        results: int = 5,
        page_chars: int = 20_000,
        index: DocumentIndex | None = None,
    ) -> None:
        provider = search_provider(search)
        self._index = index or open_index(pages)
        self._owns_index = index is None
        self._provider: SearchProvider = provider or self._index
        self._fetcher = Fetcher(timeout, max_bytes, allow_private)
        self._timeout = timeout
        self._results = results
        self._page_chars = page_chars
        self._view: _View | None = None
        self._next_quote = FIRST_QUOTE
        self._lock = anyio.Lock()
        self._limiter = anyio.CapacityLimiter(_THREADS)
        self.quotes: dict[int, Quote] = {}

    async def act(self, text: str) -> list[BrowserObservation]:
        """Do the actions in `text`, one a line, and say what came of each, in order.

        Never raises, except when it is cancelled: what fails is a `system_error` observation.
        """
        observations: list[BrowserObservation] = []
        async with self._lock:
            for action in parse_actions(text):
                try:
                    observations.extend(await self._do(action))
                except _Failed as error:
                    observations.append(_error(action, str(error)))
                except Exception:
                    logger.exception("browser action failed: %r", action)
                    observations.append(_error(action, "the browser failed at this action"))
        return observations

    async def aclose(self) -> None:
        """Let go of the index; the browser can still be used afterwards."""
        if self._owns_index:
            await anyio.to_thread.run_sync(self._index.close)

    async def _do(self, action: Action) -> list[BrowserObservation]:
        match action:
            case Search():
                return [await self._search(action)]
            case Click():
                return await self._click(action)
            case Open():
                return [await self._open(action)]
            case Broken():
                raise _Failed(f"Parse Error: {action.reason}")

    async def _search(self, action: Search) -> BrowserObservation:
        def call() -> list[Hit]:
            return self._provider.search(action.query, action.recency_days, self._results)

        try:
            with anyio.fail_after(self._timeout + _GRACE):
                hits = await anyio.to_thread.run_sync(
                    call, abandon_on_cancel=True, limiter=self._limiter
                )
        except TimeoutError as error:
            raise _Failed(f"Timeout while executing search for: {action.query}") from error
        except SearchError as error:
            raise _Failed(f"The search failed: {one_line(str(error))}") from error
        hits = hits[: self._results]
        self._view = _View({number: hit.url for number, hit in enumerate(hits)})
        lines: list[str] = []
        sources: list[Source] = []
        for number, hit in enumerate(hits):
            title, snippet = one_line(hit.title), one_line(hit.snippet, 500)
            lines += [f" # 【{number}†{title}†{one_line(_host(hit.url))}】", snippet]
            sources.append(Source(title, hit.url, snippet, hit.date))
        if not lines:
            lines = [f"No results for: {one_line(action.query)}"]
        return BrowserObservation(_shown("", lines), "browser_result", tuple(sources))

    async def _open(self, action: Open) -> BrowserObservation:
        url = action.url if _SCHEME.match(action.url) else f"https://{action.url}"
        page = await self._load(url, "full", url)
        self._view = _View({link.id: link.url for link in page.links})
        text, share = _cut(page.markdown, self._page_chars)
        lines = ["", f"URL: {one_line(page.url, 2000)}", text]
        source = Source(page.title, page.url, date=page.date)
        return BrowserObservation(_shown(page.title, lines, share), "browser_result", (source,))

    async def _click(self, action: Click) -> list[BrowserObservation]:
        if self._view is None:
            raise _Failed("No page state: search for something or open a page first")
        links = self._view.links
        results: list[BrowserObservation | None] = [None] * len(action.ids)

        async def one(place: int, number: int, url: str, quote: int) -> None:
            try:
                results[place] = await self._quote(url, quote)
            except _Failed as error:
                results[place] = _dead(number, f"'{error}'", f"Error fetching url {_short(url)}")
            except Exception:
                logger.exception("could not read %s", url)
                results[place] = _dead(
                    number,
                    f"'Failed to load page w/ URL: {_short(url)}'",
                    f"Error fetching url {_short(url)}",
                )

        async with anyio.create_task_group() as tasks:
            for place, number in enumerate(action.ids):
                url = links.get(number)
                if url is None:
                    results[place] = _dead(number, "None", f"Error parsing ID {number}")
                    continue
                quote = self._next_quote  # counted before loading, so that order alone decides
                self._next_quote += 1
                tasks.start_soon(one, place, number, url, quote)
        observations = [result for result in results if result is not None]
        if all(observation.failed for observation in observations):
            raise _Failed("\n".join(observation.text for observation in observations))
        return observations

    async def _quote(self, url: str, number: int) -> BrowserObservation:
        page = await self._load(url, "main", _short(url))
        lines = [line for line in page.markdown.split("\n") if line.strip()]
        text, share = _cut("\n".join(lines), self._page_chars)
        if share < 100:
            text += f"\n(The first {share}% of the page.)"
        self.quotes[number] = Quote(number, page.title, page.url, text)
        source = Source(page.title, page.url, text, page.date)
        return BrowserObservation(text, f"quote_result [{number}†source]", (source,))

    async def _load(self, url: str, view: View, shown: str) -> Page:
        """A page from the index or the network. Raises _Failed with `shown` as its URL.

        The model is not told why a page does not load: it could map the operator's network.
        """
        try:
            with anyio.fail_after(self._timeout + _GRACE):
                page = await anyio.to_thread.run_sync(
                    self._read, url, view, abandon_on_cancel=True, limiter=self._limiter
                )
        except (FetchTimeout, TimeoutError) as error:
            logger.info("timeout while loading %s: %s", url, error)
            raise _Failed(f"Timeout while loading page w/ URL: {shown}") from error
        except FetchError as error:
            logger.info("could not load %s: %s", url, error)
            raise _Failed(f"Failed to load page w/ URL: {shown}") from error
        if not page.markdown.strip():
            logger.info("%s has no text", url)
            raise _Failed(f"Failed to load page w/ URL: {shown}")
        return page

    def _read(self, url: str, view: View) -> Page:
        """Runs in a worker thread."""
        if self._index.owns(url):
            page = self._index.read(url, view)
            if page is None:
                raise FetchError("no such document")
            return page
        from ..web.reading import extract

        fetched = self._fetcher.fetch(url)
        return extract(fetched.body, fetched.url, fetched.content_type, view=view)


def open_index(pages: str | Path | None) -> DocumentIndex:
    """The index over a folder, or over the shipped demo pages."""
    return DocumentIndex(DEMO_PAGES, DEMO_URL) if pages is None else DocumentIndex(pages)


def _shown(title: str, lines: list[str], share: int = 100) -> str:
    heading = f"TITLE: {title}\n\n" if title else ""
    return heading + "\n".join(lines) + f"\nVisible: 0% - {share}%"


def _cut(text: str, limit: int) -> tuple[str, int]:
    """As many whole lines as fit (or a cut first one), and the percentage of the text shown."""
    if len(text) <= limit:
        return text, 100
    end = text.rfind("\n", 0, limit)
    shown = text[: end if end > limit // 2 else limit].rstrip("\n")
    return shown, min(99, 100 * len(shown) // len(text))


def _dead(number: int, permanent: str, feedback: str) -> BrowserObservation:
    return BrowserObservation(
        f"recorded='click({number})' temporary=None permanent={permanent} new_state=None "
        f"final=None success=False feedback='{feedback}' metadata={{}}",
        "system_error",
    )


def _error(action: Action, reason: str) -> BrowserObservation:
    return BrowserObservation(
        f"Error when executing command {one_line(action.line)}\nError: {reason}", "system_error"
    )


def _short(url: str) -> str:
    if len(url) <= _URL_SHOWN:
        return url
    return f"{url[:_URL_SHOWN]}... (URL truncated at {_URL_SHOWN} chars)"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
