"""Where an attack from outside takes place.

Does not do: attacking.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ..kernel import Kernel
from ..kinds import launcher_class
from ..pool import KernelPool
from ..results import Limits
from .scene import Scene

SMALL = Limits(memory="256MiB", disk="48MiB", processes=64)


class NotBounded(Exception):
    """There is no such bound here; the reason."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where an attack takes place: the kind, the targets, and a kernel that some share."""

    kind: str
    scene: Scene
    shared: Kernel

    @asynccontextmanager
    async def kernel(self, limits: Limits = SMALL) -> AsyncGenerator[Kernel]:
        """A kernel of one's own."""
        bounded = launcher_class(self.kind).enforces()
        names = [name for name in ("memory", "disk", "processes", "cpus") if name not in bounded]
        if any(getattr(limits, name) is not None for name in names):
            raise NotBounded(f"kind {self.kind!r} does not bound {', '.join(names)} here")
        async with KernelPool(kind=self.kind, limits=limits).kernel() as kernel:
            await kernel.start()
            yield kernel
