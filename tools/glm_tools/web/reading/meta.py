"""What a page says of itself: title, date, language, description, and what kind of page it is.

Read from `title` and headings, `meta` tags (Open Graph, Dublin Core, schema.org), linked data
(JSON-LD) and `time` elements, in this order.

Does not do: guessing a date from running text or the URL; checking that any of it is true.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, cast
from urllib.parse import urlsplit

from ..text import one_line
from .tree import Element

_DATES = (
    *("article:published_time", "datepublished", "og:published_time", "dc.date.issued"),
    *("dcterms.created", "citation_publication_date", "parsely-pub-date", "sailthru.date"),
    *("pubdate", "publish-date", "date", "dc.date", "dcterms.date"),
    *("article:modified_time", "datemodified", "og:updated_time", "last-modified"),
)
_DESCRIPTIONS = ("description", "og:description", "twitter:description")
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)|(\d{4})(\d{2})(\d{2})(?!\d)")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}")
_FORUM = re.compile(
    r"(?<![a-z])(?:forums?|community|threads?|topics?|discussions?|boards?|questions)(?![a-z])"
)
_TITLE_HYPHENS = 3  # in the last name of a path
_MOST_DATA = 300_000  # characters of linked data
_MOST_NODES = 2_000


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a page besides its blocks.

    `kind` holds words of its own such as `article`; `url_kind` is what its URL looks like:
    `article` (it ends in a title), `forum` or nothing.
    """

    title: str = ""
    description: str = ""
    kind: str = ""
    date: str = ""
    language: str = ""
    path_depth: int = 0
    url_kind: str = ""


def known_of(root: Element, url: str) -> Known:
    """What a page says of itself."""
    named: dict[str, str] = {}
    for meta in root.iter("meta"):
        content = meta.get("content")
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        name = name or meta.get("http-equiv")
        if content and name and len(named) < 200:
            named.setdefault(name.strip().lower(), content)
    kinds: list[str] = [named.get("og:type", "")]
    published = modified = headline = ""
    for node in _linked_data(root):
        kind = node.get("@type")
        kinds += [k for k in (kind if isinstance(kind, list) else [kind]) if isinstance(k, str)]  # pyright: ignore[reportUnknownVariableType]
        published = published or _text(node.get("datePublished"))
        modified = modified or _text(node.get("dateModified"))
        headline = headline or _text(node.get("headline"))
    time = next((t.get("datetime") for t in root.iter("time") if t.get("datetime")), "")
    dates = [named.get(name, "") for name in _DATES]
    dates[2:2] = [published]
    language = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang")
    language = language or named.get("content-language") or named.get("og:locale") or ""
    found = _LANGUAGE.match(language.strip())
    return Known(
        _title(root) or one_line(named.get("og:title", "")) or one_line(headline),
        one_line(next((named[name] for name in _DESCRIPTIONS if named.get(name)), ""), 1000),
        " ".join(kinds).lower()[:500],
        next((day for text in [*dates, modified, time] if (day := day_of(text))), ""),
        found[0].replace("_", "-") if found else "",
        *_from_url(url),
    )


def day_of(text: str) -> str:
    """The day, as ISO 8601, at the beginning of a date; empty if there is none."""
    found = _DATE.match(text.strip())
    if found is None:
        return ""
    year, month, day = (int(group) for group in found.groups() if group)
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def _title(root: Element) -> str:
    for name in ("title", "h1"):
        for element in root.iter(name):
            if title := one_line(" ".join(element.itertext())[:2000]):
                return title
    return ""


def _from_url(url: str) -> tuple[int, str]:
    """How many names the path has, and what kind of page it looks like."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return 0, ""
    names = [name for name in parts.path.split("/") if name]
    kind = ""
    if _FORUM.search(f"{host}{parts.path}".lower()):
        kind = "forum"
    elif names and names[-1].count("-") >= _TITLE_HYPHENS:
        kind = "article"
    return len(names), kind


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _linked_data(root: Element) -> Iterator[dict[str, Any]]:
    """The objects of a page's JSON-LD, outer ones first."""
    left = _MOST_NODES
    for script in root.iter("script"):
        if script.get("type", "").strip().lower() != "application/ld+json":
            continue
        try:
            waiting: list[object] = [json.loads((script.text or "")[:_MOST_DATA], strict=False)]
        except (ValueError, RecursionError):
            continue
        while waiting and left:
            left -= 1
            node = waiting.pop(0)
            if isinstance(node, dict):
                fields = cast("dict[str, Any]", node)
                yield fields
                waiting += [v for v in fields.values() if isinstance(v, dict | list)]
            elif isinstance(node, list):
                waiting += cast("list[object]", node)
