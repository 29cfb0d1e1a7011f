"""What goes into a kernel's making and what comes out of an execution: plain data.

Does not do: enforcing the limits (the kinds and the collector do).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "error", "timeout", "died"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one kernel.

    `seconds`: how long one execution may take when it names no timeout of its own.
    `output`: characters of text kept of one execution, head and tail.
    `images`, `image_bytes`: how many pictures, and how large together, are kept of one execution.
    `file_bytes`: the largest file that `get` and `put` move.
    `start_seconds`: how long a kernel may take to come up.
    `memory`, `disk` (bytes, or text such as "1GiB") and `processes`: None for no bound. A kind
    that cannot enforce one of these three refuses it with `LimitUnavailable`.
    """

    seconds: float = 60.0
    output: int = 20_000
    images: int = 8
    image_bytes: int = 16 * 1024 * 1024
    file_bytes: int = 256 * 1024 * 1024
    start_seconds: float = 60.0
    memory: int | str | None = None
    disk: int | str | None = None
    processes: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture. `media_type` is `image/png` or `image/jpeg`."""

    data: bytes = field(repr=False)
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What one execution brought.

    `status`: "ok"; "error" when the code raised; "timeout" when it was stopped; "died" when the
    kernel process ended under it. `text`: stdout and stderr in the order written, the last value,
    the traceback, without terminal codes. `files`: names of the files that are new or changed in
    the work folder. `truncated`: something of the text or the images was left out, and the text
    says how much. `seconds`: wall time. `state_lost`: what earlier executions defined is gone,
    because the kernel was lost in this execution or this is the first one after that.
    `detail`: for "timeout" and "died", what happened to the kernel in a few words.
    """

    status: Status
    text: str = ""
    images: tuple[Image, ...] = ()
    files: tuple[str, ...] = ()
    truncated: bool = False
    seconds: float = 0.0
    state_lost: bool = False
    detail: str = ""
