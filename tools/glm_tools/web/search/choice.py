"""Which search back end a setting means.

Does not do: searching.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from glm_agent.errors import ConfigurationError

from .base import SearchProvider

_SERVICES: Mapping[str, tuple[str, str]] = {
    "searxng": ("Searxng", "SEARXNG_URL"),
    "brave": ("Brave", "BRAVE_API_KEY"),
    "tavily": ("Tavily", "TAVILY_API_KEY"),
    "exa": ("Exa", "EXA_API_KEY"),
    "serper": ("Serper", "SERPER_API_KEY"),
    "zhipu": ("Zhipu", "ZHIPUAI_API_KEY"),
    "zai": ("Zai", "ZAI_API_KEY"),
}
"""Names: the class in `engines.py`, and the variable that holds the key (SearXNG: the address)."""

NAMES = ("embedded", "auto", *_SERVICES, "ddgs")


def search_provider(
    search: str | SearchProvider, key: str | None = None, url: str | None = None
) -> SearchProvider | None:
    """The back end that a setting means; None for `embedded`, which the browser has already.

    Args:
        search: `embedded`; `auto` (the first service whose variable is set, or embedded); a name
            of `NAMES`; the address of a SearXNG; or a back end of your own.
        key: The service's key, in place of its environment variable.
        url: The service's address, in place of its public one.

    Raises:
        ConfigurationError: It is none of these, its key is missing, or a package is.
    """
    if not isinstance(search, str):
        if not isinstance(search, SearchProvider):  # pyright: ignore[reportUnnecessaryIsInstance] # from YAML
            raise ConfigurationError(f"search: {search!r} is not known; use one of {_listed()}")
        return search
    if search.startswith(("http://", "https://")):
        search, url = "searxng", search
    if search == "auto":
        search = next((name for name in _SERVICES if _variable(name)), "embedded")
    if search == "embedded":
        return None
    if search == "ddgs":
        from .ddgs import Ddgs

        return Ddgs()
    if search not in _SERVICES:
        raise ConfigurationError(f"search: {search!r} is not known; use one of {_listed()}")
    if search == "searxng":
        url = url or _variable(search)
    else:
        key = key or _variable(search)
    if not (url if search == "searxng" else key):
        what = "address" if search == "searxng" else "key"
        setting = "search_url" if search == "searxng" else "search_key"
        raise ConfigurationError(
            f"search: {search} needs its {what}: set {_SERVICES[search][1]}, or {setting}"
        )
    from . import engines

    made: SearchProvider = getattr(engines, _SERVICES[search][0])(key or "", url)
    return made


def _variable(name: str) -> str:
    return os.environ.get(_SERVICES[name][1], "").strip()


def _listed() -> str:
    return ", ".join(repr(name) for name in NAMES) + " or the address of a SearXNG"
