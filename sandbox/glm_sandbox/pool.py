"""Kernels of one kind, optionally some ready before they are asked for.

Does not do: falling back. Where "auto" finds no isolation, there is no pool.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from .errors import KernelClosed
from .kinds import launcher_for
from .results import Limits

if TYPE_CHECKING:
    from .kernel import Kernel


_LATER = 0.25  # seconds from taking a warm kernel to starting the next


class KernelPool:
    """Makes kernels.

    Args:
        kind: Where they run (`KINDS`). "auto" is the strongest isolation that there is here;
            "local" a plain process of this user, without isolation.
        warm: How many started kernels, with numpy, pandas and pyplot imported, to hold ready;
            works inside `async with` only.
        limits: Bounds of each kernel.
        python: The kernels' interpreter; None for this process's own.

    Raises:
        KindUnavailable: there is no such kind, or not here.
        LimitUnavailable: the kind cannot enforce a limit that was set.
    """

    def __init__(
        self,
        *,
        kind: str = "auto",
        warm: int = 0,
        limits: Limits | None = None,
        python: str | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.kind, self._make = launcher_for(kind, self.limits)
        self._python = python
        self._warm = warm
        self._ready: list[asyncio.Task[Kernel]] = []
        self._given: set[Kernel] = set()
        self._closed = False

    def claim(self, folder: Path | str | None = None, *, preload: bool = False) -> Kernel:
        """A kernel of one's own, to be closed with `aclose()`; started on first use.

        Args:
            folder: An existing or new work folder that stays after closing; None for a temporary
                one.
            preload: Also import numpy, pandas and pyplot while it starts, where they are there.
        """
        from .kernel import Kernel

        if self._closed:
            raise KernelClosed("the pool is closed; make another")
        launcher = self._make(self.limits, None if folder is None else Path(folder), self._python)
        launcher.preload = preload
        kernel = Kernel(
            launcher,
            self.limits,
            on_close=self._given.discard,
        )
        self._given.add(kernel)
        return kernel

    @asynccontextmanager
    async def kernel(self, folder: Path | str | None = None) -> AsyncGenerator[Kernel]:
        """A kernel for the length of a block; a warm one where there is one."""
        kernel = await self._take_ready() if folder is None else None
        kernel = kernel or self.claim(folder)
        try:
            yield kernel
        finally:
            with anyio.CancelScope(shield=True):
                await kernel.aclose()

    async def _take_ready(self) -> Kernel | None:
        if not self._ready:
            return None
        done = next((task for task in self._ready if task.done()), self._ready[0])
        self._ready.remove(done)
        try:
            kernel = await asyncio.shield(done)
        except asyncio.CancelledError:
            self._ready.append(done)
            raise
        finally:
            # Not at once, so that whoever waits for a kernel has the processor to themselves.
            asyncio.get_running_loop().call_later(_LATER, self._refill)
        if await kernel.alive():
            return kernel
        await kernel.aclose()  # ended while it waited, for whatever reason
        return None

    async def ready(self) -> None:
        """Wait until the kernels that are held ready have started, or failed to."""
        await asyncio.gather(*self._ready, return_exceptions=True)

    def _refill(self) -> None:
        while not self._closed and len(self._ready) < self._warm:
            self._ready.append(asyncio.create_task(self._started()))

    async def _started(self) -> Kernel:
        kernel = self.claim(preload=True)
        try:
            await kernel.start()
        except BaseException:
            await kernel.aclose()
            raise
        return kernel

    async def aclose(self) -> None:
        """Close every kernel that is still open. Idempotent."""
        self._closed = True
        ready, self._ready = self._ready, []
        for task in ready:
            task.cancel()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await task
        with anyio.CancelScope(shield=True):
            for kernel in list(self._given):
                await kernel.aclose()

    async def __aenter__(self) -> Self:
        self._refill()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
