"""What a search back end is: one method, and the hits that it gives.

Does not do: searching (`engines.py` asks services, `glm_tools.web.index` searches a folder).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class SearchError(Exception):
    """A search failed. The text is one line and may be shown to the model."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. `snippet` is plain text on one line; `date` is ISO 8601, or empty if unknown."""

    title: str
    url: str
    snippet: str
    date: str = ""


@runtime_checkable
class SearchProvider(Protocol):
    """A search back end. Called in a worker thread, by several threads at once."""

    def search(self, query: str, recency_days: int, count: int) -> list[Hit]:
        """The best `count` hits at most, best first.

        Args:
            query: What to search for, never empty.
            recency_days: Drop what is known to be older than this many days; no limit below 1.
            count: The most hits to return.

        Raises:
            SearchError: The back end cannot be reached or answers nonsense.
        """
        ...
