"""Where a page comes from: the index, this session's cache, or the network; then it is read.

Does not do: showing it (`browser.py`). Why a page does not load goes to the log and no further: a
model that is told could map the operator's network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from glm_agent.errors import ConfigurationError

from ..web.cache import PageCache
from ..web.fetch import Fetched, FetchError, FetchTimeout
from ..web.guard import Guard
from ..web.index import DocumentIndex
from ..web.tape import PageRenderer, PageSource

if TYPE_CHECKING:
    from ..web.reading import Page, View

logger = logging.getLogger(__name__)

_THREADS = 16
_GRACE = 2.0  # seconds for reading a page after it has been loaded
RENDER = ("never", "auto", "always")
_T = TypeVar("_T")


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
        renderer: Runs scripts; None never does.
        always: Whether to run the scripts of every page, not only of those that are empty.
        timeout: Seconds for one page, and as many again for its scripts.
    """

    def __init__(
        self,
        source: PageSource,
        index: DocumentIndex,
        cache: PageCache | None,
        *,
        renderer: PageRenderer | None,
        always: bool,
        timeout: float,
    ) -> None:
        self._source = source
        self._index = index
        self._cache = cache
        self._renderer = renderer
        self._always = always
        self._timeout = timeout
        self._built: set[str] = set()  # what is in the cache as its scripts left it
        # Every thread ends by itself soon after the deadline, so none is ever waited for in vain.
        self._limiter = anyio.CapacityLimiter(_THREADS)

    async def load(self, url: str, view: View) -> Page:
        """A page with text in it. Raises Unloadable."""
        try:
            with anyio.fail_after(self._timeout + _GRACE):
                page, scripted = await self._in_thread(lambda: self._read(url, view))
            if scripted and self._renderer is not None:
                with anyio.fail_after(self._timeout + 2 * _GRACE):
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

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)

    def _read(self, url: str, view: View) -> tuple[Page, bool]:
        """The page, and whether its scripts are to be run. In a worker thread."""
        if self._index.owns(url):
            page = self._index.read(url, view)
            if page is None:
                raise FetchError("no such document")
            return page, False
        from ..web.reading import extract, kind_of
        from ..web.rendering import needs_rendering

        fetched = self._cache.get(url) if self._cache is not None else None
        built = fetched is not None and url in self._built
        if fetched is None:
            fetched = self._source.fetch(url)
            if self._cache is not None:
                self._cache.put(url, fetched)
        page = extract(fetched.body, fetched.url, fetched.content_type, view=view)
        if built or self._renderer is None or kind_of(fetched.body, fetched.content_type) != "html":
            return page, False
        empty = not page.markdown.strip() and b"<script" in fetched.body.lower()
        thin = empty or needs_rendering(fetched.body, fetched.content_type)
        return page, thin or self._always

    async def _rendered(self, renderer: PageRenderer, page: Page, url: str, view: View) -> Page:
        """The page with its scripts run; without, if they cannot be and it has text."""
        from ..web.reading import extract

        try:
            made = await renderer.render(url)
        except FetchError as error:
            if not page.markdown.strip():
                raise
            logger.info("%s is shown without its scripts: %s", url, error)
            return page
        fetched = Fetched(made.url, made.content_type, made.body)
        if self._cache is not None:
            self._cache.put(url, fetched)
            self._built.add(url)
        return await self._in_thread(
            lambda: extract(fetched.body, fetched.url, fetched.content_type, view=view)
        )


def page_renderer(render: str, guard: Guard, timeout: float) -> PageRenderer | None:
    """What runs scripts, if `render` says so: `never`, `auto` (where it is installed) or `always`.

    Raises:
        ConfigurationError: Another word, or `always` where Playwright or Chromium is missing.
    """
    if render not in RENDER:
        raise ConfigurationError(f"render: must be one of {', '.join(RENDER)}, not {render!r}")
    if render == "never":
        return None
    from ..web.rendering import Renderer, chromium_path

    if find_spec("playwright") is None or chromium_path() is None:
        if render == "auto":
            return None
        raise ConfigurationError(
            "render: needs pip install 'glm-agent[render]' and Chromium (apt-get install chromium)"
        )
    return Renderer(guard, timeout)
