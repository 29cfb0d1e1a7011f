"""Reading: from the bytes of a page to what the model reads of it.

Does not do: fetching (`glm_tools.web.fetch`), running scripts (`glm_tools.web.rendering`).
"""

from __future__ import annotations

from .extraction import Link, Page, View, extract
from .kinds import kind_of, readable

__all__ = ["Link", "Page", "View", "extract", "kind_of", "readable"]
