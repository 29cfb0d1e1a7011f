"""GLM-4's `simple_browser`: search, read and quote pages, in the formats the model was trained on.

Does not do: scripts of pages, forms, logins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .tool import SimpleBrowserTool

if TYPE_CHECKING:
    from .browser import BrowserObservation, Quote, SimpleBrowser, Source

__all__ = ["BrowserObservation", "Quote", "SimpleBrowser", "SimpleBrowserTool", "Source"]


def __getattr__(name: str) -> Any:
    if name in {
        "BrowserObservation",
        "Quote",
        "SimpleBrowser",
        "Source",
    }:  # these load bs4, requests
        from . import browser

        return getattr(browser, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
