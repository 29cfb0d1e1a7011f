"""Reading the web: guarded fetching, text extraction, and a search index over a folder.

What is exported here is loaded on first use, so that importing the package costs nothing.

Does not do: deciding what to read (`glm_tools.simple_browser` does), running scripts of a page.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fetch import Fetched, Fetcher, FetchError
    from .index import DocumentIndex
    from .reading import Link, Page, View, extract, readable
    from .search import Hit, SearchError, SearchProvider

__all__ = [
    "DocumentIndex",
    "FetchError",
    "Fetched",
    "Fetcher",
    "Hit",
    "Link",
    "Page",
    "SearchError",
    "SearchProvider",
    "View",
    "extract",
    "readable",
]

_HOME = {
    "DocumentIndex": "index",
    "FetchError": "fetch",
    "Fetched": "fetch",
    "Fetcher": "fetch",
    "Hit": "search",
    "Link": "reading",
    "Page": "reading",
    "SearchError": "search",
    "SearchProvider": "search",
    "View": "reading",
    "extract": "reading",
    "readable": "reading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
