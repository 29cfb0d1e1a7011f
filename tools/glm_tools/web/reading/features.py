"""What is known of each block of a page, as numbers: its text, its place, its neighbours.

Does not do: weighing them (`choice.py`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from .blocks import Block
from .hints import HINTS, LANDMARKS, Place
from .meta import Known

_PUNCTUATION = ".,;:!?，。；：！？、"
_SENTENCE_END = re.compile(r"[.!?。！？…:：][\"'”’)\]]?$")
_DIGIT = re.compile(r"\d")
_MONEY = re.compile(r"[$€£¥₹]\s?\d|\d\s?(?:€|£|kr|zł|USD|EUR|元)")
_DATE = re.compile(
    r"\b(?:(?:19|20)\d\d\b|\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|(?:ago|yesterday|today)\b"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b)"
)
_BOILERPLATE = (
    *("©", "copyright", "all rights reserved", "privacy policy", "terms of use"),
    *("terms of service", "cookie", "subscribe", "sign in", "sign up", "log in", "login"),
    *("newsletter", "share this", "share on", "follow us", "skip to", "your email"),
    *("related posts", "related articles", "related products", "you may also", "add to cart"),
    *("add to bag", "add to basket", "add to wishlist", "read more", "learn more", "view all"),
    *("show more", "load more", "shipping", "free delivery", "gift card", "customer service"),
    *("contact us", "about us", "careers", "facebook", "instagram", "linkedin", "pinterest"),
)
_TAGS = ("p", "li", "div", "td", "table", "pre", "dd", "dt", "blockquote", "section", "article")
_TAG_ROWS = {tag: tuple(float(tag == other) for other in _TAGS) for tag in _TAGS}
_NO_TAG = (0.0,) * len(_TAGS)
_UPWARDS = 4
_NEAR = 6  # of `_local`, that count of the blocks before and after too


_log = math.log1p


def features(blocks: Sequence[Block], known: Known) -> list[list[float]]:
    """A row of numbers for each block."""
    total = sum(block.words for block in blocks) or 1
    linked = sum(block.linked for block in blocks)
    long = sum(block.words for block in blocks if block.words > 25)
    count = len(blocks) or 1
    page = [
        _log(total),
        linked / total,
        long / total,
        _log(count),
        float("article" in known.kind or "posting" in known.kind or "blog" in known.kind),
        float("product" in known.kind),
        float("collection" in known.kind or "itemlist" in known.kind),
        float(min(known.path_depth, 6)),
    ]
    alike = Counter(block.place.path for block in blocks)
    alike_words = Counter[int]()
    seen = Counter[str]()
    for block in blocks:
        alike_words[block.place.path] += block.words
    title = set(known.title.lower().split())
    description = set(known.description.lower().split())
    first_heading = next((n for n, block in enumerate(blocks) if block.heading == 1), -1)
    local = [_local(block) for block in blocks]
    nothing = [0.0] * _NEAR
    surroundings: dict[Place, list[float]] = {}
    rows: list[list[float]] = []
    words_before = 0
    last_heading = last_long = -1
    for n, block in enumerate(blocks):
        place = block.place
        around = surroundings.get(place)
        if around is None:
            around = surroundings[place] = _surroundings(place, total)
        words = set(block.bare.lower().split()) if block.words < 60 else set[str]()
        seen[block.bare] += 1
        row = [
            *local[n],
            n / count,
            words_before / total,
            _log(n),
            _log(count - n),
            float(first_heading >= 0),
            max(-50.0, min(50.0, float(n - first_heading))) if first_heading >= 0 else -60.0,
            min(30.0, float(n - last_heading)) if last_heading >= 0 else 40.0,
            min(30.0, float(n - last_long)) if last_long >= 0 else 40.0,
            float(blocks[last_heading].heading) if last_heading >= 0 else 0.0,
            _log(alike[place.path]),
            alike_words[place.path] / total,
            float(seen[block.bare] > 1),
            len(words & title) / len(words) if words else 0.0,
            len(words & description) / len(words) if words else 0.0,
            *around,
            *(local[n - 1][:_NEAR] if n else nothing),
            *(local[n + 1][:_NEAR] if n + 1 < count else nothing),
            *page,
        ]
        rows.append(row)
        words_before += block.words
        if block.heading:
            last_heading = n
        if block.words > 25:
            last_long = n
    return rows


def _local(block: Block) -> list[float]:
    text, words, place = block.bare, block.words, block.place
    size = len(text) or 1
    start = text if size <= 1000 else text[:1000]
    digits = len(_DIGIT.findall(start))
    start_size = min(size, 1000)
    lowered = text[:600].lower()
    return [
        _log(words),
        block.linked / words if words else float(block.links > 0),
        float(block.heading),
        float(_SENTENCE_END.search(text[-3:]) is not None),
        sum(map(start.count, _PUNCTUATION)) / start_size,
        float(block.tag == "li" or block.tight),
        _log(block.links),
        _log(size / (words or 1)),
        digits / start_size,
        sum(map(str.isupper, text[:200])) / min(size, 200),
        float(digits > 0 and _MONEY.search(text[:300]) is not None),
        float(words < 40 and _DATE.search(lowered[:300]) is not None),
        float(sum(map(lowered.count, _BOILERPLATE))) if words else 0.0,
        float(text[:1].islower()),
        float("[Image" in block.text),
        float(block.rows),
        float(place.depth),
        *_TAG_ROWS.get(block.tag, _NO_TAG),
        *_bits(place.around, len(LANDMARKS)),
        *_bits(place.hints_around, len(HINTS)),
    ]


@lru_cache(maxsize=4096)
def _bits(mask: int, count: int) -> tuple[float, ...]:
    return tuple(float(mask >> bit & 1) for bit in range(count))


def _surroundings(place: Place, total: int) -> list[float]:
    """Sizes and densities of the elements around a block, nearest first, and their own hints."""
    row: list[float] = []
    near = 0
    at = place
    for _ in range(_UPWARDS):
        if at.outer is None:
            row += [1.0, 0.0, 8.0]
            continue
        near |= at.hints
        row += [
            at.words / total,
            at.linked / at.words if at.words else 0.0,
            _log(at.blocks),
        ]
        at = at.outer
    return [*row, *_bits(near, len(HINTS))]
