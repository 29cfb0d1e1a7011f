"""`extract`: from the bytes of a page to what the model reads, title, Markdown, links, date.

Two views: `main` leaves out navigation and other furniture, `full` keeps them. Scripts, styles and
hidden elements are in neither, and whatever a page says is made harmless by `text.py`. HTML, feeds
and PDF are parsed in a worker process that is killed when a page takes too long.

Does not do: fetching, running scripts, text in pictures.
"""

from __future__ import annotations

import logging

from .kinds import kind_of
from .page import Page, View
from .worker import ReadError, Readers, default_readers

logger = logging.getLogger(__name__)

_SMALL = 200_000  # bytes of plain text or JSON that are read in this process: there is no parsing


def extract(
    data: bytes,
    url: str,
    content_type: str = "",
    *,
    view: View = "main",
    readers: Readers | None = None,
) -> Page:
    """Read a page. Never raises for what is in it; a page that cannot be read has no text.

    Args:
        data: The body, decompressed.
        url: Where it came from; relative links start here.
        content_type: The Content-Type header; empty means that the body tells, HTML if in doubt.
        view: `main` for the main text, `full` with navigation.
        readers: The worker processes; those of this process if None.
    """
    kind = kind_of(data, content_type)
    if kind == "unknown" or not data:
        return Page(url, "", "")
    if kind in {"text", "markdown", "json"} and len(data) <= _SMALL:
        from .child import read_here

        return read_here(data, url, content_type, view)
    try:
        return (readers or default_readers()).read(data, url, content_type, view)
    except ReadError as error:
        logger.warning("could not read %s: %s: %s", url, type(error).__name__, error)
        return Page(url, "", "")
