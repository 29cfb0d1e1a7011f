"""Where a block stands on its page: the elements around it and what their names hint at.

Names are those of the landmarks of HTML and ARIA, and words that authors put into classes and ids.

Does not do: deciding anything by them (`choice.py` weighs them).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from .tree import Element

_LANDMARKS = {
    name: 1 << bit
    for bit, name in enumerate(
        [
            *("nav", "footer", "header", "aside", "main", "article", "section", "form", "figure"),
            *("table", "list", "li", "button", "label", "blockquote", "details", "dl"),
        ]
    )
}
_SAME = {"ul": "list", "ol": "list", "menu": "list", "summary": "details", "search": "nav"}
_ROLES = {
    "navigation": "nav",
    "banner": "header",
    "contentinfo": "footer",
    "complementary": "aside",
    "main": "main",
    "article": "article",
    "search": "form",
    "button": "button",
    "menu": "nav",
    "menubar": "nav",
    "listitem": "li",
    "list": "list",
    "tablist": "nav",
}
LANDMARKS = tuple(_LANDMARKS)
# Each is one hint, given by any of its words; `s?` may be missing, `*` is any end. A name may give
# several.
_HINTS = {
    "nav": ("nav navbar navigation menu megamenu breadcrumbs? tabs? toc pagination pager paging"),
    "edge": ("footer foot colophon bottom copyright legal header masthead topbar toolbar banner"),
    "side": "sidebar side aside rail widget widgets secondary complementary column",
    "consent": (
        "cookies? consent gdpr privacy onetrust modal popup overlay dialog drawer toast "
        "alert notice"
    ),
    "share": (
        "share sharing social follow facebook twitter newsletter subscribe subscription "
        "signup login signin register account cta"
    ),
    "related": (
        "related recommend* similar more also upsell* cross trending popular latest "
        "suggest* carousel slider swiper slick viewed"
    ),
    "advert": "ads? advert* promo* sponsor* offers? deals? campaign",
    "meta": (
        "meta byline author date time timestamp published tags? category categories "
        "info stats? count badge label avatar user username profile signature member"
    ),
    "action": (
        "btn buttons? actions? controls? toggle dropdown filters? facets? sort* "
        "search form input select options? qty quantity cart basket wishlist vote votes "
        "reply report edit quote"
    ),
    "comment": (
        "comments? discussion disqus replies answers? reviews? ratings? testimonials? feedback"
    ),
    "content": (
        "content contents article body text post posts entry story main page primary "
        "richtext rte prose markdown copy paragraph blog message messages cooked topic "
        "thread"
    ),
    "product": (
        "products? pdp item items price prices pricing sku spec specs specifications? "
        "features? details? description desc title name summary overview benefits? faq "
        "faqs accordion"
    ),
    "list": (
        "list listing lists grid cards? tile tiles results? row rows collection feed "
        "teaser archive catalog"
    ),
    "hero": "hero intro lead lede headline jumbotron heading subtitle tagline",
}
HINTS = tuple(_HINTS)
_WORD = re.compile(r"[a-z]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _words() -> tuple[dict[str, int], list[tuple[str, int]]]:
    """The hints of whole words, and of beginnings of words."""
    whole: dict[str, int] = {}
    beginnings: list[tuple[str, int]] = []
    for bit, words in enumerate(_HINTS.values()):
        for word in words.split():
            if word.endswith("*"):
                beginnings.append((word[:-1], 1 << bit))
                continue
            for spelling in {word.replace("?", ""), re.sub(r".\?", "", word)}:
                whole[spelling] = whole.get(spelling, 0) | 1 << bit
    return whole, beginnings


_WHOLE, _BEGINNINGS = _words()


class Place:
    """An element around blocks: its landmarks and hints, those of all around it, its words."""

    __slots__ = (
        "around",
        "blocks",
        "depth",
        "element",
        "hints",
        "hints_around",
        "linked",
        "outer",
        "path",
        "tag",
        "words",
    )

    def __init__(self, element: Element, outer: Place | None, tag: str) -> None:
        self.element = element
        self.outer = outer
        self.tag = tag
        self.hints = self.words = self.linked = self.blocks = 0
        if outer is None:
            self.around = self.hints_around = self.depth = self.path = 0
        else:
            self.around = outer.around
            self.hints_around = outer.hints_around
            self.depth = outer.depth + 1
            self.path = outer.path

    def inner(self, element: Element, attributes: Mapping[str, str], block: bool) -> Place:
        """The place of an element inside this one."""
        name: str = element.tag
        place = Place(element, self, name if block else self.tag)
        kind = ""
        if attributes:
            kind = attributes.get("class", "")
            role = attributes.get("role")
            if role:
                place.around |= _landmark(role.strip().lower())
            identity = attributes.get("id", "")
            if kind or identity:
                place.hints = hints_in(f"{kind} {identity}"[:300])
                place.hints_around |= place.hints
        place.around |= _LANDMARKS.get(_SAME.get(name, name), 0)
        place.path = hash((self.path, name, kind if block else ""))
        return place

    def gain(self, words: int, linked: int) -> None:
        """Count a block in this place and in those around it."""
        place: Place | None = self
        while place is not None:
            place.words += words
            place.linked += linked
            place.blocks += 1
            place = place.outer


def _landmark(role: str) -> int:
    return _LANDMARKS.get(_ROLES.get(role, ""), 0)


def outer_place() -> Place:
    """The place around a whole page."""
    return Place(None, None, "body")


@lru_cache(maxsize=8192)
def hints_in(names: str) -> int:
    """The hints of some class names and ids, as bits in the order of `HINTS`."""
    hints = 0
    for word in _WORD.findall(_CAMEL.sub("-", names).lower()):
        hints |= _hints_of(word)
    return hints


@lru_cache(maxsize=8192)
def _hints_of(word: str) -> int:
    hints = _WHOLE.get(word, 0)
    for beginning, bit in _BEGINNINGS:
        if word.startswith(beginning):
            hints |= bit
    return hints
