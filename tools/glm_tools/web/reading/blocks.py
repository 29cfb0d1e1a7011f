"""An HTML tree as a list of blocks of Markdown, in one iterative walk.

A block is a paragraph, a heading, a list item, a table, a piece of code. All links of the page are
numbered on the way, so that an id means the same whichever blocks are shown. Headings, tables and
code are kept as Markdown; list items are indented by two spaces, bold marks are dropped and images
are `[Image n]` (all as GLM-4's own browser writes them: THUDM/GLM-4, composite_demo/browser).

Does not do: choosing the blocks that matter (`choice.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..text import one_line, plain
from .hints import Place, outer_place
from .page import Links
from .tree import Element, Sight

_BLOCKS = frozenset(
    [
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details"),
        *("dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html", "legend"),
        *("li", "main", "menu", "nav", "ol", "p", "pre", "section", "summary", "table"),
        *("tbody", "tfoot", "thead", "tr", "td", "th", "caption", "ul", "search", "listing"),
    ]
)
_MARKED = frozenset(["a", "br", "code", "img"])  # inline elements that leave a mark
_LISTS = frozenset(["ul", "ol", "menu"])
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_SPACE = re.compile(r"[ \t\n\r\f\v]+")
_SPACES = re.compile(" {2,}")
_AROUND_BREAK = re.compile(r" *\n *")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,2}|\w+")
_NO_ATTRIBUTES: dict[str, str] = {}
_DEEPEST_TABLE = 3  # tables in tables in tables are layout; text would be copied at each level
_DEEPEST_LIST = 10
_LONGEST_CELL = 600  # characters; a table with longer ones is a layout
_MOST_CELL_BLOCKS = 3


@dataclass(slots=True)
class Block:
    """A piece of the page. `bare` is its text without marks and Markdown, in one line."""

    text: str
    tag: str
    place: Place
    bare: str
    words: int = 0
    linked: int = 0  # words in links
    links: int = 0
    heading: int = 0
    tight: bool = False  # no blank line between two of these
    rows: int = 0  # of a table


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int = 1


@dataclass(slots=True)
class _Table:
    place: Place
    rows: list[list[list[Block]]] = field(default_factory=list[list[list[Block]]])


@dataclass(slots=True)
class _Frame:
    """What a table cell keeps apart from its surroundings."""

    blocks: list[Block] = field(default_factory=list[Block])
    lists: list[_List] = field(default_factory=list[_List])
    marker: str = ""
    heading: int = 0
    quotes: int = 0


@dataclass(slots=True)
class _Anchor:
    start: int  # in `inline`
    bare: int  # in `bare`
    url: str
    spare: str


class _Writer:
    def __init__(self, links: Links) -> None:
        self.links = links
        self.frames = [_Frame()]
        self.tables: list[_Table] = []
        self.inline: list[str] = []
        self.bare: list[str] = []
        self.linked = 0
        self.link_count = 0
        self.anchor: _Anchor | None = None
        self.verbatim: list[str] | None = None
        self.nested_pre = 0
        self.table_depth = 0
        self.images = 0
        self.place = outer_place()
        self.tag = "body"

    # -- inline ------------------------------------------------------------------------------

    def text(self, text: str) -> None:
        if self.verbatim is not None:
            self.verbatim.append(plain(text))
            return
        if text.isspace():  # every other text of a page is
            if self.inline:
                self.inline.append(" ")
                self.bare.append(" ")
            return
        text = plain(text)
        self.inline.append(_SPACE.sub(" ", text))
        self.bare.append(text)

    def close_anchor(self) -> None:
        anchor = self.anchor
        if anchor is None:
            return
        self.anchor = None
        raw = "".join(self.inline[anchor.start :])
        text = " ".join(raw.split()) or anchor.spare
        del self.inline[anchor.start :]
        if not text:
            return
        self.linked += len(_WORD.findall(" ".join(self.bare[anchor.bare :])))
        self.link_count += 1
        before = " " if raw[:1].isspace() else ""
        after = " " if raw[-1:].isspace() else ""
        self.inline.append(f"{before}{self.links.mark(text, anchor.url)}{after}")

    def flush(self) -> None:
        """End the block of inline text. A link that goes on is closed and opened again."""
        if again := self.anchor:
            self.close_anchor()
            self.anchor = _Anchor(0, 0, again.url, "")
        if not self.inline:
            return
        text = _AROUND_BREAK.sub("\n", _SPACES.sub(" ", "".join(self.inline))).strip()
        bare = " ".join("".join(self.bare).split())
        self.inline.clear()
        self.bare.clear()
        linked, count, self.linked, self.link_count = self.linked, self.link_count, 0, 0
        if text:
            self.add(text, bare, linked, count)

    def add(self, text: str, bare: str, linked: int, count: int) -> None:
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
        words = len(_WORD.findall(bare))
        block = Block(text, self.tag, self.place, bare, words, min(linked, words), count)
        block.heading, block.tight = frame.heading, bool(frame.lists)
        self.place.gain(words, block.linked)
        frame.blocks.append(block)

    # -- elements ----------------------------------------------------------------------------

    def enter(self, element: Element, attributes: Mapping[str, str], leaf: bool) -> None:
        name = element.tag
        if name in _BLOCKS:
            if self.verbatim is None:
                self.flush()
            self.place = self.place.inner(element, attributes, True)
            self.tag = name
            self._enter_block(element, name)
            return
        if attributes and not leaf:  # no block can begin in a leaf
            self.place = self.place.inner(element, attributes, False)
        if name in _MARKED:
            self._enter_inline(name, attributes)

    def _enter_block(self, element: Element, name: str) -> None:
        frame = self.frames[-1]
        if name in _HEADINGS:
            frame.heading = _HEADINGS[name]
        elif name in _LISTS:
            frame.lists.append(_List(name == "ol", _start(element)))
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
        elif name in {"table", "tr", "td", "th"}:
            self._enter_table(name)

    def _enter_inline(self, name: str, attributes: Mapping[str, str]) -> None:
        if self.verbatim is not None:
            if name == "br":
                self.verbatim.append("\n")
        elif name == "br":
            self.inline.append("\n")
            self.bare.append(" ")
        elif name == "code":
            self.inline.append("`")
        elif name == "img":
            if attributes.get("width") not in {"0", "1"}:
                self.inline.append(f"[Image {self.images}]")
                self.images += 1
        elif name == "a":
            self.close_anchor()
            url = self.links.resolve(attributes.get("href", ""))
            if url:
                spare = one_line(attributes.get("aria-label") or attributes.get("title") or "", 100)
                self.anchor = _Anchor(len(self.inline), len(self.bare), url, spare)

    def _enter_table(self, name: str) -> None:
        self.table_depth += name == "table"
        if not 0 < self.table_depth <= _DEEPEST_TABLE:
            return
        if name == "table":
            self.tables.append(_Table(self.place))
        elif name == "tr":
            self.tables[-1].rows.append([])
        else:
            self.frames.append(_Frame())

    def leave(self, element: Element) -> None:
        name = element.tag
        if name in _BLOCKS:
            self._leave_block(name)
        elif name == "a":
            self.close_anchor()
        elif name == "code" and self.verbatim is None:
            self.inline.append("`")
        if self.place.element is element:
            self.place = self.place.outer or self.place
            self.tag = self.place.tag

    def _leave_block(self, name: str) -> None:
        if name == "pre":
            self.nested_pre -= 1
            if not self.nested_pre:
                self._code_block()
        if self.verbatim is None:
            self.flush()
        frame = self.frames[-1]
        if name in _HEADINGS:
            frame.heading = 0
        elif name in _LISTS and frame.lists:
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

    def _code_block(self) -> None:
        code = "".join(self.verbatim or ()).strip("\n").rstrip()
        self.verbatim = None
        if not code:
            return
        fence = "```"
        while fence in code:
            fence += "`"
        bare = " ".join(code.split())
        block = Block(f"{fence}\n{code}\n{fence}", "pre", self.place, bare)
        block.words = len(_WORD.findall(bare))
        self.place.gain(block.words, 0)
        self.frames[-1].blocks.append(block)

    def _table(self, table: _Table) -> None:
        rows = [row for row in table.rows if any(row)]
        blocks = self.frames[-1].blocks
        columns = max(map(len, rows), default=0)
        cells = [cell for row in rows for cell in row]
        if columns < 2 or len(rows) < 2 or any(map(_is_layout, cells)):
            for cell in cells:
                blocks.extend(cell)
            return
        lines: list[str] = []
        for row in rows:
            written = [" ".join(" ".join(block.text.split()) for block in cell) for cell in row]
            written = [cell.replace("|", "\\|") for cell in written] + [""] * (columns - len(row))
            lines.append(f"| {' | '.join(written)} |")
        lines.insert(1, "|" + " --- |" * columns)
        inner = [block for cell in cells for block in cell]
        whole = Block("\n".join(lines), "table", table.place, " ".join(b.bare for b in inner))
        whole.words = sum(block.words for block in inner)
        whole.linked = sum(block.linked for block in inner)
        whole.links = sum(block.links for block in inner)
        whole.rows = len(rows)
        blocks.append(whole)


def _is_layout(cell: list[Block]) -> bool:
    return len(cell) > _MOST_CELL_BLOCKS or sum(len(b.bare) for b in cell) > _LONGEST_CELL


def _start(element: Element) -> int:
    start = element.get("start", "")
    return int(start) if re.fullmatch(r"\d{1,6}", start) else 1


def blocks_of(root: Element, links: Links, sight: Sight) -> list[Block]:
    """The blocks of a tree in their order, without what a reader of the page would not see."""
    start = len(links.found)  # an entry of a feed is not its beginning
    blocks = _walk(root, links, sight)
    if sight.believe(sum(len(block.bare) for block in blocks)):
        links.forget(start)
        blocks = _walk(root, links, sight)
    return blocks


def _walk(root: Element, links: Links, sight: Sight) -> list[Block]:
    writer = _Writer(links)
    stack: list[tuple[Element, bool]] = [(root, True)]
    while stack:
        element, entering = stack.pop()
        if not entering:
            writer.leave(element)
        else:
            items = element.items()
            attributes: dict[str, str] = dict(items) if items else _NO_ATTRIBUTES
            if sight.sees(element, attributes):
                leaf = len(element) == 0
                writer.enter(element, attributes, leaf)
                if element.text:
                    writer.text(element.text)
                if not leaf:
                    stack.append((element, False))
                    stack.extend([(child, True) for child in reversed(element)])
                    continue
                writer.leave(element)
        if element is not root and (tail := element.tail):
            writer.text(tail)
    writer.flush()
    return writer.frames[0].blocks


def join(blocks: Iterable[Block]) -> str:
    """The Markdown of some blocks."""
    pieces: list[str] = []
    tight = False
    for block in blocks:
        if pieces:
            pieces.append("\n" if tight and block.tight else "\n\n")
        pieces.append(block.text)
        tight = block.tight
    return "".join(pieces)
