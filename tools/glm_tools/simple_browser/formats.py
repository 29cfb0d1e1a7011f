"""The texts of observations, as the published browser (THUDM/GLM-4, composite_demo) wrote them.

Does not do: deciding what is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from glm_agent.messages import Source

from ..web.reading.page import host_of
from ..web.text import one_line

_URL_SHOWN = 80


@dataclass(frozen=True, slots=True)
class BrowserObservation:
    """What the model reads; `metadata` is the text after `<|observation|>`: `browser_result`, …"""

    text: str
    metadata: str
    sources: tuple[Source, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether this is a `system_error`."""
        return self.metadata == "system_error"


@dataclass(frozen=True, slots=True)
class Quote:
    """A page that an answer may cite as 【id†source】; `text` is what was shown of it."""

    id: int
    title: str
    url: str
    text: str


def visible(first: int, last: int) -> str:
    """The line that says which part of a page is shown, in percent of its text."""
    return f"Visible: {first}% - {last}%"


def page_text(title: str, lines: list[str], first: int = 0, last: int = 100) -> str:
    """A page of a search or a site, with its title above and its share below."""
    heading = f"TITLE: {title}\n\n" if title else ""
    return heading + "\n".join([*lines, visible(first, last)])


def result_lines(number: int, title: str, url: str, snippet: str) -> list[str]:
    """One search result."""
    return [f" # 【{number}†{title}†{one_line(host_of(url))}】", snippet]


def label(number: int) -> str:
    """The metadata of a quoted page."""
    return f"quote_result [{number}†source]"


def dead_page(number: int, url: str, reason: str) -> BrowserObservation:
    """A link of `mclick` that could not be loaded."""
    return _dead(number, f"'{reason}'", f"Error fetching url {short(url)}")


def invalid_link(number: int) -> BrowserObservation:
    """An id of `mclick` that is no link of the page."""
    return _dead(number, "None", f"Error parsing ID {number}")


def _dead(number: int, permanent: str, feedback: str) -> BrowserObservation:
    return BrowserObservation(
        f"recorded='click({number})' temporary=None permanent={permanent} new_state=None "
        f"final=None success=False feedback='{feedback}' metadata={{}}",
        "system_error",
    )


def error(line: str, reason: str) -> BrowserObservation:
    """An action that failed as a whole."""
    return BrowserObservation(
        f"Error when executing command {one_line(line)}\nError: {reason}", "system_error"
    )


def short(url: str) -> str:
    """A URL for an error message."""
    url = one_line(url, 4000)
    if len(url) <= _URL_SHOWN:
        return url
    return f"{url[:_URL_SHOWN]}... (URL truncated at {_URL_SHOWN} chars)"
