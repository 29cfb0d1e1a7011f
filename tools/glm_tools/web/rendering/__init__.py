"""Rendering: pages that a script builds, in the system's Chromium, behind the guard of fetching.

Needs the extra `render` (Playwright) and a Chromium of the system.

Does not do: fetching what is readable without scripts (`glm_tools.web.fetch`).
"""

from __future__ import annotations

from .need import needs_rendering
from .renderer import Rendered, Renderer, RenderError, chromium_path

__all__ = ["RenderError", "Rendered", "Renderer", "chromium_path", "needs_rendering"]
