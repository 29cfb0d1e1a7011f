"""The browser as a tool: action lines in, one or more observations out.

Does not do: browsing (`browser.py`), which is loaded on first use: it needs bs4 and requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from glm_agent.errors import ConfigurationError
from glm_agent.messages import ToolCall, ToolSpec
from glm_agent.tooling.base import Tool, ToolContext, ToolOutput

if TYPE_CHECKING:
    from ..web.index import DocumentIndex
    from ..web.search import SearchProvider
    from .browser import SimpleBrowser

_DESCRIPTION = (
    "Searches, opens and quotes pages: search(query), mclick(ids), open_url(url); in a long page "
    "scroll(1), find(words), back()."
)


class SimpleBrowserTool(Tool):
    """GLM-4's `simple_browser`. Sessions share the search index and nothing else.

    Args:
        search: `embedded`; `auto`; the name of a service (`searxng`, `brave`, `tavily`, `exa`,
            `serper`, `zhipu`, `zai`, `ddgs`), the address of a SearXNG, or a back end of your own.
        search_key: The service's key, in place of its environment variable.
        search_url: The service's address, in place of its public one.
        pages: The folder that the embedded search reads (.md, .txt, .html); the shipped demo pages
            if None.
        allow_private: `host:port` entries that may be loaded although they are not public.
        allow_domains: If given, nothing but these domains is loaded and shown among results.
        timeout: Seconds for loading one page or searching once.
        max_bytes: The largest page, decompressed.
        results: The most search results to show.
        page_chars: The most characters of one page to show at once.
        max_query: The longest query that leaves the machine, in characters.
        cache_bytes: How much of fetched pages is kept for a session; 0 keeps nothing.
        cache_dir: A folder where fetched pages outlive the session.
        render: When scripts of pages are run: `never`; `auto`, for pages that are empty without
            them, if Playwright and Chromium are installed; `always`.
        record: A file to record a session's traffic in; the next session begins it anew.
        replay: Such a file, played back in place of the network.

    Raises:
        ConfigurationError: A setting that cannot be.
    """

    timeout = 120.0  # of a whole call, which may hold several actions

    def __init__(
        self,
        search: str | SearchProvider = "embedded",
        pages: str | Path | None = None,
        *,
        search_key: str | None = None,
        search_url: str | None = None,
        allow_private: Sequence[str] = (),
        allow_domains: Sequence[str] | None = None,
        timeout: float = 15.0,
        max_bytes: int = 5_000_000,
        results: int = 5,
        page_chars: int = 20_000,
        max_query: int = 500,
        cache_bytes: int = 50_000_000,
        cache_dir: Path | None = None,
        render: Literal["never", "auto", "always"] = "auto",
        record: Path | None = None,
        replay: Path | None = None,
    ) -> None:
        from ..web.address import allowed_domains, allowed_hosts
        from ..web.search import search_provider

        provider = search_provider(search, search_key, search_url)
        if pages is not None and not Path(pages).is_dir():
            raise ConfigurationError(f"pages: {str(pages)!r} is not a folder")
        allowed_hosts(allow_private)
        if allow_domains is not None:
            allowed_domains(allow_domains)
        limits = {
            "timeout": timeout,
            "max_bytes": max_bytes,
            "results": results,
            "page_chars": page_chars,
            "max_query": max_query,
        }
        for name, value in limits.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:  # pyright: ignore[reportUnnecessaryIsInstance] # from YAML
                raise ConfigurationError(f"{name}: must be a number above 0, not {value!r}")
        self.spec = ToolSpec("simple_browser", _DESCRIPTION, kind="simple_browser")
        self._pages = pages
        if render not in {"never", "auto", "always"}:
            raise ConfigurationError(f"render: must be never, auto or always, not {render!r}")
        if replay is not None and not Path(replay).is_file():
            raise ConfigurationError(f"replay: {str(replay)!r} is not a file")
        if isinstance(cache_bytes, bool) or not isinstance(cache_bytes, int) or cache_bytes < 0:  # pyright: ignore[reportUnnecessaryIsInstance] # from YAML
            raise ConfigurationError(f"cache_bytes: must be 0 or more, not {cache_bytes!r}")
        self._settings: dict[str, Any] = {
            "search": provider or "embedded",
            "allow_private": tuple(allow_private),
            "allow_domains": None if allow_domains is None else tuple(allow_domains),
            "cache_bytes": cache_bytes,
            "cache_dir": cache_dir,
            "render": render,
            "record": record,
            "replay": replay,
            **limits,
        }
        self._index: DocumentIndex | None = None

    def check(self, call: ToolCall) -> str:
        """The action lines as they were written; what is wrong with one becomes its observation."""
        return call.payload

    async def run(self, arguments: str, context: ToolContext) -> list[ToolOutput]:
        """Do the actions in this session's browser."""
        browser = await context.resource(self, self._browser)
        return [
            ToolOutput(
                observation.text,
                metadata=observation.metadata,
                outcome="error" if observation.failed else "ok",
                sources=observation.sources,
            )
            for observation in await browser.act(arguments)
        ]

    async def _browser(self) -> SimpleBrowser:
        from .browser import SimpleBrowser, open_index

        if self._index is None:
            self._index = open_index(self._pages)
        return SimpleBrowser(index=self._index, **self._settings)
