"""Main text on real pages of seven kinds (WCXB, CC-BY-4.0, Murrough Foley), beside trafilatura."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from glm_tools.web.reading.child import read_here

MARK = re.compile(r"【(\d+)†([^†】]*)(?:†[^】]*)?】|\[Image \d+\]")


def pages(shared: Path) -> list[tuple[dict[str, Any], bytes]]:
    folder = shared / "web" / "dev"
    chosen = sorted((folder / "truth").glob("*.json"))[::4]
    return [
        (
            json.loads(path.read_text("utf-8")),
            gzip.decompress((folder / "html" / f"{path.stem}.html.gz").read_bytes()),
        )
        for path in chosen
    ]


def f1(text: str, truth: str) -> float:
    found = Counter(re.findall(r"\w+", MARK.sub(lambda mark: mark[2] or "", text).lower()))
    wanted = Counter(re.findall(r"\w+", truth.lower()))
    both = (found & wanted).total()
    return 2 * both / (found.total() + wanted.total()) if both else 0.0


@pytest.mark.slow
def test_more_of_the_main_text_than_trafilatura_and_less_of_the_rest(shared: Path) -> None:
    import trafilatura

    ours: list[float] = []
    theirs: list[float] = []
    for card, body in pages(shared):
        page = read_here(body, card["url"], "text/html", "main")
        ours.append(f1(page.markdown, card["main_content"]))
        theirs.append(f1(trafilatura.extract(body) or "", card["main_content"]))
        known = {link.id for link in page.links}
        assert {int(mark[1]) for mark in MARK.finditer(page.markdown) if mark[1]} <= known
    assert mean(ours) > mean(theirs)
    assert mean(ours) > 0.8


@pytest.mark.slow
def test_the_full_view_has_nearly_all_of_it(shared: Path) -> None:
    kept: list[float] = []
    for card, body in pages(shared):
        text = read_here(body, card["url"], "text/html", "full").markdown
        found = Counter(re.findall(r"\w+", MARK.sub(lambda mark: mark[2] or "", text).lower()))
        wanted = Counter(re.findall(r"\w+", card["main_content"].lower()))
        kept.append((found & wanted).total() / wanted.total())
    assert mean(kept) > 0.9
