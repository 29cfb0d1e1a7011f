"""Searching without a key through the package ddgs, which reads the result pages of web engines.

It breaks when an engine changes its pages and is limited quickly, and an engine's terms may forbid
it; so it is an extra (`pip install 'glm-agent[ddgs]'`) and never chosen by itself.

Does not do: HTTP of its own; ddgs connects as it likes, by no guard of ours and by no proxy.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from glm_agent.errors import ConfigurationError

from .base import Hit, SearchError
from .clean import day_of, plain_text, recency, tidy

logger = logging.getLogger(__name__)


class Ddgs:
    """Search engines by way of ddgs.

    Args:
        backend: Which engines, as ddgs names them: `auto`, or for example `duckduckgo,brave`.
        timeout: Seconds for one engine.

    Raises:
        ConfigurationError: The package is not installed.
    """

    def __init__(self, backend: str = "auto", timeout: float = 10.0) -> None:
        if find_spec("ddgs") is None:
            raise ConfigurationError("search: ddgs needs: pip install 'glm-agent[ddgs]'")
        self._backend = backend
        self._timeout = timeout

    def search(self, query: str, recency_days: int = -1, count: int = 5) -> list[Hit]:
        """See `SearchProvider.search`. Nothing found is an exception in ddgs; here it is none."""
        ddgs: Any = import_module("ddgs")
        errors: Any = import_module("ddgs.exceptions")
        limit = recency(recency_days)[:1] or None
        results: list[dict[str, Any]] = []
        for last in (False, True):
            try:
                with ddgs.DDGS(timeout=max(1, round(self._timeout))) as client:
                    results = client.text(
                        query, timelimit=limit, max_results=count + 5, backend=self._backend
                    )
            except errors.RatelimitException as error:
                if last:
                    raise SearchError(
                        "the search engines limit how often they are asked"
                    ) from error
                time.sleep(1.0)
                continue
            except errors.TimeoutException as error:
                raise SearchError("the search engines did not answer in time") from error
            except errors.DDGSException as error:
                logger.info("ddgs: %s", error)
                if "no results" in str(error).lower():
                    return []
                raise SearchError("the search engines cannot be read") from error
            break
        today = datetime.now(UTC).date()
        hits = [
            Hit(
                plain_text(row.get("title")) or str(row.get("href", "")),
                str(row.get("href", "")),
                plain_text(row.get("body")),
                day_of(row.get("date"), today),
            )
            for row in results
        ]
        return tidy(hits, recency_days, count, today)
