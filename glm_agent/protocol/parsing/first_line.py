"""Whether a segment's first line can still become a tool's name.

Does not do: what follows the name (`stream.py`), names within text (`watch.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from .watch import LONGEST_NAME

# What a name looks like that no tool has, with blanks after it.
NAME = re.compile(r"[A-Za-z_][\w.\-]*[ \t\r]*")


def may_be_name(line: str, names: Collection[str]) -> bool:
    """Whether `line` is the start of a line with a name; once it is not, no more text helps."""
    if len(line) > LONGEST_NAME:
        return False
    start = line.lstrip(" \t\r")
    return (
        not start
        or NAME.fullmatch(start) is not None
        or start.rstrip(" \t\r") in names
        or any(name.startswith(start) for name in names)
    )
