"""What reading a page gives: the page, its links, and the numbering of links.

Links are written `【id†text】` on the page's own host and `【id†text†host】` elsewhere, one URL
always with one id, as GLM-4's own browser writes them (THUDM/GLM-4, composite_demo/browser).

Does not do: opening links.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urldefrag, urljoin, urlsplit

from ..text import one_line

View = Literal["main", "full"]

_LONGEST_URL = 4000  # what `fetch.py` refuses needs no id
# Most links are one of these two, and joining them with the page's own URL is joining strings.
_REST = r"[A-Za-z0-9_][A-Za-z0-9_/%~+,=&-]*(?:\.[A-Za-z0-9]+)?(?:\?[A-Za-z0-9_%.~+,=&/-]+)?"
_ON_HOST = re.compile(rf"/{_REST}")
_WHOLE = re.compile(rf"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*)/(?:{_REST})?")


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a page. `id` is the number in its mark; `url` is absolute."""

    id: int
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it can be read. `date` is ISO 8601 and `language` a tag such as `en`, if known."""

    url: str
    title: str
    markdown: str
    links: tuple[Link, ...] = ()
    charset: str = "utf-8"
    date: str = ""
    language: str = ""


class Links:
    """Numbers the links of one page, in the order in which they are met."""

    def __init__(self, page_url: str, base_url: str = "") -> None:
        self._base = base_url or page_url
        self._origin = _origin_of(self._base)
        self._host = host_of(page_url)
        self._ids: dict[str, int] = {}
        self._resolved: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self.found: list[Link] = []

    def forget(self, start: int) -> None:
        """Number again from `start` on."""
        for link in self.found[start:]:
            del self._ids[link.url]
        del self.found[start:]

    def resolve(self, href: str) -> str:
        """The absolute http(s) URL of a link, empty for what cannot be opened (`#`, `mailto:`)."""
        href = href.strip()
        if not href or href.startswith("#") or len(href) > _LONGEST_URL:
            return ""
        known = self._resolved.get(href)
        if known is None:
            known = self._resolved[href] = self._absolute(href)
        return known

    def _absolute(self, href: str) -> str:
        if self._origin and _ON_HOST.fullmatch(href):
            return self._origin + href
        if whole := _WHOLE.fullmatch(href):
            self._hosts[href] = whole[1]
            return href
        try:
            url = urldefrag(urljoin(self._base, href)).url.replace(" ", "%20")
            return url if urlsplit(url).scheme in {"http", "https"} and host_of(url) else ""
        except ValueError:
            return ""

    def mark(self, text: str, url: str) -> str:
        """The mark of a link to `url`."""
        if url not in self._ids:
            self._ids[url] = len(self.found)
            self.found.append(Link(self._ids[url], text, url))
        host = self._hosts.get(url)
        if host is None:
            host = self._hosts[url] = host_of(url)
        return f"【{self._ids[url]}†{text}{'' if host == self._host else '†' + one_line(host)}】"


def _origin_of(url: str) -> str:
    """The beginning of a web page's URL up to the path, empty for other URLs."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else ""


def host_of(url: str) -> str:
    """The host of a URL, empty if it has none or is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
