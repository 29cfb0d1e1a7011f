"""GLM-4's `simple_browser`: search, read and quote pages, in the formats the model was trained on.

Does not do: forms, logins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .tool import SimpleBrowserTool

if TYPE_CHECKING:
    from glm_agent.messages import Source

    from .browser import SimpleBrowser
    from .formats import BrowserObservation, Quote

__all__ = ["BrowserObservation", "Quote", "SimpleBrowser", "SimpleBrowserTool", "Source"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # these load what reads pages
        from . import browser

        return getattr(browser, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
