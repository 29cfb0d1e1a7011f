"""What services answer, made plain: no markup, no duplicates, dates in one form.

Does not do: neutralising marks and control tokens (`glm_tools.web.text`, where a text is shown).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from .base import Hit

_TAG = re.compile(r"</?[A-Za-z][^<>]{0,300}>|<!--.{0,300}?-->", re.DOTALL)
# Escaped twice by some services; of these alone it is sure that they were markup.
_INLINE = re.compile(
    r"</?(?:b|strong|em|i|u|mark|span|br|p|a|h\d)(?:\s[^<>]{0,300})?/?>", re.IGNORECASE
)
_TRACKING = re.compile(r"utm_|fbclid$|gclid$|msclkid$|yclid$", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{4})[年/.](\d{1,2})[月/.](\d{1,2})")
_AGO = re.compile(r"(\d{1,4})\s*(hour|minute|day|week|month|year)s?\s+ago", re.IGNORECASE)
_DAYS = {"minute": 0, "hour": 0, "day": 1, "week": 7, "month": 30, "year": 365}
_MAX_TEXT = 1_000


def plain_text(value: Any) -> str:
    """A field of an answer as one line of text without markup; empty if it is no text."""
    if not isinstance(value, str):
        return ""
    text = html.unescape(_TAG.sub(" " if "<br" in value else "", value[: 4 * _MAX_TEXT]))
    return " ".join(_INLINE.sub("", text).split())[:_MAX_TEXT]


def day_of(value: Any, today: date) -> str:
    """A date in any form that services use, as ISO 8601; empty if it cannot be read."""
    if not isinstance(value, str):
        return ""
    text = value.strip()[:60]
    if found := _ISO.search(text):
        year, month, day = (int(part) for part in found.groups() if part)
        try:
            return date(year, month, day).isoformat()
        except ValueError:
            return ""
    if found := _AGO.search(text):
        try:
            return (today - timedelta(int(found[1]) * _DAYS[found[2].lower()])).isoformat()
        except OverflowError:
            return ""
    for form in ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%a, %d %b %Y %H:%M:%S %Z"):
        try:
            return datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    return ""


def tidy(hits: Iterable[Hit], recency_days: int, count: int, today: date) -> list[Hit]:
    """The first `count` that have a web address, each page once, without those known to be old."""
    oldest = ""
    if recency_days > 0:
        oldest = (today - timedelta(min(recency_days, 100_000))).isoformat()
    kept: dict[str, Hit] = {}
    old_pages: set[str] = set()
    for hit in hits:
        key = page_key(hit.url)
        if hit.date and hit.date < oldest:
            old_pages.add(key)
        if not key or key in old_pages:
            continue
        if key in kept:
            old = kept[key]
            if len(hit.snippet) > len(old.snippet):  # the better text, in the better place
                kept[key] = Hit(old.title or hit.title, old.url, hit.snippet, old.date or hit.date)
        elif len(kept) < count:
            kept[key] = hit
    return list(kept.values())


def page_key(url: str) -> str:
    """What different addresses of one page have in common; empty if it is no web address."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    query = [pair for pair in parse_qsl(parts.query, True) if not _TRACKING.match(pair[0])]
    place = f"{host}:{port}" if port not in {None, 80, 443} else host
    return f"{place}{parts.path.rstrip('/')}?{urlencode(query)}"


def recency(days: int) -> str:
    """The narrowest of `day`, `week`, `month`, `year` that covers so many days; empty for none."""
    if days < 1 or days > 366:
        return ""
    for limit, name in ((1, "day"), (7, "week"), (31, "month")):
        if days <= limit:
            return name
    return "year"
