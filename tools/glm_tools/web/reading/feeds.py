"""Reading feeds (RSS, Atom, RDF): a heading for each entry, with its link, date and text.

`feedparser` knows the dialects; what entries hold as HTML is read like a page.

Does not do: following the feed's links.
"""

from __future__ import annotations

import io
from typing import Any, cast

from ..text import neutral, one_line, plain
from .blocks import blocks_of, join
from .page import Links, Page
from .tree import Sight, parse, tamed

_MOST_ENTRIES = 200


def read_feed(data: bytes, url: str, content_type: str) -> Page:
    """A feed as a page; without text if it has no entries."""
    import feedparser

    parser: Any = feedparser
    # From a stream: given a string, feedparser would take it for a URL or a file name.
    feed: Any = parser.parse(
        io.BytesIO(data),
        response_headers={"content-type": content_type, "content-location": url},
        sanitize_html=False,
    )
    links = Links(url)
    about: Any = feed.feed
    title = one_line(_text(about, "title"))
    pieces = [f"# {title}"] if title else []
    if subtitle := one_line(_text(about, "subtitle"), 500):
        pieces.append(subtitle)
    for entry in cast("list[Any]", feed.entries)[:_MOST_ENTRIES]:
        name = one_line(_text(entry, "title")) or "(no title)"
        target = links.resolve(_text(entry, "link"))
        pieces.append(f"## {links.mark(name, target) if target else name}")
        if day := _day(entry):
            pieces.append(day)
        if body := _body(entry, links):
            pieces.append(body)
    date = next((day for entry in feed.entries if (day := _day(entry))), _day(about))
    return Page(
        url,
        title,
        neutral("\n\n".join(pieces)),
        tuple(links.found),
        _text(feed, "encoding") or "utf-8",
        date,
        one_line(_text(about, "language"), 20),
    )


def _body(entry: Any, links: Links) -> str:
    contents: list[Any] = entry.get("content") or []
    html = next((_text(content, "value") for content in contents), "") or _text(entry, "summary")
    if "<" not in html and "&" not in html:
        return plain(html).strip()
    root = parse(tamed(html))
    return join(blocks_of(root, links, Sight(root)))


def _day(entry: Any) -> str:
    moment: Any = entry.get("published_parsed") or entry.get("updated_parsed")
    return "{:04}-{:02}-{:02}".format(*moment[:3]) if moment else ""


def _text(holder: Any, name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
