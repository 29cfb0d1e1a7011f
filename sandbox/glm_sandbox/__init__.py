"""Stateful Python kernels for model-written code.

    async with KernelPool(kind="local") as pool, pool.kernel() as kernel:
        result = await kernel.execute("x = 1; x + 1", timeout=30)

Imports neither glm_agent nor torch; useful on its own. The only kind so far is "local", which is
NO isolation: code runs with the rights of this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    FileRefused,
    KernelClosed,
    KernelStartError,
    KindUnavailable,
    LimitUnavailable,
    MissingDependency,
    NoIsolationWarning,
    SandboxError,
)
from .launch import KINDS, Launcher
from .pool import KernelPool
from .results import ExecutionResult, Image, Limits, Status
from .sync import SyncKernel

if TYPE_CHECKING:
    from .kernel import Kernel

__all__ = [
    "KINDS",
    "ExecutionResult",
    "FileRefused",
    "Image",
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
]


def __getattr__(name: str) -> Any:
    if name == "Kernel":  # loads zmq
        from .kernel import Kernel

        return Kernel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
