"""Stateful Python kernels for model-written code.

    async with KernelPool(kind="auto") as pool, pool.kernel() as kernel:
        result = await kernel.execute("x = 1; x + 1", timeout=30)

Imports neither glm_agent nor torch; useful on its own. Kind "auto" takes the strongest isolation
there is and refuses where there is none; kind "local" is NO isolation and taken by name only.
What no kind defends against: bugs of the machine's kernel, and what the code may read; each module
says more, docs/sandbox.md all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    FileRefused,
    ImageBuildError,
    KernelClosed,
    KernelStartError,
    KindUnavailable,
    LimitUnavailable,
    MissingDependency,
    NoIsolationWarning,
    SandboxError,
    WeakIsolationWarning,
)
from .kinds import AUTO, KINDS, Channels, Launcher, strongest_or_local
from .pool import KernelPool
from .results import DEFAULT_BOUNDS, Bounds, ExecutionResult, Image, Limits, Status
from .sync import SyncKernel

if TYPE_CHECKING:
    from .kernel import Kernel

__all__ = [
    "AUTO",
    "DEFAULT_BOUNDS",
    "KINDS",
    "Bounds",
    "Channels",
    "ExecutionResult",
    "FileRefused",
    "Image",
    "ImageBuildError",
    "Kernel",
    "KernelClosed",
    "KernelPool",
    "KernelStartError",
    "KindUnavailable",
    "Launcher",
    "LimitUnavailable",
    "Limits",
    "MissingDependency",
    "NoIsolationWarning",
    "SandboxError",
    "Status",
    "SyncKernel",
    "WeakIsolationWarning",
    "strongest_or_local",
]


def __getattr__(name: str) -> Any:
    if name == "Kernel":  # loads zmq
        from .kernel import Kernel

        return Kernel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
