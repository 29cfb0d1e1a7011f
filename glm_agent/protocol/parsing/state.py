"""Where the parser of the name-newline format is in a segment.

Does not do: going from one to the next (`stream.py`).
"""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """What the next text belongs to."""

    HEAD = auto()  # in the first line, which may still be a name
    TEXT = auto()
    LATE = auto()  # in text that may be a call: the segment's end will tell
    PAYLOAD = auto()
    FOLLOWING = auto()  # after a call that is given out already
    UNKNOWN = auto()  # after a line that looks like a name, before its payload
    HELD = auto()  # after such a line and a "{": the stop token will tell
