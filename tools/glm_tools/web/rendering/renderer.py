"""Rendering a page in the system's Chromium, driven by Playwright.

The browser starts with the first page and ends when no page was asked for in a while. Each page
has a context of its own (no cookies, no storage, no service workers, no downloads, no permissions)
and a guarded proxy of its own; names resolve nowhere but there. A filter on requests refuses
schemes other than http, https, data and blob and leaves out pictures, media and fonts: it saves
time, the guard is the proxy. What the finished page hides by style is marked as hidden, so that
reading leaves it out.

Does not defend against: a hole in Chromium. As root it runs without its own sandbox (Chromium
refuses to have one there), so run as an ordinary user in production.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..guard import Guard
from ..wire import FetchError, FetchTimeout
from .proxy import GuardedProxy

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = (
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=DnsOverHttps,AsyncDns,Translate,OptimizationHints,MediaRouter",
    "--no-first-run",
    "--no-pings",
)
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")
_LEFT_OUT = frozenset({"image", "media", "font"})
_SCHEMES = ("http:", "https:", "data:", "blob:")
_START_SECONDS = 30.0
_CLOSE_SECONDS = 3.0
_SETTLE_SECONDS = 2.0  # for requests that the page makes after it has loaded
_MOST_CHARS = 3_000_000
# Computed styles are known only in here: the reader sees no style sheets of other files.
_MARK_HIDDEN = """() => {
  let left = 30000;
  for (const element of document.body ? document.body.querySelectorAll('*') : []) {
    if (!left--) break;
    const style = getComputedStyle(element);
    const unseen = style.display === 'none' || style.fontSize === '0px'
      || (parseFloat(style.opacity) === 0)
      || (style.visibility !== 'visible' && !element.firstElementChild);
    if (unseen) element.setAttribute('hidden', '');
  }
}"""


class RenderError(FetchError):
    """A page could not be rendered. The text says why, for the log; it is not for the model."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page after its scripts ran: `url` after redirects, the HTML in UTF-8."""

    url: str
    body: bytes
    content_type: str = "text/html; charset=utf-8"


