"""From the bytes of a page to what the model reads: title, Markdown with numbered links, date.

Two views: `main` leaves out navigation, blocks of nothing but links and other furniture, `full`
keeps them. Scripts, styles and hidden elements are in neither. Whatever a page says is made
harmless by `text.py`. Bytes that are not HTML are read by their content type: JSON, Markdown,
plain text.

Does not do: PDF and other documents; running scripts; stopping a parse (cap the bytes instead).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bs4 import BeautifulSoup
from bs4.element import Tag

from ..text import neutral, one_line, plain
from .charset import decode
from .markdown import Link, Links, to_markdown

__all__ = ["Link", "Page", "View", "extract"]

View = Literal["main", "full"]

_MAX_CHARS = 3_000_000  # of source; parsing more takes seconds
_SILENT = frozenset(
    [
        *("script", "style", "noscript", "template", "svg", "math", "canvas", "iframe", "object"),
        *("embed", "head", "select", "option", "datalist", "input", "button", "textarea", "audio"),
        *("video", "map", "area", "frameset"),
    ]
)
_FURNITURE = frozenset(["nav", "aside", "footer", "dialog"])
_FURNITURE_ROLES = frozenset(
    ["navigation", "banner", "contentinfo", "complementary", "search", "dialog"]
)
_FURNITURE_NAME = re.compile(
    r"(^|[\s_-])(cookies?|consent|breadcrumbs?|sidebar|navbar|menu|share|social|newsletter|advert)"
    r"([\s_-]|$)",
    re.IGNORECASE,
)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])",
    re.IGNORECASE,
)
_DENSE = 0.6  # share of link text from which a block counts as navigation
_ONLY_LINKS = 0.5  # the same for a line of Markdown
_DATES = (
    "article:published_time",
    "article:modified_time",
    "datepublished",
    "date",
    "dc.date",
    "pubdate",
)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,300}>")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


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


def extract(data: bytes, url: str, content_type: str = "", *, view: View = "main") -> Page:
    """Read a page. Never raises for what is in it; at worst the text is empty.

    Args:
        data: The body, decompressed.
        url: Where it came from; relative links start here.
        content_type: The Content-Type header; empty means HTML.
        view: `main` for the text alone, `full` with navigation.
    """
    text, charset = decode(data, content_type)
    text = text[:_MAX_CHARS]
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json"):
        return Page(url, "", neutral(plain(_pretty(text))).strip(), charset=charset)
    if kind in {"text/markdown", "text/x-markdown"}:
        return _markdown(text, url, charset, view)
    if kind.startswith("text/") and kind not in {"text/html", "text/xml"}:
        return Page(url, "", neutral(plain(text)).strip(), charset=charset)
    return _html(text, url, charset, view)


def _html(text: str, url: str, charset: str, view: View) -> Page:
    # bs4 warns about XML and about text without tags; both are what we want here.
    soup = BeautifulSoup(f"<!doctype html>{_XML_DECLARATION.sub('', text, count=1)}", "lxml")
    base = soup.find("base", href=True)
    base_url = Links(url).resolve(_value(base, "href")) if isinstance(base, Tag) else ""
    body = soup.body or soup

    def render(root: Tag, dropped: Callable[[Tag], bool]) -> tuple[str, list[Link]]:
        links = Links(url, base_url)
        return neutral(to_markdown(root, links, dropped)), links.found

    markdown, links = render(*_main(body)) if view == "main" else ("", [])
    if not markdown:
        markdown, links = render(body, _unseen)
    html = soup.html
    return Page(
        url=url,
        title=_title(soup),
        markdown=markdown,
        links=tuple(links),
        charset=charset,
        date=_date(soup),
        language=one_line(_value(html, "lang"), 20) if html else "",
    )


def _value(tag: Tag, name: str) -> str:
    value = tag.get(name)
    return value if isinstance(value, str) else " ".join(value or ())


def _unseen(tag: Tag) -> bool:
    """Whether a reader of the page would not see this element."""
    if tag.name in _SILENT or not tag.attrs:
        return tag.name in _SILENT
    if tag.has_attr("hidden") or _value(tag, "aria-hidden").lower() == "true":
        return True
    return bool(_HIDDEN_STYLE.search(_value(tag, "style")))


def _is_furniture(tag: Tag) -> bool:
    if tag.name in _FURNITURE or _value(tag, "role").lower() in _FURNITURE_ROLES:
        return True
    if tag.name in {"body", "html", "main", "article"}:
        return False
    return bool(_FURNITURE_NAME.search(f"{_value(tag, 'id')} {_value(tag, 'class')}"))


def _main(body: Tag) -> tuple[Tag, Callable[[Tag], bool]]:
    """Where the main text is, and what in it to leave out.

    Furniture and blocks of links are only left out while most of the text stays: on a listing,
    a directory or a table of contents the links are the text.
    """
    sizes = _sizes(body)
    whole = sizes[id(body)][0]
    roots = [
        tag
        for tag in body.find_all(["main", "article"])
        if sizes.get(id(tag), (0, 0))[0] * 2 > whole
    ]
    root = roots[-1] if roots else body
    total = sizes.get(id(root), (0, 0))[0]
    furniture: set[int] = set()
    dense: set[int] = set()
    lost_furniture = lost_dense = 0
    stack = [root]
    while stack:
        tag = stack.pop()
        for child in tag.contents:
            if not isinstance(child, Tag) or id(child) not in sizes:
                continue
            size, linked = sizes[id(child)]
            if _is_furniture(child):
                furniture.add(id(child))
                lost_furniture += size
            elif (
                child.name in {"ul", "ol", "div", "table", "p"}
                and linked > _DENSE * size
                and (len(child.contents) > 1)
            ):
                dense.add(id(child))
                lost_dense += size
            else:
                stack.append(child)
    if lost_furniture > 0.8 * total:
        furniture.clear()
        lost_furniture = 0
    if lost_dense > 0.5 * (total - lost_furniture):
        dense.clear()
    unwanted = furniture | dense
    return root, lambda tag: id(tag) in unwanted or _unseen(tag)


def _sizes(body: Tag) -> dict[int, tuple[int, int]]:
    """For each visible element, by identity: characters of text, and those of them in links."""
    sizes: dict[int, tuple[int, int]] = {}
    order: list[tuple[Tag, bool]] = []
    stack = [(body, False)]
    while stack:
        tag, linked = stack.pop()
        if _unseen(tag):
            continue
        linked = linked or tag.name == "a"
        order.append((tag, linked))
        stack.extend((child, linked) for child in tag.contents if isinstance(child, Tag))
    for tag, linked in reversed(order):  # children before parents
        size = links = 0
        for child in tag.contents:
            if isinstance(child, Tag):
                inner = sizes.get(id(child), (0, 0))
                size, links = size + inner[0], links + inner[1]
            else:
                size += len(str(child).strip())
        sizes[id(tag)] = (size, size if linked else links)
    return sizes


def _title(soup: BeautifulSoup) -> str:
    for name in ("title", "h1"):
        found = soup.find(name)
        if isinstance(found, Tag) and (title := one_line(found.get_text(" "))):
            return title
    return ""


def _date(soup: BeautifulSoup) -> str:
    known: dict[str, str] = {}
    for meta in soup.find_all("meta", content=True, limit=200):
        name = _value(meta, "property") or _value(meta, "name") or _value(meta, "itemprop")
        known.setdefault(name.lower(), _value(meta, "content"))
    candidates = [known.get(name, "") for name in _DATES]
    time = soup.find("time", datetime=True)
    if isinstance(time, Tag):
        candidates.append(_value(time, "datetime"))
    for candidate in candidates:
        if found := _ISO_DATE.match(candidate.strip()):
            return found[0]
    return ""


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        return text


_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_MD_SPAN = re.compile(
    r"(?P<code>`[^`\n]*`)"
    r"|(?P<image>!\[[^\]\n]*\]\([^()\s]*(?:\s+\"[^\"\n]*\")?\))"
    r"|\[(?P<text>[^\[\]\n]+)\]\(<?(?P<href>[^<>\s]*?)>?(?:\s+\"[^\"\n]*\")?\)"
    r"|(?P<bold>\*\*|__)"
)


def _markdown(text: str, url: str, charset: str, view: View) -> Page:
    """Markdown is nearly what the model reads: links and images get marks, bold is dropped."""
    title, lines = _split_markdown(plain(text).strip())
    if view == "main":
        kept = [(line, code) for line, code in lines if code or not _only_links(line)]
        if 2 * sum(len(line) for line, _ in kept) > sum(len(line) for line, _ in lines):
            lines = kept
    links = Links(url)
    images = 0

    def span(found: re.Match[str]) -> str:
        nonlocal images
        if found["code"]:
            return found[0]
        if found["image"]:
            images += 1
            return f"[Image {images - 1}]"
        if found["bold"]:
            return ""
        target = links.resolve(found["href"])
        return links.mark(found["text"].strip(), target) if target else found["text"]

    written = [line if code else _MD_SPAN.sub(span, line) for line, code in lines]
    return Page(
        url, one_line(title), neutral("\n".join(written)).strip(), tuple(links.found), charset
    )


def _split_markdown(text: str) -> tuple[str, list[tuple[str, bool]]]:
    """The first heading, and the lines, each with whether it is code."""
    title = fence = ""
    lines: list[tuple[str, bool]] = []
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        inside = bool(fence)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and not title and line.startswith("# "):
            title = line[2:]
        lines.append((line.rstrip(), inside or bool(mark)))
    return title, lines


def _only_links(line: str) -> bool:
    """Whether a line of Markdown is mostly links, such as "See also: …"."""
    linked = [found["text"] for found in _MD_SPAN.finditer(line) if found["text"]]
    rest = _MD_SPAN.sub("", line)
    return bool(linked) and sum(map(len, linked)) >= _ONLY_LINKS * (
        len(rest.strip()) + sum(map(len, linked))
    )
