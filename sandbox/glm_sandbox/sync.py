"""The synchronous face: the same kernel, driven from an event loop in a thread of its own.

Does not do: anything of its own; every method waits for its async twin.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from anyio.from_thread import start_blocking_portal

from .pool import KernelPool
from .results import ExecutionResult, Limits


class SyncKernel:
    """A `Kernel` for code that is not async; a context manager.

    Args:
        kind: See `KernelPool`.
        limits: Its bounds.
        folder: Work folder that stays after closing; None for a temporary one.
        python: The kernel's interpreter; None for this process's own.
    """

    def __init__(
        self,
        *,
        kind: str = "auto",
        limits: Limits | None = None,
        folder: Path | str | None = None,
        python: str | None = None,
    ) -> None:
        self._kernel = KernelPool(kind=kind, limits=limits, python=python).claim(folder)
        self._stack = ExitStack()
        self._portal = self._stack.enter_context(start_blocking_portal("asyncio"))

    def start(self) -> None:
        """See `Kernel.start`."""
        self._portal.call(self._kernel.start)

    def alive(self) -> bool:
        """See `Kernel.alive`."""
        return self._portal.call(self._kernel.alive)

    def execute(self, code: str, timeout: float | None = None) -> ExecutionResult:
        """See `Kernel.execute`. Ctrl-C interrupts the code and leaves the kernel usable."""
        future = self._portal.start_task_soon(self._kernel.execute, code, timeout)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def interrupt(self) -> None:
        """See `Kernel.interrupt`; to be called from another thread."""
        self._portal.call(self._kernel.interrupt)

    def restart(self) -> None:
        """See `Kernel.restart`."""
        self._portal.call(self._kernel.restart)

    def put(self, name: str, data: bytes) -> None:
        """See `Kernel.put`."""
        self._portal.call(self._kernel.put, name, data)

    def get(self, name: str) -> bytes:
        """See `Kernel.get`."""
        return self._portal.call(self._kernel.get, name)

    def files(self) -> list[str]:
        """See `Kernel.files`."""
        return self._portal.call(self._kernel.files)

    def close(self) -> None:
        """See `Kernel.aclose`."""
        try:
            self._portal.call(self._kernel.aclose)
        except RuntimeError:  # closed before
            return
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
