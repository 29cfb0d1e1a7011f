"""The attacks from inside a kernel, and which of them there are on this system.

The text of the files is run in the kernel that is checked, with the targets in `aim`; nothing else
of glm_sandbox is there. On the host they are imported for the tables at their ends only. Does not
do: carrying them out (`check.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import everywhere, linux, macos
from .everywhere import FILES, NETWORK, PRIVILEGE

__all__ = ["FILES", "INSIDE", "NETWORK", "PRIVILEGE", "on_this_system", "text"]

INSIDE = (FILES, NETWORK, PRIVILEGE)
_OWN = {"darwin": macos, "linux": linux}

Attack = Callable[[], None]


def text() -> str:
    """The code of the attacks."""
    files = (everywhere.__file__, _own().__file__)
    return "\n".join(Path(file).read_text("utf-8") for file in files)


def on_this_system(promise: str) -> Iterator[Attack]:
    """The attacks on a promise."""
    yield from everywhere.ATTACKS.get(promise, ())
    yield from _own().ATTACKS.get(promise, ())


def _own() -> Any:
    return _OWN.get(sys.platform, linux)
