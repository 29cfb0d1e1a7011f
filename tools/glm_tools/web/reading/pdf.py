"""Reading PDF with pypdf: the text page by page, links, title and date.

Does not do: text in pictures, layout (columns and tables come as the file orders them).
"""

from __future__ import annotations

import io
import logging
from typing import Any

from ..text import neutral, one_line, plain
from .meta import day_of
from .page import Links, Page

_MOST_PAGES = 300
_MOST_CHARS = 2_000_000


def read_pdf(data: bytes, url: str) -> Page:
    """A document as a page; without text if it is damaged, encrypted or made of pictures."""
    import pypdf
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it reports every oddity of a file
    links = Links(url)
    pieces: list[str] = []
    title = date = ""
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        title, date = _card(reader)
        size = 0
        for number, page in enumerate(reader.pages):
            if number >= _MOST_PAGES or size > _MOST_CHARS:
                pieces.append("(The document goes on.)")
                break
            text = _page(page, links)
            size += len(text)
            if text:
                pieces.append(text)
    # What a damaged file makes pypdf raise is not documented; what was read until then stays.
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        logging.getLogger(__name__).info("PDF: %s: %s", type(error).__name__, error)
    except (RecursionError, AssertionError, NotImplementedError, OSError, ImportError) as error:
        logging.getLogger(__name__).info("PDF: %s: %s", type(error).__name__, error)
    markdown = neutral("\n\n".join(pieces))
    if not title and markdown:
        title = one_line(markdown.split("\n", 1)[0], 120)
    return Page(url, title, markdown, tuple(links.found), "utf-8", date)


def _card(reader: Any) -> tuple[str, str]:
    information = reader.metadata
    if not information:
        return "", ""
    title = one_line(str(information.get("/Title") or ""))
    created = str(information.get("/ModDate") or information.get("/CreationDate") or "")
    return title, day_of(created.removeprefix("D:")[:8])


def _page(page: Any, links: Links) -> str:
    text = plain(page.extract_text() or "").strip()
    marks: list[str] = []
    for reference in page.get("/Annots") or ():
        action: Any = reference.get_object().get("/A")
        uri = str((action or {}).get("/URI") or "")
        if target := links.resolve(uri):
            mark = links.mark(one_line(target, 100), target)
            if mark not in marks:
                marks.append(mark)
    if marks:
        text = f"{text}\n\nLinks: {' '.join(marks)}"
    return text
