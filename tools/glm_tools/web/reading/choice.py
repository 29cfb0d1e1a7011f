"""Which blocks of a page are its main text: what navigation and other furniture are not.

Boosted trees, fitted on pages with known main text (`training/reading.py`), estimate for each block
how much of it belongs to the main text. Of all sets of the likeliest blocks, the one with the best
expected F1 is kept: on a page where much is uncertain that is a larger set.

Does not do: knowing languages; what the trees weigh is shape, place and the names of elements.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

from . import second
from .blocks import Block
from .features import features
from .meta import Known

# A node is (feature, threshold, node where at most the threshold, node above it); a leaf a number.
_Node = tuple[int, float, float, float]

_TREES = Path(__file__).with_name("trees.json")
_MOST_BLOCKS = 20_000
# Where the trees err, they err on whole sections, so that doubtful blocks are worth less than they
# seem. On pages that the trees had not seen, F1 rose with it from 0.795 to 0.798, and still from
# 0.795 to 0.796 where trafilatura had its say.
_DOUBT = 1.2


def main_blocks(blocks: Sequence[Block], known: Known, source: str = "") -> list[Block]:
    """The blocks of the main text in their order; all of them if there are too many to tell.

    `source` is the HTML, for a second opinion on articles.
    """
    if len(blocks) > _MOST_BLOCKS:
        return list(blocks)
    shares = [_share(row) for row in features(blocks, known)]
    return [blocks[n] for n in kept(shares, blocks, known, source)]


def kept(shares: Sequence[float], blocks: Sequence[Block], known: Known, source: str) -> list[int]:
    """The indexes, in order, of the blocks to keep, given what the trees say of each."""
    shares = [share**_DOUBT for share in shares]
    words = [block.words for block in blocks]
    chosen = best_set(shares, words)
    if source and second.looks_like_article([blocks[n] for n in chosen], known):
        theirs = second.opinion(source, blocks)
        if theirs and (both := second.combined(shares, theirs, chosen, words)):
            return best_set(both, words)
    return chosen


def best_set(shares: Sequence[float], words: Sequence[int]) -> list[int]:
    """The indexes, in order, of the set with the best expected F1.

    With the blocks sorted by their share of main text, F1 of the first k is expected to be twice
    their main words, divided by their words and the main words of the whole page.
    """
    order = sorted(range(len(shares)), key=lambda n: -shares[n])
    whole = sum(share * count for share, count in zip(shares, words, strict=True))
    best, best_score, hit, taken = 0, -1.0, 0.0, 0
    for place, n in enumerate(order, 1):
        hit += shares[n] * words[n]
        taken += words[n]
        score = 2 * hit / (taken + whole) if taken else 0.0
        if score >= best_score:
            best, best_score = place, score
    return sorted(order[:best])


def _share(row: Sequence[float]) -> float:
    return 1 / (1 + math.exp(-_sum_of_trees()(*row)))


@cache
def _sum_of_trees() -> Callable[..., float]:
    """The trees as one compiled expression of the features.

    That is several times as fast as walking their nodes, and names are twice as fast as a list.
    """
    trees: list[list[_Node]] = json.loads(_TREES.read_text("utf-8"))["trees"]
    last = max(int(node[0]) for tree in trees for node in tree)
    names = ", ".join(f"x{n}" for n in range(last + 1))
    code = f"lambda {names}, *_: sum(({', '.join(_expression(tree, 0) for tree in trees)},))"
    return eval(code, {"__builtins__": {}, "sum": sum})  # noqa: S307 # numbers of our own file


def _expression(tree: Sequence[_Node], at: float) -> str:
    if isinstance(at, float):
        return repr(at)
    feature, threshold, low, high = tree[at]
    below, above = _expression(tree, low), _expression(tree, high)
    return f"({below} if x{int(feature)} <= {float(threshold)!r} else {above})"


def ready() -> None:
    """Load what takes long to load, so that the first page's time is not spent on it."""
    import_module("trafilatura")  # `second.py` uses it
    _sum_of_trees()
