"""HTML text to an lxml tree that can be walked in bounded time, and what in it a reader sees.

Before parsing, tags with hundreds of attributes lose them and nesting is cut off at a depth: both
cost a parser more than linear time. What still takes too long is ended by the worker's time limit.

Does not do: style sheets in files of their own, or rules that depend on the size of the screen:
what only those hide is taken for visible.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from lxml import etree as _etree  # pyright: ignore[reportAttributeAccessIssue] # no types

etree: Any = _etree
Element = Any  # lxml's elements carry no types

_MOST_ATTRIBUTES = 200
_LONG_TAG = 2_000
_DEEPEST = 400
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,300}>")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)([^<>]*)")
# Not counted as depth: no content, or closed by the next of their kind.
_SHALLOW = frozenset(
    [
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
        *("source", "track", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "option", "path"),
    ]
)
_SILENT = frozenset(
    [
        *("script", "style", "noscript", "template", "svg", "math", "canvas", "iframe", "object"),
        *("embed", "head", "select", "option", "datalist", "input", "textarea", "audio", "video"),
        *("map", "area", "frameset", "noframes", "title", "progress", "meter"),
    ]
)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    r"|(?<![\w-])(?:font-size|opacity)\s*:\s*0(?:\.0*)?(?![.\d])"
    r"|text-indent\s*:\s*-\d{3}|(?<![\w-])color\s*:\s*transparent"
    r"|(?<![\w-])(?:left|right|top|bottom)\s*:\s*-\d{4}"
    r"|clip\s*:\s*rect\(\s*[01](?:px)?[\s,]|clip-path\s*:\s*inset\(\s*(?:50|100)%",
    re.IGNORECASE,
)
_NO_SIZE = re.compile(
    r"(?<![\w-])(?:max-)?(?:height|width)\s*:\s*[01](?:px)?\s*(?:;|!|$)", re.IGNORECASE
)
_CLIPPED = re.compile(r"overflow(?:-[xy])?\s*:\s*(?:hidden|clip)", re.IGNORECASE)
_COLOUR = re.compile(r"(?<![\w-])(color|background(?:-color)?)\s*:\s*([^;!]+)", re.IGNORECASE)
_SCREEN_READERS = re.compile(
    r"(?<![\w-])(?:sr-only|visually-?hidden|screen-?reader(?:-text|-only)?|assistive-text"
    r"|element-invisible)(?![\w-])",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}?")
_SIMPLE_SELECTOR = re.compile(r"(?:[a-z][a-z0-9]*)?([.#][\w-]+)", re.IGNORECASE)
_LITTLE = 300  # characters: less hidden text than this is no page
_BRACE = re.compile(r"[{}]")
_MOST_STYLE = 200_000


def parse(text: str) -> Element:
    """The root of the tree of a tamed text; an empty `html` element when there is nothing.

    Raises:
        ValueError: lxml finds no document in it.
    """
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True, recover=True
    )
    try:
        data = text.encode("utf-8", "replace")
        root = etree.fromstring(b"<!doctype html>" + data, parser)
    except etree.ParserError:
        root = None
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error
    return etree.Element("html") if root is None else root


def tamed(text: str) -> str:
    """The text without the attributes of absurd tags, and without tags below `_DEEPEST`."""
    text = _XML_DECLARATION.sub("", text, count=1).replace("\0", "\ufffd")
    depth = 0
    pieces: list[str] = []
    done = 0
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if name not in _SHALLOW and not tag[3].endswith("/"):
            depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > _DEEPEST and not tag[1]:
            end = tag.end() + (text[tag.end() : tag.end() + 1] == ">")
            pieces += [text[done : tag.start()], " "]
            done = end
        elif len(tag[3]) > _LONG_TAG and len(tag[3].split()) > _MOST_ATTRIBUTES:
            pieces += [text[done : tag.start(3)]]
            done = tag.end()
    return "".join([*pieces, text[done:]]) if pieces else text


class Sight:
    """Decides whether a reader of the page would see an element, its ancestors aside.

    `styled` and `unscripted` count the characters of text left out because a style hides it, and
    because it is for readers without scripts. Pages that show themselves only after a script ran
    hide nearly everything: `believe` then takes the one or the other for visible.
    """

    def __init__(self, root: Element) -> None:
        self._hiding = _hiding_names(root)
        self._hidden: dict[tuple[str, str], bool] = {}  # by class and id
        self._styles = True
        self._noscript = False
        self.styled = self.unscripted = 0

    def sees(self, element: Element, attributes: Mapping[str, str]) -> bool:
        """Whether the element, which has these attributes, shows."""
        name = element.tag
        if name in _SILENT:
            if name != "noscript":
                return False
            if not self._noscript:
                self.unscripted += _size(element)
            return self._noscript
        if not attributes:
            return name != "dialog"
        if "hidden" in attributes or attributes.get("aria-hidden", "").strip().lower() == "true":
            return False
        if name == "dialog" and "open" not in attributes:
            return False
        names = attributes.get("class", "")
        if names and _is_for_screen_readers(names):
            return False
        style = attributes.get("style")
        if (style and _hides(style[:2000])) or (
            self._hiding and self._named(names, attributes.get("id", ""))
        ):
            if self._styles:
                self.styled += _size(element)
            return not self._styles
        return True

    def believe(self, visible: int) -> bool:
        """Whether to look again, now that `visible` characters were seen."""
        again = False
        if self.styled > max(_LITTLE, 2 * visible) and self._styles:
            self._styles, again = False, True
        if self.unscripted > max(_LITTLE, visible // 2) and not self._noscript:
            self._noscript, again = True, True
        self.styled = self.unscripted = 0
        return again

    def _named(self, names: str, identity: str) -> bool:
        key = names, identity
        found = self._hidden.get(key)
        if found is None:
            hiding = self._hiding
            found = f"#{identity}" in hiding or any(f".{name}" in hiding for name in names.split())
            self._hidden[key] = found
        return found


def _size(element: Element) -> int:
    size = 0
    for inner in element.iter():
        if inner.tag not in {"script", "style"} and inner.text and not inner.text.isspace():
            size += len(inner.text)
    return size


@lru_cache(maxsize=8192)
def _is_for_screen_readers(names: str) -> bool:
    return _SCREEN_READERS.search(names) is not None


@lru_cache(maxsize=4096)
def _hides(style: str) -> bool:
    if _HIDDEN_STYLE.search(style) or (_CLIPPED.search(style) and _NO_SIZE.search(style)):
        return True
    colours = {name.lower()[:5]: value.strip().lower() for name, value in _COLOUR.findall(style)}
    return len(colours) == 2 and len(set(colours.values())) == 1  # written in its own background


def _hiding_names(root: Element) -> Collection[str]:
    """Classes (`.x`) and ids (`#x`) that the page's own style sheet hides on every screen.

    Only rules outside of @media and the like, and only selectors of one name: what a longer one
    hides depends on where it stands.
    """
    hiding: set[str] = set()
    for style in root.iter("style"):
        if style.get("media", "all").strip().lower() not in {"", "all", "screen"}:
            continue
        text = _COMMENT.sub(" ", (style.text or "")[:_MOST_STYLE])
        for found in _RULE.finditer(_outermost(text)):
            if _HIDDEN_STYLE.search(found[2]):
                for selector in found[1].split(","):
                    if simple := _SIMPLE_SELECTOR.fullmatch(selector.strip()):
                        hiding.add(simple[1])
    return hiding


def _outermost(text: str) -> str:
    """A style sheet without its @-rules' blocks."""
    pieces: list[str] = []
    start = 0
    while (at := text.find("@", start)) >= 0:
        pieces.append(text[start:at])
        opening = text.find("{", at)
        end = text.find(";", at)
        if end >= 0 and (opening < 0 or end < opening):
            start = end + 1
            continue
        if opening < 0:
            return "".join(pieces)
        depth, start = 1, opening + 1
        for brace in _BRACE.finditer(text, start):
            depth += 1 if brace[0] == "{" else -1
            if not depth:
                start = brace.end()
                break
        else:
            return "".join(pieces)
    return "".join([*pieces, text[start:]])
