"""An HTML tree as Markdown-like text with numbered links, in one iterative walk.

Links are written `【id†text】` on the page's own host and `【id†text†host】` elsewhere, the same
URL always with the same id; images `[Image n]`; list items are indented by two spaces and bold
marks are dropped (all as GLM-4's own browser writes them: THUDM/GLM-4, composite_demo/browser).
Headings, tables and code are kept as Markdown.

Does not do: choosing what part of a page matters (`extraction.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urldefrag, urljoin, urlsplit

from bs4.element import CData, NavigableString, PageElement, Tag

from ..text import one_line, plain

_BLOCKS = frozenset(
    [
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details"),
        *("dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html", "legend"),
        *("li", "main", "menu", "nav", "ol", "p", "pre", "section", "summary", "table"),
        *("tbody", "tfoot", "thead", "tr", "td", "th", "caption", "ul"),
    ]
)
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_SPACE = re.compile(r"[ \t\n]+")
_AROUND_BREAK = re.compile(r" *\n *")
_DEEPEST_TABLE = 3  # tables in tables in tables are layout; text would be copied at each level
_DEEPEST_LIST = 10


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a page. `id` is the number in its mark; `url` is absolute."""

    id: int
    text: str
    url: str


class Links:
    """Numbers the links of one page."""

    def __init__(self, page_url: str, base_url: str = "") -> None:
        self._base = base_url or page_url
        self._host = _host(page_url)
        self._ids: dict[str, int] = {}
        self.found: list[Link] = []

    def resolve(self, href: str) -> str:
        """The absolute http(s) URL of a link, empty for what cannot be opened (`#`, `mailto:`)."""
        href = href.strip()
        if not href or href.startswith("#"):
            return ""
        try:
            url = urldefrag(urljoin(self._base, href)).url.replace(" ", "%20")
            return url if urlsplit(url).scheme in {"http", "https"} and _host(url) else ""
        except ValueError:
            return ""

    def mark(self, text: str, url: str) -> str:
        """The mark of a link to `url`."""
        if url not in self._ids:
            self._ids[url] = len(self.found)
            self.found.append(Link(self._ids[url], text, url))
        host = _host(url)
        return f"【{self._ids[url]}†{text}{'' if host == self._host else '†' + one_line(host)}】"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@dataclass(slots=True)
class _Block:
    text: str
    tight: bool = False  # no blank line between two of these


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int = 1


@dataclass(slots=True)
class _Table:
    rows: list[list[list[_Block]]] = field(default_factory=list[list[list[_Block]]])


@dataclass(slots=True)
class _Frame:
    """What a table cell keeps apart from its surroundings."""

    blocks: list[_Block] = field(default_factory=list[_Block])
    lists: list[_List] = field(default_factory=list[_List])
    marker: str = ""
    heading: int = 0
    quotes: int = 0


