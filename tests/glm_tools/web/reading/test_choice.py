"""Which blocks are kept: the best set, the second opinion, what names hint at, links joined fast."""

from __future__ import annotations

import itertools
from urllib.parse import urldefrag, urljoin

import pytest
from glm_tools.web.reading import second
from glm_tools.web.reading.blocks import Block, blocks_of
from glm_tools.web.reading.choice import best_set, kept
from glm_tools.web.reading.hints import HINTS, hints_in
from glm_tools.web.reading.meta import Known, known_of
from glm_tools.web.reading.page import Links
from glm_tools.web.reading.tree import Sight, parse
from hypothesis import given
from hypothesis import strategies as st

ARTICLE = Known(kind="article")


def expected(shares: list[float], words: list[int], some: tuple[int, ...]) -> float:
    hit = sum(shares[n] * words[n] for n in some)
    whole = sum(share * count for share, count in zip(shares, words, strict=True))
    return 2 * hit / (sum(words[n] for n in some) + whole)


@given(
    st.lists(st.tuples(st.floats(0.01, 0.99), st.integers(1, 300)), min_size=1, max_size=7),
)
def test_no_other_set_of_blocks_is_expected_to_score_higher(
    blocks: list[tuple[float, int]],
) -> None:
    shares, words = [share for share, _ in blocks], [count for _, count in blocks]
    found = best_set(shares, words)
    every = itertools.chain.from_iterable(
        itertools.combinations(range(len(blocks)), size) for size in range(1, len(blocks) + 1)
    )
    best = max(expected(shares, words, some) for some in every)
    assert found == sorted(found)
    assert expected(shares, words, tuple(found)) == pytest.approx(best)


def test_nothing_to_choose_from() -> None:
    assert best_set([], []) == []


def blocks(html: str) -> list[Block]:
    root = parse(html)
    return blocks_of(root, Links("https://a.example/"), Sight(root))


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("Try it for thirty days\nA bridge was opened", [1.0, 1.0, 0.0, 0.0]),
        (
            "Try it for thirty days\nA bridge was opened\nTry it for thirty days",
            [1.0, 1.0, 1.0, 0.0],
        ),
        ("A bridge was opened\nPrice", [0.0, 1.0, 0.0, 1.0]),  # short lines count as wholes
        ("the price of a bridge", [0.0, 0.0, 0.0, 0.0]),
        ("", [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_what_another_reader_kept_is_found_again_as_often_as_it_kept_it(
    text: str, shares: list[float]
) -> None:
    offer = "<p>Try it for thirty days</p>"
    page = blocks(f"{offer}<p>A bridge was opened</p>{offer}<p>Price</p>")
    assert second.shares_in(text, page, once=True) == shares


def test_what_is_known_to_be_main_text_is_so_wherever_it_stands() -> None:
    page = blocks("<p>Try it for thirty days</p><p>Price</p><p>Try it for thirty days</p>")
    assert second.shares_in("Try it for thirty days", page, once=False) == [1.0, 0.0, 1.0]


def test_trafilatura_has_a_say() -> None:
    text = "".join(f"<p>Bridge {n} was opened in {1900 + n}, and it stands.</p>" for n in range(9))
    page = f"<article>{text}</article><footer><p>Imprint</p></footer>"
    shares = second.opinion(f"<html><body>{page}</body></html>", blocks(page))
    assert shares == [1.0] * 9 + [0.0]


LONG = " ".join(["word"] * 60)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("article webpage", True),
        ("website blogposting", True),
        ("website", False),
        ("article product", False),
        ("website discussionforumposting", False),  # a thread: its posts are for the trees
        ("qapage article", False),
    ],
)
def test_who_is_asked_for_a_second_opinion(kind: str, asked: bool) -> None:
    assert second.looks_like_article(blocks(f"<p>{LONG}</p>"), Known(kind=kind)) is asked


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://a.example/2024/how-the-bridge-was-built", True),
        ("https://a.example/2024/how-the-bridge-was-built/?page=2#top", True),
        ("https://a.example/about-us", False),
        ("https://a.example/", False),
        ("https://forum.a.example/t/how-the-bridge-was-built", False),
        ("https://a.example/threads/how-the-bridge-was-built.12/", False),
        ("https://a.example/boarding/how-the-bridge-was-built", True),  # not a board
        ("http://[::1/how-the-bridge-was-built", False),
    ],
)
def test_a_url_that_ends_in_a_title_is_an_article_s(url: str, asked: bool) -> None:
    known = known_of(parse("<title>Bridge</title>"), url)
    assert second.looks_like_article(blocks(f"<p>{LONG}</p>"), known) is asked


def test_a_page_of_short_pieces_is_no_article() -> None:
    assert not second.looks_like_article(blocks("<p>two words</p>" * 9), ARTICLE)


def test_without_its_source_a_page_gets_no_second_opinion() -> None:
    page = blocks(f"<p>{LONG}</p><p>{LONG}</p>")
    assert kept([0.9, 0.001], page, ARTICLE, "") == [0]


@pytest.mark.parametrize(
    ("names", "hints"),
    [
        ("navbar-top", {"nav"}),
        ("postBody", {"content"}),  # camel case is two words
        ("advertisement", {"advert"}),
        ("load", set[str]()),  # not `ad`, inside of a word
        ("comments", {"comment"}),
        ("comment", {"comment"}),
        ("Recommended items", {"related", "product"}),
        ("", set[str]()),
    ],
)
def test_what_names_hint_at(names: str, hints: set[str]) -> None:
    assert {name for bit, name in enumerate(HINTS) if hints_in(names) >> bit & 1} == hints


PATHS = st.text(st.sampled_from("ab9/.-_%~?=&#;:@ \t\\é"), max_size=12)


@pytest.mark.parametrize("base", ["https://a.example/x/y?z#f", "http://user@a.example:8080"])
@given(PATHS, st.sampled_from(["", "/", "//", "http://b.example/", "https://b.example", "http:/"]))
def test_links_are_joined_as_the_standard_library_joins_them(
    base: str, path: str, start: str
) -> None:
    href = start + path
    found = Links(base).resolve(href)
    if found:
        assert found == urldefrag(urljoin(base, href.strip())).url.replace(" ", "%20")
