"""Reading: from the bytes of a page to what the model reads of it.

Does not do: fetching (`glm_tools.web.fetch`), running scripts (`glm_tools.web.rendering`).
"""

from __future__ import annotations

from .extraction import extract
from .kinds import kind_of, readable
from .page import Link, Page, View
from .worker import ReadError, Readers, ReadTimeout

__all__ = [
    "Link",
    "Page",
    "ReadError",
    "ReadTimeout",
    "Readers",
    "View",
    "extract",
    "kind_of",
    "readable",
]