def chromium_path() -> str | None:
    """The system's Chromium (or Chrome); None if there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class Renderer:
    """Renders pages, a few at a time. Belongs to one event loop (asyncio).

    Args:
        guard: Decides where pages may connect; the one of fetching.
        timeout: Seconds for one page, all in all.
        max_bytes: What one page may load.
        pages: How many are rendered at the same time.
        idle: Seconds without a page after which the browser ends.
        executable: Chromium's path; the system's if None.
    """

    def __init__(
        self,
        guard: Guard,
        timeout: float = 20.0,
        max_bytes: int = 20_000_000,
        *,
        pages: int = 2,
        idle: float = 60.0,
        executable: str | None = None,
    ) -> None:
        self._guard = guard
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._idle = idle
        self._executable = executable
        self._free = asyncio.Semaphore(pages)
        self._lock = asyncio.Lock()
        self._driver: Any = None
        self._browser: Any = None
        self._profile: tempfile.TemporaryDirectory[str] | None = None
        self._open = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether a browser runs now."""
        return self._browser is not None

    async def render(self, url: str) -> Rendered:
        """Load a page, let its scripts run, and give its HTML.

        Raises:
            AddressRefused: The URL, or where it leads, may not be loaded.
            FetchTimeout: The page did not finish in time (an endless script, a slow server).
            RenderError: No browser, an error status, a download, a page that is none.
        """
        target = self._guard.target(url)
        async with self._free:
            browser = await self._started()
            self._open += 1
            try:
                with GuardedProxy(self._guard, self._timeout, self._max_bytes) as proxy:
                    return await self._page(browser, target.url, proxy)
            finally:
                self._open -= 1
                self._rest()

    async def aclose(self) -> None:
        """End the browser; the next page starts another."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        async with self._lock:
            await self._stop()

    async def _page(self, browser: Any, url: str, proxy: GuardedProxy) -> Rendered:
        from playwright.async_api import Error
        from playwright.async_api import TimeoutError as PlaywrightTimeout

        context: Any = None
        stuck = False
        try:
            async with asyncio.timeout(self._timeout):
                context = await browser.new_context(
                    accept_downloads=False,
                    service_workers="block",
                    permissions=[],
                    proxy={
                        "server": proxy.url,
                        "bypass": "<-loopback>",
                        "username": "page",
                        "password": proxy.password,
                    },
                )
                return await self._load(context, url, proxy)
        except (TimeoutError, PlaywrightTimeout) as error:
            stuck = True
            raise FetchTimeout(f"not rendered within {self._timeout:g} s") from error
        except Error as error:
            text = str(error).split("\n", 1)[0][:300]
            raise RenderError(text) from error
        finally:
            await self._end(context, browser, stuck)

    async def _load(self, context: Any, url: str, proxy: GuardedProxy) -> Rendered:
        from playwright.async_api import TimeoutError as PlaywrightTimeout

        await context.route("**/*", _filter)
        page = await context.new_page()
        context.on("page", _close)  # only after our own: windows that the page opens
        limit = self._timeout * 1000
        response = await page.goto(url, wait_until="domcontentloaded", timeout=limit)
        if response is not None and not 200 <= response.status < 300:
            raise RenderError(f"status {response.status}")
        try:
            await page.wait_for_load_state("networkidle", timeout=_SETTLE_SECONDS * 1000)
        except PlaywrightTimeout:
            logger.debug("%s goes on loading", url)
        await page.evaluate(_MARK_HIDDEN)
        html: str = await page.content()
        shown = self._guard.target(page.url).url  # a page of the browser itself is no page
        if any(refused == shown for refused in proxy.refused):
            raise RenderError("the page is a refusal of the proxy")
        return Rendered(shown, html[:_MOST_CHARS].encode("utf-8", "replace"))

    async def _end(self, context: Any, browser: Any, stuck: bool) -> None:
        """Close a page's context. A browser that does not is ended as a whole."""
        if context is None and not stuck:
            return
        closed = context is not None and await _within(_CLOSE_SECONDS, context.close())
        if not closed:
            async with self._lock:
                if self._browser is browser:
                    logger.info("the browser hangs and is ended")
                    await self._stop()

    async def _started(self) -> Any:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        async with self._lock:
            if self._browser is not None and not self._browser.is_connected():
                await self._stop()
            if self._browser is None:
                await self._start()
            return self._browser

    async def _start(self) -> None:
        path = self._executable or chromium_path()
        if path is None:
            raise RenderError("no Chromium found; install it, for example: apt install chromium")
        try:
            from playwright.async_api import Error, async_playwright
        except ImportError as error:
            raise RenderError(
                "rendering needs Playwright; run: pip install 'glm-agent[render]'"
            ) from error
        self._profile = tempfile.TemporaryDirectory(prefix="glm-agent-render-")
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"HOME": self._profile.name, "TMPDIR": self._profile.name}
        try:
            async with asyncio.timeout(_START_SECONDS):
                self._driver = await async_playwright().start()
                self._browser = await self._driver.chromium.launch(
                    executable_path=path,
                    headless=True,
                    args=list(_ARGUMENTS),
                    env=environment,
                    chromium_sandbox=_not_root(),
                    # What the browser itself wants to load ends here: nobody listens.
                    proxy={"server": "http://127.0.0.1:9", "bypass": "<-loopback>"},
                )
        except (Error, OSError, TimeoutError) as error:
            await self._stop()
            text = str(error).split("\n", 1)[0][:300]
            raise RenderError(f"Chromium does not start: {text}") from error
        except BaseException:
            await self._stop()
            raise

    async def _stop(self) -> None:
        """Call with the lock held."""
        browser, driver, profile = self._browser, self._driver, self._profile
        self._browser = self._driver = self._profile = None
        if browser is not None:
            await _within(_CLOSE_SECONDS, browser.close())
        if driver is not None:
            await _within(_CLOSE_SECONDS, driver.stop())
        if profile is not None:
            shutil.rmtree(Path(profile.name), ignore_errors=True)
            profile.cleanup()

    def _rest(self) -> None:
        if self._open == 0 and self._browser is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._idle, self._go_idle)

    def _go_idle(self) -> None:
        self._timer = None
        if self._open == 0:
            self._closing = asyncio.ensure_future(self.aclose())


async def _filter(route: Any) -> None:
    request = route.request
    if request.resource_type in _LEFT_OUT or not request.url.lower().startswith(_SCHEMES):
        await route.abort()
    else:
        await route.continue_()


async def _close(page: Any) -> None:
    await page.close()


async def _within(seconds: float, work: Awaitable[object]) -> bool:
    """Whether something was done in time and without an error, also while being cancelled."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.shield(asyncio.wait({task}, timeout=seconds))
    if not done:
        task.cancel()
        return False
    if task.cancelled() or task.exception() is not None:
        logger.debug("closing failed: %s", None if task.cancelled() else task.exception())
        return False
    return True


def _not_root() -> bool:
    return not hasattr(os, "geteuid") or os.geteuid() != 0
