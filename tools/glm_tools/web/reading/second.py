"""A second opinion on pages that look like articles: which blocks trafilatura would keep.

On articles trafilatura is the better judge, on every other kind the trees are (measured on pages
that the trees had not seen; docs/browser.md). Its text is only compared with ours, so that links,
tables and code stay as they are.

Does not do: other kinds of pages; being asked about pages on which the two differ widely.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .blocks import Block
from .meta import Known

_ARTICLE = ("article", "posting", "blog")
_NO_ARTICLE = ("product", "forum", "discussion", "qapage")
_LONG_WORDS = 25
_LONG_SHARE = 0.35
_AGREEMENT = 0.7
_WEIGHT = 0.85
_MOST_CHARS = 600_000
_WORD = re.compile(r"\w+")
_SHORT = 6


def looks_like_article(blocks: Sequence[Block], known: Known) -> bool:
    """Whether a page or its URL says that it is an article, and much of it is long paragraphs."""
    if known.url_kind == "forum" or any(word in known.kind for word in _NO_ARTICLE):
        return False
    if known.url_kind != "article" and not any(word in known.kind for word in _ARTICLE):
        return False
    words = sum(block.words for block in blocks)
    return sum(block.words for block in blocks if block.words > _LONG_WORDS) > _LONG_SHARE * words


def opinion(text: str, blocks: Sequence[Block]) -> list[float] | None:
    """For each block the share of its words that trafilatura keeps; None if it keeps nothing."""
    if len(text) > _MOST_CHARS:
        return None
    import trafilatura

    kept = trafilatura.extract(text)
    return shares_in(kept, blocks, once=True) if kept else None


def combined(
    shares: Sequence[float], theirs: Sequence[float], kept: Sequence[int], words: Sequence[int]
) -> list[float] | None:
    """Both opinions in one, or None if they differ so widely that the page is no article."""
    ours = set(kept)
    both = sum(words[n] for n in ours if theirs[n] > 0.5)
    sizes = sum(words[n] for n in ours) + sum(
        w for w, share in zip(words, theirs, strict=True) if share > 0.5
    )
    if not sizes or 2 * both < _AGREEMENT * sizes:
        return None
    return [(1 - _WEIGHT) * a + _WEIGHT * b for a, b in zip(shares, theirs, strict=True)]


def shares_in(text: str, blocks: Sequence[Block], *, once: bool) -> list[float]:
    """How much of each block stands in a text, three words in a row; of short blocks, as a line.

    With `once`, what the text has once and the page twice is the first of the two.
    """
    wanted = _words(text)
    threes = Counter(zip(wanted, wanted[1:], wanted[2:], strict=False))
    lines = Counter(" ".join(_words(line)) for line in text.split("\n"))
    each = [_words(block.bare) for block in blocks]
    sequence = [word for words in each for word in words]
    hit = bytearray(len(sequence))
    for at, three in enumerate(zip(sequence, sequence[1:], sequence[2:], strict=False)):
        if threes.get(three, 0) > 0:
            threes[three] -= once
            hit[at] = hit[at + 1] = hit[at + 2] = 1
    shares: list[float] = []
    start = 0
    for words in each:
        end = start + len(words)
        share = sum(hit[start:end]) / len(words) if words else 0.0
        if 0 < len(words) <= _SHORT:
            line = " ".join(words)
            if lines.get(line, 0) > 0:
                lines[line] -= once
                share = 1.0
        shares.append(share)
        start = end
    return shares


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
