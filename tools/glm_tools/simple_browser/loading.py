"""Where a page comes from: the index, this session's cache, or the network; then it is read.

Does not do: showing it (`browser.py`). Why a page does not load goes to the log and no further: a
model that is told could map the operator's network.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.to_thread

from ..web.cache import PageCache
from ..web.fetch import Fetched, FetchError, FetchTimeout
from ..web.index import DocumentIndex

if TYPE_CHECKING:
    from ..web.reading import Page, View

logger = logging.getLogger(__name__)

_THREADS = 16
_GRACE = 2.0  # seconds for reading a page after it has been loaded
_THIN = 200  # characters of text; a page with scripts and less than this is made by them
_SCRIPT = re.compile(rb"<script\b", re.IGNORECASE)


class PageSource(Protocol):
    """What fetches: `Fetcher`, a recording of it, or the replay of a recording."""

    def fetch(self, url: str) -> Fetched:
        """A page. Called in a worker thread. Raises FetchError."""
        ...


class Renderer(Protocol):
    """What runs a page's scripts."""

    async def render(self, url: str) -> Fetched:
        """The page as its scripts left it. Raises FetchError."""
        ...

    async def aclose(self) -> None:
        """Let go of the browser behind it."""
        ...


class Unloadable(Exception):
    """A page cannot be shown. `timeout` says whether it took too long."""

    def __init__(self, reason: str, timeout: bool = False) -> None:
        super().__init__(reason)
        self.timeout = timeout


class PageLoader:
    """Loads and reads pages, several at once.

    Args:
        source: What fetches.
        index: Serves its own documents.
        cache: Keeps what was fetched; None fetches every time.
        renderer: Runs scripts of pages that are empty without them.
        timeout: Seconds for one page.
    """

    def __init__(
        self,
        source: PageSource,
        index: DocumentIndex,
        cache: PageCache | None,
        renderer: Renderer | None,
        timeout: float,
    ) -> None:
        self._source = source
        self._index = index
        self._cache = cache
        self._renderer = renderer
        self._timeout = timeout
        # Every thread ends by itself soon after the deadline, so none is ever waited for in vain.
        self._limiter = anyio.CapacityLimiter(_THREADS)

    async def load(self, url: str, view: View) -> Page:
        """A page with text in it. Raises Unloadable."""
        try:
            with anyio.fail_after(self._timeout + _GRACE):
                page, scripted = await anyio.to_thread.run_sync(
                    self._read, url, view, abandon_on_cancel=True, limiter=self._limiter
                )
                if scripted and self._renderer is not None:
                    page = await self._rendered(self._renderer, page, url, view)
        except (FetchTimeout, TimeoutError) as error:
            logger.info("timeout while loading %s: %s", url, error)
            raise Unloadable("timeout", timeout=True) from error
        except FetchError as error:
            logger.info("could not load %s: %s", url, error)
            raise Unloadable("failed") from error
        if not page.markdown.strip():
            logger.info("%s has no text", url)
            raise Unloadable("empty")
        return page

    async def aclose(self) -> None:
        """Close the renderer."""
        if self._renderer is not None:
            await self._renderer.aclose()

    def _read(self, url: str, view: View) -> tuple[Page, bool]:
        """The page, and whether scripts would make more of it. Runs in a worker thread."""
        if self._index.owns(url):
            page = self._index.read(url, view)
            if page is None:
                raise FetchError("no such document")
            return page, False
        from ..web.reading import extract

        fetched = self._cache.get(url) if self._cache is not None else None
        if fetched is None:
            fetched = self._source.fetch(url)
            if self._cache is not None:
                self._cache.put(url, fetched)
        page = extract(fetched.body, fetched.url, fetched.content_type, view=view)
        return page, len(page.markdown) < _THIN and bool(_SCRIPT.search(fetched.body))

    async def _rendered(self, renderer: Renderer, page: Page, url: str, view: View) -> Page:
        """The page with its scripts run; without, if they cannot be and it has text."""
        from ..web.reading import extract

        try:
            fetched = await renderer.render(url)
        except FetchError as error:
            if not page.markdown.strip():
                raise
            logger.info("%s is shown without its scripts: %s", url, error)
            return page
        if self._cache is not None:
            self._cache.put(url, fetched)
        return await anyio.to_thread.run_sync(
            lambda: extract(fetched.body, fetched.url, fetched.content_type, view=view),
            abandon_on_cancel=True,
            limiter=self._limiter,
        )
