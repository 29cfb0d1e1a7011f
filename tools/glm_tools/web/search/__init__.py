"""Search back ends: services over HTTP, and the protocol for one of your own.

Does not do: the embedded search over a folder (`glm_tools.web.index`).
"""

from __future__ import annotations

from .base import Hit, SearchError, SearchProvider
from .choice import search_provider

__all__ = ["Hit", "SearchError", "SearchProvider", "search_provider"]