class _Writer:
    def __init__(self, links: Links) -> None:
        self.links = links
        self.frames = [_Frame()]
        self.tables: list[_Table] = []
        self.inline: list[str] = []
        self.anchor: tuple[int, str, str] | None = None  # start in `inline`, URL, spare text
        self.verbatim: list[str] | None = None
        self.nested_pre = 0
        self.table_depth = 0
        self.images = 0

    # -- inline ------------------------------------------------------------------------------

    def text(self, text: str) -> None:
        if self.verbatim is not None:
            self.verbatim.append(plain(text))
        else:
            self.inline.append(_SPACE.sub(" ", plain(text)))

    def close_anchor(self) -> None:
        if self.anchor is None:
            return
        start, url, spare = self.anchor
        raw = "".join(self.inline[start:])
        text = " ".join(raw.split()) or spare
        del self.inline[start:]
        self.anchor = None
        if text:
            before = " " if raw[:1].isspace() else ""
            after = " " if raw[-1:].isspace() else ""
            self.inline.append(f"{before}{self.links.mark(text, url)}{after}")

    def flush(self) -> None:
        """End the block of inline text. A link that goes on is closed and opened again."""
        again = self.anchor
        self.close_anchor()
        text = _AROUND_BREAK.sub("\n", re.sub(" +", " ", "".join(self.inline))).strip()
        self.inline.clear()
        if again is not None:
            self.anchor = (0, again[1], "")
        if text:
            self.add(text)

    def add(self, text: str) -> None:
        frame = self.frames[-1]
        if frame.heading:
            text = "#" * frame.heading + " " + text.replace("\n", " ")
        if frame.lists:
            indent = "  " * min(len(frame.lists), _DEEPEST_LIST)
            first = indent + (frame.marker or "  ")
            text = first + text.replace("\n", "\n" + indent + "  ")
            frame.marker = ""
        if frame.quotes:
            text = "> " + text.replace("\n", "\n> ")
        frame.blocks.append(_Block(text, tight=bool(frame.lists)))

    # -- elements ----------------------------------------------------------------------------

    def enter(self, tag: Tag) -> None:
        name = tag.name
        if name in _BLOCKS and self.verbatim is None:
            self.flush()
        frame = self.frames[-1]
        if name in _HEADINGS:
            frame.heading = _HEADINGS[name]
        elif name in {"ul", "ol", "menu"}:
            frame.lists.append(_List(name == "ol", _start(tag)))
        elif name == "li" and frame.lists:
            top = frame.lists[-1]
            frame.marker = f"{top.number}. " if top.ordered else "* "
            top.number += 1
        elif name == "blockquote":
            frame.quotes += 1
        elif name == "pre":
            self.nested_pre += 1
            if self.verbatim is None:
                self.verbatim = []
        elif name == "br":
            (self.inline if self.verbatim is None else self.verbatim).append("\n")
        elif name == "code" and self.verbatim is None:
            self.inline.append("`")
        elif name == "img":
            self._image(tag)
        elif name == "a" and self.verbatim is None:
            self.close_anchor()
            url = self.links.resolve(_attribute(tag, "href"))
            spare = one_line(_attribute(tag, "aria-label") or _attribute(tag, "title"), 100)
            self.anchor = (len(self.inline), url, spare) if url else None
        elif name in {"table", "tr", "td", "th"}:
            self._enter_table(name)

    def _enter_table(self, name: str) -> None:
        self.table_depth += name == "table"
        if not 0 < self.table_depth <= _DEEPEST_TABLE:
            return
        if name == "table":
            self.tables.append(_Table())
        elif name == "tr":
            self.tables[-1].rows.append([])
        else:
            self.frames.append(_Frame())

    def leave(self, tag: Tag) -> None:
        name = tag.name
        if name == "a":
            self.close_anchor()
        elif name == "code" and self.verbatim is None:
            self.inline.append("`")
        elif name == "pre":
            self.nested_pre -= 1
            if not self.nested_pre:
                self._code_block()
        if name in _BLOCKS and self.verbatim is None:
            self.flush()
        frame = self.frames[-1]
        if name in _HEADINGS:
            frame.heading = 0
        elif name in {"ul", "ol", "menu"} and frame.lists:
            frame.lists.pop()
        elif name == "li":
            frame.marker = ""
        elif name == "blockquote":
            frame.quotes = max(0, frame.quotes - 1)
        elif name in {"td", "th"} and 0 < self.table_depth <= _DEEPEST_TABLE:
            cell = self.frames.pop().blocks
            rows = self.tables[-1].rows
            if not rows:
                rows.append([])
            rows[-1].append(cell)
        elif name == "table":
            if self.table_depth <= _DEEPEST_TABLE:
                self._table(self.tables.pop())
            self.table_depth -= 1

    def _image(self, tag: Tag) -> None:
        if self.verbatim is None and _attribute(tag, "width") not in {"0", "1"}:
            self.inline.append(f"[Image {self.images}]")
            self.images += 1

    def _code_block(self) -> None:
        text = "".join(self.verbatim or ()).strip("\n").rstrip()
        self.verbatim = None
        if text:
            fence = "```"
            while fence in text:
                fence += "`"
            self.frames[-1].blocks.append(_Block(f"{fence}\n{text}\n{fence}"))

    def _table(self, table: _Table) -> None:
        rows = [row for row in table.rows if any(row)]
        blocks = self.frames[-1].blocks
        columns = max(map(len, rows), default=0)
        if columns < 2 or len(rows) < 2 or any(len(cell) > 3 for row in rows for cell in row):
            for row in rows:  # a layout, not data
                for cell in row:
                    blocks.extend(cell)
            return
        lines: list[str] = []
        for row in rows:
            cells = [" ".join(" ".join(block.text.split()) for block in cell) for cell in row]
            cells = [cell.replace("|", "\\|") for cell in cells] + [""] * (columns - len(cells))
            lines.append(f"| {' | '.join(cells)} |")
        lines.insert(1, "|" + " --- |" * columns)
        blocks.append(_Block("\n".join(lines)))


def _attribute(tag: Tag, name: str) -> str:
    value = tag.get(name)
    return value if isinstance(value, str) else ""


def _start(tag: Tag) -> int:
    start = _attribute(tag, "start")
    return int(start) if re.fullmatch(r"\d{1,6}", start) else 1


def to_markdown(root: Tag, links: Links, dropped: Callable[[Tag], bool]) -> str:
    """The text of a tree, leaving out the elements that `dropped` names."""
    writer = _Writer(links)
    stack: list[tuple[PageElement, bool]] = [(root, True)]
    while stack:
        node, entering = stack.pop()
        if isinstance(node, Tag):
            if not entering:
                writer.leave(node)
            elif not dropped(node):
                writer.enter(node)
                stack.append((node, False))
                stack.extend((child, True) for child in reversed(node.contents))
        elif type(node) is NavigableString or isinstance(node, CData):  # no comments, doctypes
            writer.text(str(node))
    writer.flush()
    return _join(writer.frames[0].blocks)


def _join(blocks: list[_Block]) -> str:
    pieces: list[str] = []
    tight = False
    for block in blocks:
        if pieces:
            pieces.append("\n" if tight and block.tight else "\n\n")
        pieces.append(block.text)
        tight = block.tight
    return "".join(pieces)
