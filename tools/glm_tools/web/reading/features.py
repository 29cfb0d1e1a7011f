"""What is known of each block of a page, as numbers: its text, its place, its neighbours.

Does not do: weighing them (`choice.py`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from .blocks import Block
from .hints import HINTS, LANDMARKS, Place
from .meta import Known

_PUNCTUATION = re.compile(r"[.,;:!?，。；：！？、]")
_SENTENCE_END = re.compile(r"[.!?。！？…:：][\"'”’)\]]?$")
_DIGIT = re.compile(r"\d")
_MONEY = re.compile(r"[$€£¥₹]\s?\d|\d\s?(?:€|£|kr|zł|USD|EUR|元)")
_DATE = re.compile(
    r"\b(?:19|20)\d\d\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b(?:ago|yesterday|today)\b"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(
    r"©|copyright|all rights reserved|privacy policy|terms of (?:use|service)|cookie|subscribe"
    r"|sign (?:in|up)|log ?in|newsletter|share (?:this|on)|follow us|skip to|your email"
    r"|related (?:posts|articles|products)|you may also|add to (?:cart|bag|basket|wishlist)"
    r"|read more|learn more|view all|show more|load more|shipping|free delivery|gift card"
    r"|customer service|contact us|about us|careers|facebook|instagram|linkedin|pinterest",
    re.IGNORECASE,
)
_TAGS = ("p", "li", "div", "td", "table", "pre", "dd", "dt", "blockquote", "section", "article")
_UPWARDS = 4


def _log(number: float) -> float:
    return math.log1p(number)


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
    nothing = [0.0] * len(local[0]) if local else []
    rows: list[list[float]] = []
    words_before = 0
    last_heading = last_long = -1
    for n, block in enumerate(blocks):
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
            _log(alike[block.place.path]),
            alike_words[block.place.path] / total,
            float(seen[block.bare] > 1),
            len(words & title) / len(words) if words else 0.0,
            len(words & description) / len(words) if words else 0.0,
            *_surroundings(block.place, total),
            *(local[n - 1][:6] if n else nothing[:6]),
            *(local[n + 1][:6] if n + 1 < count else nothing[:6]),
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
    text, words = block.bare, block.words
    size = len(text) or 1
    place = block.place
    return [
        _log(words),
        block.linked / words if words else float(block.links > 0),
        float(block.heading),
        float(bool(_SENTENCE_END.search(text[-3:]))),
        len(_PUNCTUATION.findall(text[:1000])) / min(size, 1000),
        float(block.tag == "li" or block.tight),
        _log(block.links),
        _log(size / (words or 1)),
        len(_DIGIT.findall(text[:1000])) / min(size, 1000),
        sum(1 for char in text[:200] if char.isupper()) / min(size, 200),
        float(bool(_MONEY.search(text[:300]))),
        float(bool(_DATE.search(text[:300]))) if words < 40 else 0.0,
        float(len(_BOILERPLATE.findall(text[:600]))),
        float(text[:1].islower()),
        float("[Image" in block.text),
        float(block.rows),
        float(place.depth),
        *(float(block.tag == tag) for tag in _TAGS),
        *(float(bool(place.around & 1 << bit)) for bit in range(len(LANDMARKS))),
        *(float(bool(place.hints_around & 1 << bit)) for bit in range(len(HINTS))),
    ]


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
    row += [float(bool(near & 1 << bit)) for bit in range(len(HINTS))]
    return row
