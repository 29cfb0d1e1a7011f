"""What goes into a kernel's making and what comes out of an execution: plain data.

Does not do: enforcing the limits (the kinds and the collector do).
"""

from __future__ import annotations

import re
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
    `memory`, `disk` (bytes, or text such as "1GiB"), `processes` and `cpus` (may be a fraction):
    None for the kind's own bound, which is `DEFAULT_BOUNDS` for "bubblewrap" and "docker" and none
    for the others. A kind that cannot enforce one of these refuses it with `LimitUnavailable`.

    Raises:
        ValueError: a bound is not above 0, or no size.
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
    cpus: float | None = None

    def __post_init__(self) -> None:
        self.bounds()

    def bounds(self) -> Bounds:
        """The bounds as plain numbers, with `DEFAULT_BOUNDS` where None was said."""
        default = DEFAULT_BOUNDS
        bounds = Bounds(
            memory=default.memory if self.memory is None else size(self.memory),
            disk=default.disk if self.disk is None else size(self.disk),
            processes=default.processes if self.processes is None else self.processes,
            cpus=default.cpus if self.cpus is None else float(self.cpus),
        )
        if bounds.processes <= 0 or not bounds.cpus > 0:
            raise ValueError("Limits(processes=…, cpus=…) must be above 0")
        return bounds


@dataclass(frozen=True, slots=True)
class Bounds:
    """`Limits` of an isolated kernel as plain numbers.

    `memory`, `disk`: bytes, all processes and all files together. `processes`: with threads.
    `cpus`: processor seconds a second. `open_files`: of one process.
    """

    memory: int
    disk: int
    processes: int
    cpus: float
    open_files: int = 1024


GIB = 1024**3
DEFAULT_BOUNDS = Bounds(memory=GIB, disk=GIB, processes=128, cpus=1.0)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def size(value: int | str) -> int:
    """Bytes of a size: a number, or text such as "512 MiB", "1.5GB". Raises `ValueError`."""
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?|)b?\s*", value.lower())
        if not found:
            raise ValueError(f"{value!r} is no size; write it like '512MiB' or '1GiB'")
        value = int(float(found[1]) * _UNITS[found[2]])
    if value <= 0:
        raise ValueError("a bound must be above 0 bytes")
    return value


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
