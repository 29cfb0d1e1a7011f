"""IPython's tracebacks cut down to what the writer of the code can use.

Frames of the cell and of files in the work folder stay; frames of libraries go, with their number
told. Works on the text only, since it comes from the kernel and is trusted with nothing. Does not
do: telling a traceback from text that only looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from .output import plain

_FRAME = re.compile(r"\s*(?:Cell In\s?\[|File )")
_OWN = re.compile(r"\s*(?:Cell In\s?\[|File ~/(?!\.))")  # the kernel's home is the work folder
_RULE = re.compile(r"-{20,}\s*")
_HEADER = re.compile(r"\S.*\s{2,}Traceback \(most recent call last\)\s*")
MAX_PARTS = 5000


def trim(name: str, value: str, parts: Sequence[str]) -> str:
    """The text of a traceback.

    Args:
        name: The exception's class name.
        value: Its message.
        parts: The entries of a Jupyter `error` message's `traceback`, roughly one per frame.
    """
    entries = [plain(part) for part in parts[:MAX_PARTS]]
    kept: list[str] = []
    hidden = 0
    for entry, group in groupby(entries):
        count = len(list(group))
        if not _FRAME.match(entry):
            text = "" if _RULE.fullmatch(entry) else entry.strip("\n")
            if _HEADER.fullmatch(text):
                text = "Traceback (most recent call last):"
        elif _OWN.match(entry):
            text = entry.rstrip()
            if count > 3:
                text += f"\n[the same frame {count - 1:,} more times]"
            elif count > 1:
                text = "\n".join([text] * count)
        else:
            hidden += count
            continue
        if hidden:
            kept.append(_hidden(hidden))
            hidden = 0
        if text:
            kept.append(text)
    if hidden:
        kept.append(_hidden(hidden))
    text = "\n".join(kept).strip("\n")
    return text or (f"{name}: {value}" if value else name)


def _hidden(count: int) -> str:
    return f"[{count:,} frame{'s' if count > 1 else ''} of library code]"
