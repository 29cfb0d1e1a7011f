"""One session's browser: runs actions and writes observations in GLM-4's formats.

The formats are those of the published implementation (THUDM/GLM-4, composite_demo/browser), byte
for byte; its faults are not: each page keeps its own links, so that `mclick` after `mclick` still
means the search results; quote ids are kept apart from link ids; an error status is an error and
not a source; of a long page only a part is shown, and `scroll`, `find` and `back` move in it.

Does not do: reading the model's text (`actions.py`), loading pages (`loading.py`), searching
(`glm_tools.web.search`).
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import anyio
import anyio.to_thread

from glm_agent.messages import Source

from ..web.cache import PageCache
from ..web.fetch import Fetcher
from ..web.guard import Guard
from ..web.index import DocumentIndex
from ..web.reading.page import host_of
from ..web.search import Hit, SearchError, SearchProvider, search_provider
from ..web.tape import PageSource, Recorder, Replay
from ..web.text import one_line
from . import formats
from .actions import Action, Back, Broken, Click, Find, Open, Scroll, Search, parse_actions
from .formats import BrowserObservation, Quote
from .loading import PageLoader, Unloadable, page_renderer
from .views import Reading, Results

logger = logging.getLogger(__name__)

DEMO_PAGES = Path(__file__).with_name("pages")
DEMO_URL = "https://demo.glm-agent.example"

FIRST_QUOTE = 7
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\d)")
_GRACE = 2.0  # seconds
_MAX_HISTORY = 30
_MAX_READINGS = 60  # quoted pages that can still be scrolled


class _Failed(Exception):
    """An action failed; the text is for the model."""


class SimpleBrowser:
    """A browser for one session. Calls of `act` wait for each other.

    Args:
        search: `embedded`, the name or address of a search back end, or a back end of your own;
            see `glm_tools.web.search.search_provider`.
        pages: The folder that the embedded search reads; the shipped demo pages if None.
        search_key: The search service's key, in place of its environment variable.
        search_url: The search service's address, in place of its public one.
        index: A ready index in place of `pages`, to share it between sessions.
        allow_private: `host:port` entries that may be loaded although they are not public. The
            model cannot change them.
        allow_domains: If given, nothing but these domains is loaded and shown among results.
        timeout: Seconds for loading one page or searching once.
        max_bytes: The largest page, decompressed.
        results: The most search results to show.
        page_chars: The most characters of one page to show at once.
        max_query: The longest query that leaves the machine, in characters.
        cache_bytes: How much of fetched pages is kept for the session; 0 keeps nothing.
        cache_dir: A folder where fetched pages outlive the session.
        render: When scripts of pages are run: `never`; `auto`, for pages that are empty without
            them, if Playwright and Chromium are installed; `always`.
        record: A file to record the session's traffic in.
        replay: Such a file, played back in place of the network.
        source: Fetches pages in place of the guarded `Fetcher`.

    Raises:
        ConfigurationError: An unknown search, a folder that does not exist, a bad list.
    """

    def __init__(
        self,
        search: str | SearchProvider = "embedded",
        pages: str | Path | None = None,
        *,
        search_key: str | None = None,
        search_url: str | None = None,
        allow_private: Iterable[str] = (),
        allow_domains: Iterable[str] | None = None,
        timeout: float = 15.0,
        max_bytes: int = 5_000_000,
        results: int = 5,
        page_chars: int = 20_000,
        max_query: int = 500,
        cache_bytes: int = 50_000_000,
        cache_dir: str | Path | None = None,
        index: DocumentIndex | None = None,
        render: str = "auto",
        record: str | Path | None = None,
        replay: str | Path | None = None,
        source: PageSource | None = None,
    ) -> None:
        provider = search_provider(search, search_key, search_url)
        self._index = index or open_index(pages)
        self._owns_index = index is None
        self._provider: SearchProvider = provider or self._index
        self._guard = Guard(allow_private, allow_domains)
        keeps = cache_bytes > 0 and source is None
        kept_in = None if record or replay else cache_dir
        cache = PageCache(cache_bytes, kept_in, scope=self._guard.scope) if keeps else None
        renderer = page_renderer("never" if source else render, self._guard, timeout)
        source = source or Fetcher(timeout, max_bytes, guard=self._guard)
        if replay is not None:
            played = Replay(replay)
            source, renderer = played, played if played.renders else None
            self._provider = played if played.searches else self._provider
        elif record is not None:
            tape = Recorder(record)
            source, renderer = tape.source(source), renderer and tape.renderer(renderer)
            if self._provider is not self._index:
                self._provider = tape.search(self._provider)
        self._loader = PageLoader(
            source,
            self._index,
            cache,
            renderer=renderer,
            always=render == "always",
            timeout=timeout,
        )
        self._timeout = timeout
        self._results = results
        self._page_chars = page_chars
        self._max_query = max_query
        self._limiter = anyio.CapacityLimiter(8)
        self._lock = anyio.Lock()
        self._history: list[Results | Reading] = []  # the last is what the ids of mclick mean
        self._quoted: list[Reading] = []  # the pages of the last mclick
        self._readings: OrderedDict[int, Reading] = OrderedDict()  # by quote id
        self._next_quote = FIRST_QUOTE
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
                except _Failed as failed:
                    observations.append(formats.error(action.line, str(failed)))
                except Exception:
                    logger.exception("browser action failed: %r", action)
                    reason = "the browser failed at this action"
                    observations.append(formats.error(action.line, reason))
        return observations

    async def aclose(self) -> None:
        """Let go of the index and the renderer; the browser can still be used afterwards."""
        await self._loader.aclose()
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
            case Scroll():
                return [self._scroll(action)]
            case Find():
                return self._find(action)
            case Back():
                return [self._back()]
            case Broken():
                raise _Failed(f"Parse Error: {action.reason}")

    # -- searching

    async def _search(self, action: Search) -> BrowserObservation:
        def call() -> list[Hit]:
            try:
                return self._provider.search(action.query, action.recency_days, self._results)
            except SystemExit as error:  # a back end cannot end the program
                raise RuntimeError("the search back end tried to exit") from error

        if len(action.query) > self._max_query:
            raise _Failed(f"Parse Error: the query is longer than {self._max_query} characters")
        try:
            with anyio.fail_after(self._timeout + _GRACE):
                hits = await anyio.to_thread.run_sync(
                    call, abandon_on_cancel=True, limiter=self._limiter
                )
        except TimeoutError as error:
            query = one_line(action.query)
            raise _Failed(f"Timeout while executing search for: {query}") from error
        except SearchError as error:
            raise _Failed(f"The search failed: {one_line(str(error))}") from error
        lines: list[str] = []
        sources: list[Source] = []
        loadable = [hit for hit in hits if self._guard.allows_domain(host_of(hit.url))]
        if self._provider is self._index:
            loadable = hits
        for number, hit in enumerate(loadable[: self._results]):
            title, snippet = one_line(hit.title), one_line(hit.snippet, 500)
            lines += formats.result_lines(number, title, hit.url, snippet)
            sources.append(Source(title, hit.url, snippet, hit.date))
        if not lines:
            lines = [f"No results for: {one_line(action.query)}"]
        links = {number: source.url for number, source in enumerate(sources)}
        view = Results(links, formats.page_text("", lines), tuple(sources))
        self._visit(view)
        return _results(view)

    # -- pages

    async def _open(self, action: Open) -> BrowserObservation:
        url = action.url if _SCHEME.match(action.url) else f"https://{action.url}"
        try:
            page = await self._loader.load(url, "full")
        except Unloadable as error:
            raise _Failed(_unloadable(error, one_line(url, 4000))) from error
        links = {link.id: link.url for link in page.links}
        reading = Reading(page.title, page.url, page.markdown, page.date, links)
        reading.show(self._page_chars)
        self._visit(reading)
        return _page(reading)

    async def _click(self, action: Click) -> list[BrowserObservation]:
        if not self._history:
            raise _Failed("No page state: search for something or open a page first")
        links = self._history[-1].links
        results: list[BrowserObservation | None] = [None] * len(action.ids)
        readings: list[Reading | None] = [None] * len(action.ids)

        async def one(place: int, number: int, url: str, quote: int) -> None:
            try:
                reading = await self._quote(url, quote)
            except Unloadable as error:
                reason = _unloadable(error, formats.short(url))
                results[place] = formats.dead_page(number, url, reason)
            except Exception:
                logger.exception("could not read %s", url)
                reason = f"Failed to load page w/ URL: {formats.short(url)}"
                results[place] = formats.dead_page(number, url, reason)
            else:
                readings[place] = reading
                results[place] = self._quoted_part(reading)

        async with anyio.create_task_group() as tasks:
            for place, number in enumerate(action.ids):
                url = links.get(number)
                if url is None:
                    results[place] = formats.invalid_link(number)
                    continue
                quote = self._next_quote  # counted before loading, so that order alone decides
                self._next_quote += 1
                tasks.start_soon(one, place, number, url, quote)
        observations = [result for result in results if result is not None]
        if all(observation.failed for observation in observations):
            raise _Failed("\n".join(observation.text for observation in observations))
        self._quoted = [reading for reading in readings if reading is not None]
        for reading in self._quoted:
            self._readings[reading.quote or 0] = reading
        while len(self._readings) > _MAX_READINGS:
            self._readings.popitem(last=False)
        return observations

    async def _quote(self, url: str, number: int) -> Reading:
        page = await self._loader.load(url, "main")
        text = "\n".join(line for line in page.markdown.split("\n") if line.strip())
        reading = Reading(page.title, page.url, text, page.date, quote=number)
        reading.show(self._page_chars)
        return reading

    # -- moving in pages

    def _scroll(self, action: Scroll) -> BrowserObservation:
        opened = self._opened(action.id)
        if len(opened) > 1:
            example = f"scroll({action.parts}, id={opened[0].quote})"
            raise _Failed(f"{len(opened)} pages are open: say which, as in {example}")
        (reading,) = opened
        if not reading.scroll(action.parts, self._page_chars):
            edge = "ends" if action.parts > 0 else "begins"
            raise _Failed(f"The page {edge} here: {formats.visible(reading.first, reading.last)}")
        return _page(reading) if reading.quote is None else self._quoted_part(reading)

    def _find(self, action: Find) -> list[BrowserObservation]:
        opened = self._opened(action.id)
        words = one_line(action.text, 100)
        observations: list[BrowserObservation] = []
        for reading in opened:
            places, count = reading.find(action.text)
            if not places:
                continue
            lines = [f"({percent}%) {around}" for percent, around in places]
            shown = "" if count == len(places) else f", {len(places)} shown"
            lines.insert(0, f"Found {count} time{'' if count == 1 else 's'}{shown}: {words}")
            observations.append(self._found(reading, "\n".join(lines)))
        if not observations:
            where = "the page" if len(opened) == 1 else f"the {len(opened)} pages"
            observations.append(
                BrowserObservation(f"Not found in {where}: {words}", "browser_result")
            )
        return observations

    def _found(self, reading: Reading, text: str) -> BrowserObservation:
        if reading.quote is not None:
            return self._quoting(reading, text)
        heading = f"TITLE: {reading.title}\n\n" if reading.title else ""
        source = Source(reading.title, reading.url, date=reading.date)
        return BrowserObservation(heading + text, "browser_result", (source,))

    def _back(self) -> BrowserObservation:
        if self._quoted:
            self._quoted = []
        elif len(self._history) > 1:
            self._history.pop()
        else:
            raise _Failed("There is no page before this one")
        view = self._history[-1]
        if isinstance(view, Results):
            return _results(view)
        view.show(self._page_chars)
        return _page(view)

    def _opened(self, quote: int) -> list[Reading]:
        """The pages that an action means: those last shown, or the one quoted under a number."""
        if quote >= 0:
            if quote not in self._readings:
                raise _Failed(f"There is no quote {quote}")
            return [self._readings[quote]]
        if self._quoted:
            return self._quoted
        if self._history and isinstance(view := self._history[-1], Reading):
            return [view]
        raise _Failed("No page is open: mclick a result or open_url first")

    def _visit(self, view: Results | Reading) -> None:
        self._history = [*self._history[-_MAX_HISTORY:], view]
        self._quoted = []

    def _quoted_part(self, reading: Reading) -> BrowserObservation:
        """The shown part of a quoted page."""
        text = reading.shown
        if reading.partial:
            more = f"(scroll(1, id={reading.quote}) shows more)\n" if reading.last < 100 else ""
            text += f"\n{more}{formats.visible(reading.first, reading.last)}"
        return self._quoting(reading, text)

    def _quoting(self, reading: Reading, text: str) -> BrowserObservation:
        number = reading.quote or 0
        before = self.quotes.get(number)
        known = f"{before.text}\n{text}" if before else text
        self.quotes[number] = Quote(number, reading.title, reading.url, known)
        source = Source(reading.title, reading.url, text, reading.date)
        return BrowserObservation(text, formats.label(number), (source,))


def open_index(pages: str | Path | None) -> DocumentIndex:
    """The index over a folder, or over the shipped demo pages."""
    return DocumentIndex(DEMO_PAGES, DEMO_URL) if pages is None else DocumentIndex(pages)


def _results(view: Results) -> BrowserObservation:
    return BrowserObservation(view.text, "browser_result", view.sources)


def _page(reading: Reading) -> BrowserObservation:
    lines = ["", f"URL: {one_line(reading.url, 2000)}", reading.shown]
    if reading.last < 100:
        lines.append('(scroll(1) shows more, find("words") looks for words)')
    text = formats.page_text(reading.title, lines, reading.first, reading.last)
    source = Source(reading.title, reading.url, date=reading.date)
    return BrowserObservation(text, "browser_result", (source,))


def _unloadable(error: Unloadable, url: str) -> str:
    what = "Timeout while loading" if error.timeout else "Failed to load"
    return f"{what} page w/ URL: {url}"
