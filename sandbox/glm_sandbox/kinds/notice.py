"""Warnings that a kind isolates less than the others, each given once per process.

Does not do: deciding which kind is taken (`kinds/__init__.py`).
"""

from __future__ import annotations

import contextlib
import inspect
import warnings
from pathlib import Path

_given: set[type[Warning]] = set()


def warn_once(category: type[Warning], text: str) -> None:
    """Give a warning of a category, unless one was given; it names the caller's line."""
    if category in _given:
        return
    _given.add(category)
    frame, level = inspect.currentframe(), 1
    between = (str(Path(__file__).parents[1]), contextlib.__file__)
    while frame and frame.f_code.co_filename.startswith(between):  # blame the caller's line
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
