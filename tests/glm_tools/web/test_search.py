"""Search services on loopback: requests as documented, answers of every kind, errors included."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from glm_tools.simple_browser import SimpleBrowser
from glm_tools.web.search import Hit, SearchError, search_provider
from glm_tools.web.search.clean import day_of, page_key, plain_text, recency, tidy
from glm_tools.web.search.ddgs import Ddgs
from glm_tools.web.search.engines import Brave, Exa, Searxng, Serper, Tavily, Zai, Zhipu
from glm_tools.web.search.http import HttpSearch

from glm_agent.errors import ConfigurationError

from . import search_shapes as shapes

TODAY = date(2026, 6, 15)


@dataclass
class Service:
    """A service: what it answers next (the last for ever), and what it was asked."""

    port: int
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, answer: Any, status: int = 200, **headers: str) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        kind = "application/json" if body[:1] in b"{[" else "text/html"
        headers = {"Content-Type": kind} | {k.replace("_", "-"): v for k, v in headers.items()}
        self.answers.append((status, headers, body))

    def query(self, number: int = -1) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(urlsplit(self.asked[number][1]).query).items()}


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length)
            body = json.loads(data) if data.startswith(b"{") else data
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.asked.append((self.command, self.path, headers, body))
            status, sent, answer = (
                service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
            )
            self.send_response(status)
            for name, value in sent.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = Service(server.server_address[1])
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    server.shutdown()
    thread.join()
    server.server_close()


ENGINES: list[tuple[type[HttpSearch], dict[str, Any]]] = [
    (Searxng, shapes.SEARXNG),
    (Brave, shapes.BRAVE),
    (Tavily, shapes.TAVILY),
    (Exa, shapes.EXA),
    (Serper, shapes.SERPER),
    (Zhipu, shapes.ZHIPU),
    (Zai, shapes.ZHIPU),
]
each = pytest.mark.parametrize(
    ("engine", "shape"), ENGINES, ids=[engine.name for engine, _ in ENGINES]
)


def made(engine: type[HttpSearch], service: Service, **settings: Any) -> HttpSearch:
    return engine("the-key", service.url, **({"interval": 0.0} | settings))


# -- what is asked and understood


@each
def test_results(engine: type[HttpSearch], shape: dict[str, Any], service: Service) -> None:
    service.says(shape)
    first, second = made(engine, service).search("tower", -1, 5)
    assert first == Hit(
        "The tower", "https://a.example/tower", "Built in 1887 & painted.", "2024-05-06"
    )
    assert (second.url, second.snippet, second.date) == ("https://b.example/", "", "")
    assert second.title in {"B", "https://b.example/"}


def without(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: without(item, name) for key, item in value.items() if key != name}
    return [without(item, name) for item in value] if isinstance(value, list) else value


def names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for item in value.values() for name in names(item)}
    return {name for item in value for name in names(item)} if isinstance(value, list) else set()


@each
def test_whatever_is_missing_or_of_another_type(
    engine: type[HttpSearch], shape: dict[str, Any], service: Service
) -> None:
    search = made(engine, service)
    for name in sorted(names(shape)):
        service.answers.clear()
        service.says(without(shape, name))
        if (engine, name) == (Searxng, "results"):
            with pytest.raises(SearchError, match="engines"):
                search.search("tower", 7, 5)
            continue
        hits = search.search("tower", 7, 5)
        assert all(hit.url.startswith("https://") and hit.title for hit in hits)
    for nonsense in (None, 7, "x", {}, [None, 7, "x", [], {"url": 7, "link": None}]):
        wrong = dict.fromkeys(("results", "organic", "search_result"), nonsense)
        service.answers.clear()
        service.says(wrong | {"web": {"results": nonsense}})
        assert search.search("tower", -1, 5) == []


def test_what_searxng_is_asked(service: Service) -> None:
    service.says(shapes.SEARXNG)
    made(Searxng, service).search("苹果, news", 3, 5)
    assert service.asked[0][0] == "GET"
    assert service.asked[0][1].startswith("/search?")
    assert service.query() == {
        "q": "苹果, news",
        "format": "json",
        "pageno": "1",
        "time_range": "week",
    }


def test_what_brave_is_asked(service: Service) -> None:
    service.says(shapes.BRAVE)
    made(Brave, service).search("tower", 31, 5)
    assert service.asked[0][2]["x-subscription-token"] == "the-key"
    assert service.query()["q"] == "tower"
    assert service.query()["freshness"] == "pm"


@pytest.mark.parametrize(
    ("engine", "header", "value", "body"),
    [
        (
            Tavily,
            "authorization",
            "Bearer the-key",
            {"query": "tower", "max_results": 5, "time_range": "week"},
        ),
        (Serper, "x-api-key", "the-key", {"q": "tower", "num": 10, "tbs": "qdr:w"}),
        (
            Zhipu,
            "authorization",
            "Bearer the-key",
            {
                "search_query": "tower",
                "search_engine": "search_std",
                "count": 5,
                "search_recency_filter": "oneWeek",
                "content_size": "medium",
            },
        ),
    ],
)
def test_what_is_posted(
    engine: type[HttpSearch], header: str, value: str, body: dict[str, Any], service: Service
) -> None:
    service.says({})
    made(engine, service).search("tower", 7, 5)
    method, _, headers, posted = service.asked[0]
    assert (method, headers[header], posted) == ("POST", value, body)


def test_what_exa_is_asked(service: Service) -> None:
    service.says({})
    made(Exa, service).search("tower", 7, 5)
    (_, _, headers, body) = service.asked[0]
    assert headers["x-api-key"] == "the-key"
    first = (date.today() - timedelta(7)).isoformat()
    assert body["startPublishedDate"] == f"{first}T00:00:00.000Z"
    assert (body["query"], body["numResults"]) == ("tower", 5)


@each
def test_without_recency_nothing_is_said_of_it(
    engine: type[HttpSearch], shape: dict[str, Any], service: Service
) -> None:
    service.says(shape)
    made(engine, service).search("tower", 0, 5)
    asked = json.dumps([service.asked[0][1], service.asked[0][3]], default=str)
    for word in ("time_range", "freshness", "startPublishedDate", "tbs", "oneDay"):
        assert word not in asked


@each
def test_what_is_known_to_be_old_is_dropped(
    engine: type[HttpSearch], shape: dict[str, Any], service: Service
) -> None:
    service.says(shape)
    assert [hit.url for hit in made(engine, service).search("tower", 7, 5)] == [
        "https://b.example/"
    ]


def test_zhipu_gets_seventy_characters(service: Service) -> None:
    service.says({})
    search = made(Zhipu, service)
    search.search("word " * 20 + "word")
    search.search("塔" * 100)
    assert [asked[3]["search_query"] for asked in service.asked] == [
        ("word " * 14).strip(),
        "塔" * 70,
    ]


# -- errors


@each
@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, {"detail": "bad key the-key"}, "refused the key"),
        (404, {"x": 1}, "status 404"),
        (200, b"<!doctype html><title>Are you a robot?</title>", "web page in place of results"),
        (200, b"{not json", "what is not JSON"),
        (200, b"[" * 100_000, "what is not JSON"),
        (200, b"[1, 2]", "holds no results"),
        (200, b"", "what is not JSON"),
        (200, {"error": {"code": "1113", "message": "no balance"}}, "reports an error"),
        (302, {}, "status 302"),
    ],
)
def test_errors_are_one_line_without_the_key(
    engine: type[HttpSearch],
    shape: dict[str, Any],
    status: int,
    body: Any,
    message: str,
    service: Service,
) -> None:
    service.says(body, status, Location="http://127.0.0.1:1/")
    with pytest.raises(SearchError, match=message) as failed:
        made(engine, service).search("tower")
    text = str(failed.value)
    assert text.startswith(engine.name)
    assert "the-key" not in text
    assert "127.0.0.1" not in text
    assert "\n" not in text
    assert len(service.asked) == 1  # none of these is tried again


@each
@pytest.mark.parametrize("status", [202, 429, 500, 503])
def test_one_more_try_after_the_time_that_is_asked_for(
    engine: type[HttpSearch], shape: dict[str, Any], status: int, service: Service
) -> None:
    service.says({}, status, Retry_After="0")
    service.says(shape)
    assert made(engine, service).search("tower")
    service.answers[:] = []
    service.says(b"<html>busy</html>", status, Retry_After="0")
    with pytest.raises(SearchError):
        made(engine, service).search("tower")
    assert len(service.asked) == 4


def test_retry_after_is_honoured(service: Service) -> None:
    service.says({}, 429, Retry_After="0.4")
    service.says(shapes.BRAVE)
    before = time.monotonic()
    assert made(Brave, service).search("tower")
    assert time.monotonic() - before >= 0.4


def test_a_wait_beyond_the_deadline_is_not_begun(service: Service) -> None:
    for asked in ("3600", "Wed, 21 Oct 2099 07:28:00 GMT"):
        service.answers.clear()
        service.says({}, 429, Retry_After=asked)
        with pytest.raises(SearchError, match="limits how often"):
            made(Brave, service).search("tower")
    assert len(service.asked) == 2


def test_searches_are_spaced(service: Service) -> None:
    service.says(shapes.BRAVE)
    searches = [made(Brave, service, interval=0.25) for _ in range(3)]  # of three sessions
    before = time.monotonic()
    for search in searches:
        search.search("tower")
    assert time.monotonic() - before >= 0.5
    hurried = made(Brave, service, interval=60.0, timeout=0.5)
    hurried.search("tower")
    with pytest.raises(SearchError, match="did not answer within"):
        hurried.search("tower")
    made(Brave, service)._pacer._next = 0.0


def test_a_service_that_hangs_or_is_not_there(service: Service) -> None:
    service.says({}, 429, Retry_After="0")

    def hang(*_: object) -> None:
        time.sleep(1.5)

    service.answers[0] = Hanging(hang)  # type: ignore[call-overload]
    with pytest.raises(SearchError, match=r"did not answer within 0.3 seconds"):
        made(Brave, service, timeout=0.3).search("tower")
    with pytest.raises(SearchError, match="cannot be reached"):
        Brave("k", "http://127.0.0.1:1", interval=0.0).search("tower")


class Hanging:
    """An answer that does not come in time."""

    def __init__(self, wait: Callable[..., None]) -> None:
        self.wait = wait

    def __iter__(self) -> Iterator[Any]:
        self.wait()
        return iter((200, {}, b"{}"))


def test_an_answer_that_is_too_large(service: Service) -> None:
    service.says(b'{"results": "' + b"x" * 3_100_000 + b'"}')
    with pytest.raises(SearchError, match="cannot be reached"):
        made(Searxng, service).search("tower")


def test_searxng_says_what_is_wrong(service: Service) -> None:
    service.says(b"<html>forbidden</html>", 403)
    with pytest.raises(SearchError, match=r"add json to search.formats"):
        made(Searxng, service).search("tower")
    service.answers.clear()
    service.says({"results": [], "unresponsive_engines": [["a", "CAPTCHA"]]})
    with pytest.raises(SearchError, match="none of SearXNG's engines"):
        made(Searxng, service).search("tower")
    service.answers.clear()
    service.says({"results": [], "unresponsive_engines": []})
    assert made(Searxng, service).search("tower") == []


def test_a_login_in_the_address_goes_as_one(service: Service) -> None:
    service.says(shapes.SEARXNG)
    Searxng("", f"http://me:word@127.0.0.1:{service.port}/searx", interval=0.0).search("tower")
    assert service.asked[0][1].startswith("/searx/search?")
    assert service.asked[0][2]["authorization"] == "Basic bWU6d29yZA=="


# -- ddgs, which reads result pages

DUCK = """<html><body><div class="serp__results">
<div class="body"><h2><a href="https://a.example/tower">The <b>tower</b></a></h2>
<a href="https://a.example/tower">Built in 1887 &amp; painted.</a></div>
<div class="body"><h2><a href="https://b.example/">B</a></h2><a href="https://b.example/">b</a></div>
</div></body></html>"""


@pytest.fixture
def duck(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """DuckDuckGo on loopback."""
    engine = pytest.importorskip("ddgs.engines.duckduckgo", reason="needs the extra ddgs")
    monkeypatch.setattr(engine.Duckduckgo, "search_url", f"{service.url}/html/")
    return service


def test_ddgs(duck: Service) -> None:
    duck.says(DUCK.encode())
    first, second = Ddgs("duckduckgo").search("tower", 7, 5)
    assert (first.title, first.url) == ("The tower", "https://a.example/tower")
    assert first.snippet.endswith("Built in 1887 & painted.")
    assert second.url == "https://b.example/"


@pytest.mark.parametrize("status", [202, 403, 429, 500])
def test_ddgs_that_is_limited_or_finds_nothing(duck: Service, status: int) -> None:
    duck.says(b"<html><body>Unfortunately, bots use DuckDuckGo too.</body></html>", status)
    try:
        assert Ddgs("duckduckgo").search("tower") == []
    except SearchError as error:
        assert str(error).startswith("the search engines")  # noqa: PT017 # either will do


# -- choosing one


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEARXNG_URL", *(f"{n}_API_KEY" for n in ("BRAVE", "TAVILY", "EXA", "SERPER"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("ZHIPUAI_API_KEY", raising=False)
    monkeypatch.delenv("ZAI_API_KEY", raising=False)


@pytest.mark.usefixtures("no_keys")
def test_choosing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert search_provider("embedded") is None
    assert search_provider("auto") is None
    assert isinstance(search_provider("brave", "key"), Brave)
    assert isinstance(search_provider("zai", "key"), Zai)
    assert isinstance(search_provider("http://127.0.0.1:8888"), Searxng)
    monkeypatch.setenv("TAVILY_API_KEY", "key")
    assert isinstance(search_provider("auto"), Tavily)
    assert isinstance(search_provider("tavily"), Tavily)
    monkeypatch.setenv("SEARXNG_URL", "http://127.0.0.1:8888")
    assert isinstance(search_provider("auto"), Searxng)


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("brave", "brave needs its key: set BRAVE_API_KEY, or search_key"),
        ("searxng", "searxng needs its address: set SEARXNG_URL, or search_url"),
        ("bing", "'bing' is not known"),
        ("http://", "is not an address"),
        (7, "7 is not known"),
    ],
)
def test_what_cannot_be_chosen(search: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        search_provider(search)


@pytest.mark.anyio
async def test_a_service_behind_the_browser(service: Service) -> None:
    service.says(shapes.BRAVE)
    browser = SimpleBrowser("brave", search_key="the-key", search_url=service.url)
    (results,) = await browser.act('search("tower", recency_days=0)')
    assert results.text == (
        " # 【0†The tower†a.example】\nBuilt in 1887 & painted.\n"
        " # 【1†B†b.example】\n\nVisible: 0% - 100%"
    )
    assert [source.url for source in results.sources] == [
        "https://a.example/tower",
        "https://b.example/",
    ]
    service.answers.clear()
    service.says(b"<html>", 401)
    browser._provider._interval = 0.0  # type: ignore[attr-defined]
    (failed,) = await browser.act('search("tower")')
    assert failed.text.endswith("Error: The search failed: Brave refused the key (status 401)")


# -- cleaning


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Built in <strong>1887</strong> &amp; painted", "Built in 1887 & painted"),
        ("one<br>two", "one two"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<img src=x onerror=alert(1)>", ""),
        ("a\n\n b\tc", "a b c"),
        (None, ""),
        (7, ""),
        ("x" * 5000, "x" * 1000),
    ],
)
def test_markup_is_stripped(text: object, plain: str) -> None:
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-05-06T10:00:00", "2024-05-06"),
        ("2024年5月6日", "2024-05-06"),
        ("2024/05/06", "2024-05-06"),
        ("May 6, 2024", "2024-05-06"),
        ("6 May 2024", "2024-05-06"),
        ("Mon, 06 May 2024 10:00:00 GMT", "2024-05-06"),
        ("3 days ago", "2026-06-12"),
        ("2 weeks ago", "2026-06-01"),
        ("5 hours ago", "2026-06-15"),
        ("9999 years ago", ""),
        ("2024-13-45", ""),
        ("yesterday", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_dates(text: object, day: str) -> None:
    assert day_of(text, TODAY) == day


def test_recency_is_the_narrowest_that_covers() -> None:
    days = [-1, 0, 1, 2, 7, 8, 31, 32, 366, 367]
    names = ["", "", "day", "week", "week", "month", "month", "year", "year", ""]
    assert [recency(number) for number in days] == names


def test_duplicates_are_dropped_and_the_better_text_kept() -> None:
    hits = [
        Hit("A", "http://www.a.example/x/?utm_source=y#top", ""),
        Hit("B", "https://b.example/?id=1", "b"),
        Hit("A", "https://a.example/x", "longer", "2024-05-06"),
        Hit("B", "https://b.example/?id=2", "other"),
    ]
    assert tidy(hits, -1, 5, TODAY) == [
        Hit("A", "http://www.a.example/x/?utm_source=y#top", "longer", "2024-05-06"),
        Hit("B", "https://b.example/?id=1", "b"),
        Hit("B", "https://b.example/?id=2", "other"),
    ]
    assert len(tidy(hits, -1, 1, TODAY)) == 1


@pytest.mark.parametrize(
    "url", ["", "javascript:x", "ftp://a.example/", "//a.example", "https://[", "http:///x"]
)
def test_what_is_no_web_address_is_dropped(url: str) -> None:
    assert page_key(url) == ""
