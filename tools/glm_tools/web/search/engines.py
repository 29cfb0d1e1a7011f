"""The services that can be asked: SearXNG, Brave, Tavily, Exa, Serper, Zhipu and Z.ai.

Requests and answers are those of each service's documentation as of 2026; Serper's and Z.ai's are
from their clients. Fields that are missing from an answer are left out, never an exception.

Does not do: HTTP (`http.py`), choosing one (`choice.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

from .base import Hit, SearchError
from .clean import day_of, plain_text, recency
from .http import Ask, HttpSearch, rows


def _hit(row: Mapping[str, Any], url: str, snippet: object, day: object, today: date) -> Hit:
    address = row.get(url)
    address = address.strip() if isinstance(address, str) else ""
    return Hit(
        plain_text(row.get("title")) or address, address, plain_text(snippet), day_of(day, today)
    )


class Searxng(HttpSearch):
    """A SearXNG of your own: `url` is its address. `json` must be in its `search.formats`."""

    name = "SearXNG"
    address = "http://127.0.0.1:8888"

    def ask(self, query: str, recency_days: int, count: int) -> Ask:
        """`/search?format=json`."""
        del count
        asked = {"q": query, "format": "json", "pageno": "1"}
        if days := recency(recency_days):
            asked["time_range"] = days
        return Ask("/search", asked)

    def hits(self, answer: Mapping[str, Any], today: date) -> Iterable[Hit]:
        """`results`; no results of engines that all failed is a failure."""
        results = rows(answer, "results")
        if not results and answer.get("unresponsive_engines"):
            raise SearchError("none of SearXNG's engines answered; try again later")
        for row in results:
            yield _hit(row, "url", row.get("content"), row.get("publishedDate"), today)

    def refusal(self, status: int) -> str:
        """403 is how SearXNG says that it has no JSON, or that its limiter is on."""
        if status == 403:
            return "SearXNG refuses JSON: add json to search.formats in its settings.yml"
        return super().refusal(status)


class Brave(HttpSearch):
    """Brave's web search."""

    name = "Brave"
    address = "https://api.search.brave.com/res/v1/web/search"
    _FRESHNESS: ClassVar = {"day": "pd", "week": "pw", "month": "pm", "year": "py"}

    def ask(self, query: str, recency_days: int, count: int) -> Ask:
        """At most 20 results a request."""
        asked = {"q": query[:400], "count": str(min(count + 5, 20)), "text_decorations": "false"}
        if days := recency(recency_days):
            asked["freshness"] = self._FRESHNESS[days]
        return Ask(query=asked, headers={"X-Subscription-Token": self._key})

    def hits(self, answer: Mapping[str, Any], today: date) -> Iterable[Hit]:
        """`web.results`."""
        for row in rows(answer, "web", "results"):
            day = row.get("page_age") or row.get("age")
            yield _hit(row, "url", row.get("description"), day, today)


class Tavily(HttpSearch):
    """Tavily's search. Its date filter leaves out pages without a date."""

    name = "Tavily"
    address = "https://api.tavily.com/search"

    def ask(self, query: str, recency_days: int, count: int) -> Ask:
        """At most 20 results, 400 characters."""
        body: dict[str, Any] = {"query": query[:400], "max_results": min(count, 20)}
        if days := recency(recency_days):
            body["time_range"] = days
        return Ask(headers={"Authorization": f"Bearer {self._key}"}, body=body)

    def hits(self, answer: Mapping[str, Any], today: date) -> Iterable[Hit]:
        """`results`."""
        for row in rows(answer, "results"):
            yield _hit(row, "url", row.get("content"), row.get("published_date"), today)


class Exa(HttpSearch):
    """Exa's search, with the sentences of a page that fit the query."""

    name = "Exa"
    address = "https://api.exa.ai/search"

    def ask(self, query: str, recency_days: int, count: int) -> Ask:
        """Dates are exact here."""
        body: dict[str, Any] = {
            "query": query,
            "numResults": min(count, 25),
            "type": "auto",
            "contents": {"highlights": True},
        }
        if recency_days > 0:
            first = date.today() - timedelta(min(recency_days, 36_500))
            body["startPublishedDate"] = f"{first.isoformat()}T00:00:00.000Z"
        return Ask(headers={"x-api-key": self._key}, body=body)

    def hits(self, answer: Mapping[str, Any], today: date) -> Iterable[Hit]:
        """`results`: highlights, or the summary, or the text."""
        for row in rows(answer, "results"):
            highlights: Any = row.get("highlights")
            first: Any = highlights[0] if isinstance(highlights, list) and highlights else None
            snippet = first or row.get("summary") or row.get("text")
            yield _hit(row, "url", snippet, row.get("publishedDate"), today)


class Serper(HttpSearch):
    """Serper, which asks Google."""

    name = "Serper"
    address = "https://google.serper.dev/search"

    def ask(self, query: str, recency_days: int, count: int) -> Ask:
        """Recency goes as Google's `tbs`."""
        body: dict[str, Any] = {"q": query, "num": max(10, min(count, 100))}
        if days := recency(recency_days):
            body["tbs"] = f"qdr:{days[0]}"
        return Ask(headers={"X-API-KEY": self._key}, body=body)

    def hits(self, answer: Mapping[str, Any], today: date) -> Iterable[Hit]:
        """`organic`, which is missing where nothing was found."""
        for row in rows(answer, "organic"):
            yield _hit(row, "link", row.get("snippet"), row.get("date"), today)


class Zhipu(HttpSearch):
    """Zhipu's web search."""

    name = "Zhipu"
    address = "https://open.bigmodel.cn/api/paas/v4/web_search"
    _ENGINE = "search_std"
    _RECENCY: ClassVar = {
        "day": "oneDay",
        "week": "oneWeek",
        "month": "oneMonth",
        "year": "oneYear",
    }

    def ask(self, query: str, recency_days: int, count: int) -> Ask:
        """The service takes 70 characters of a query, and up to 50 results."""
        body: dict[str, Any] = {
            "search_query": _words(query, 70),
            "search_engine": self._ENGINE,
            "count": max(1, min(count, 50)),
            "search_recency_filter": self._RECENCY.get(recency(recency_days), "noLimit"),
            "content_size": "medium",
        }
        return Ask(headers={"Authorization": f"Bearer {self._key}"}, body=body)

    def hits(self, answer: Mapping[str, Any], today: date) -> Iterable[Hit]:
        """`search_result`."""
        for row in rows(answer, "search_result"):
            yield _hit(row, "link", row.get("content"), row.get("publish_date"), today)


class Zai(Zhipu):
    """The same service outside China."""

    name = "Z.ai"
    address = "https://api.z.ai/api/paas/v4/web_search"
    _ENGINE = "search-prime"


def _words(query: str, limit: int) -> str:
    """As many whole words as fit."""
    if len(query) <= limit:
        return query
    space = query.rfind(" ", 0, limit + 1)
    return query[: space if space > limit // 2 else limit]
