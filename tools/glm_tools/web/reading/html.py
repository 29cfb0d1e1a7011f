"""Reading HTML: its blocks, the main ones of them, title, date and language.

Does not do: running scripts (`glm_tools.web.rendering`).
"""

from __future__ import annotations

from ..text import neutral
from .blocks import blocks_of, join
from .choice import main_blocks
from .meta import known_of
from .page import Links, Page, View
from .tree import Element, Sight, parse, tamed


def read_html(text: str, url: str, charset: str, view: View) -> Page:
    """A page. The ids of links are the same in both views."""
    text = tamed(text)
    root = parse(text)
    known = known_of(root, url)
    links = Links(url, _base(root, url))
    body = next(root.iter("body"), root)
    blocks = blocks_of(body, links, Sight(root))
    if view == "main":
        blocks = main_blocks(blocks, known, text)
    markdown = neutral(join(blocks)) or known.description
    return Page(url, known.title, markdown, tuple(links.found), charset, known.date, known.language)


def _base(root: Element, url: str) -> str:
    for base in root.iter("base"):
        if href := base.get("href"):
            return Links(url).resolve(href)
    return ""
