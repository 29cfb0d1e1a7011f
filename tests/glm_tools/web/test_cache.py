"""Fetched pages, kept: how much, where, for whom; and found again by a search over the folder."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from glm_tools.simple_browser import SimpleBrowser
from glm_tools.web import DocumentIndex
from glm_tools.web.cache import PageCache, read_page
from glm_tools.web.fetch import Fetched

from glm_agent.errors import ConfigurationError

from ..conftest import Site

PAGE = Fetched("https://a.example/end", "text/html; charset=gbk", "<p>新闻".encode("gbk"))


def test_a_page_is_found_under_what_was_asked_for() -> None:
    cache = PageCache(10_000)
    assert cache.get("https://a.example/") is None
    cache.put("https://a.example/", PAGE)
    assert cache.get("https://a.example/") == PAGE
    assert cache.get("https://a.example/end") is None


def test_the_oldest_makes_room(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        cache = PageCache(5_000, folder)
        for number in range(10):
            cache.put(f"https://a.example/{number}", Fetched("u", "text/plain", b"x" * 1000))
        assert cache.get("https://a.example/9") is not None
        assert cache.get("https://a.example/0") is None
        cache.put("https://a.example/huge", Fetched("u", "text/plain", b"x" * 9000))
        assert cache.get("https://a.example/huge") is None
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5_000


def test_what_was_used_lately_stays() -> None:
    cache = PageCache(5_000)
    for number in range(10):
        cache.put(f"{number}", Fetched("u", "text/plain", b"x" * 1000))
        cache.get("0")
    assert cache.get("0") is not None


def test_a_folder_outlives_the_session(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    PageCache(10_000, folder).put("https://a.example/", PAGE)
    assert PageCache(10_000, folder).get("https://a.example/") == PAGE
    (file,) = folder.iterdir()
    fields, page = read_page(file.read_bytes())
    assert (fields["asked"], page) == ("https://a.example/", PAGE)


def test_an_old_page_is_fetched_anew(tmp_path: Path) -> None:
    PageCache(10_000, tmp_path).put("https://a.example/", PAGE)
    (file,) = tmp_path.iterdir()
    os.utime(file, (1, 1))
    assert PageCache(10_000, tmp_path).get("https://a.example/") is None
    assert PageCache(10_000, tmp_path, max_age=1e12).get("https://a.example/") == PAGE


def test_rules_do_not_share_pages(tmp_path: Path) -> None:
    PageCache(10_000, tmp_path, scope="intranet").put("http://wiki/", PAGE)
    assert PageCache(10_000, tmp_path, scope="").get("http://wiki/") is None
    assert PageCache(10_000, tmp_path, scope="intranet").get("http://wiki/") == PAGE


@pytest.mark.parametrize(
    "data", [b"", b"x", b"{}\nx", b"[1]\nx", b'{"url": 5}\nx', b"\xff\n", b"\0"]
)
def test_a_file_that_is_no_page(tmp_path: Path, data: bytes) -> None:
    cache = PageCache(10_000, tmp_path)
    cache.put("https://a.example/", PAGE)
    (file,) = tmp_path.iterdir()
    file.write_bytes(data)
    assert PageCache(10_000, tmp_path).get("https://a.example/") is None
    assert DocumentIndex(tmp_path).search("news") == []


def test_a_folder_that_cannot_be_written_costs_the_page_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = PageCache(10_000, folder)
    folder.rmdir()
    folder.write_bytes(b"in the way")
    cache.put("https://a.example/", PAGE)
    assert cache.get("https://a.example/") == PAGE  # from memory
    with pytest.raises(ConfigurationError, match="cannot be made"):
        PageCache(10_000, folder)


def test_many_at_once(tmp_path: Path) -> None:
    caches = [PageCache(20_000, tmp_path) for _ in range(2)]

    def work(cache: PageCache) -> None:
        for number in range(50):
            cache.put(f"{number % 7}", Fetched(f"{number % 7}", "text/plain", b"x" * 1500))
            page = cache.get(f"{number % 5}")
            assert page is None or page.url == f"{number % 5}"

    threads = [threading.Thread(target=work, args=(cache,)) for cache in caches * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]


@pytest.mark.anyio
async def test_a_session_loads_a_page_once(site: Site, tmp_path: Path) -> None:
    url = site.page("/", "<title>T</title><p>The kestrel was seen in 1931. <a href=/b>b</a>")
    settings = {"allow_private": [site.address], "render": "never"}
    browser = SimpleBrowser(cache_dir=tmp_path, **settings)  # type: ignore[arg-type]
    for _ in range(3):
        (page,) = await browser.act(f'open_url("{url}")')
        assert "kestrel" in page.text
    assert len(site.seen) == 1
    await SimpleBrowser(cache_dir=tmp_path, **settings).act(f'open_url("{url}")')  # type: ignore[arg-type]
    assert len(site.seen) == 1
    await SimpleBrowser(cache_bytes=0, **settings).act(f'open_url("{url}")\n' * 2)  # type: ignore[arg-type]
    assert len(site.seen) == 3
    # Under other rules the page is not shown from the folder either.
    (refused,) = await SimpleBrowser(cache_dir=tmp_path).act(f'open_url("{url}")')
    assert refused.failed
    # The folder can be searched without a network.
    offline = SimpleBrowser(pages=tmp_path)
    found, quote = await offline.act('search("When was the kestrel seen?")\nmclick([0])')
    assert found.sources[0].url == url
    assert quote.text.startswith("The kestrel was seen in 1931.")
    assert len(site.seen) == 3
