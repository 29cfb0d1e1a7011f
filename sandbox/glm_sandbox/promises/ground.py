"""Where an attack from outside takes place.

Does not do: attacking.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from ..kernel import Kernel
from ..kinds import launcher_class
from ..pool import KernelPool
from ..results import Limits
from .scene import Scene

SMALL = Limits(memory="256MiB", disk="48MiB", processes=64)
_BOUNDS = ("memory", "disk", "processes", "cpus")


class NotBounded(Exception):
    """There is no such bound here; the reason."""


def small(kind: str, limits: Limits = SMALL) -> Limits:
    """Limits as far as a kind can keep to them on this machine."""
    bounded = launcher_class(kind).enforces()
    return replace(limits, **{name: None for name in _BOUNDS if name not in bounded})


@dataclass(frozen=True, slots=True)
class Ground:
    """Where an attack takes place: the kind, the targets, and a kernel that some share."""

    kind: str
    scene: Scene
    shared: Kernel

    @asynccontextmanager
    async def kernel(self, limits: Limits = SMALL, needs: str = "") -> AsyncGenerator[Kernel]:
        """A kernel of one's own, within `limits` as far as the kind can keep to them.

        Raises:
            NotBounded: it cannot keep to the one that the attack `needs`.
        """
        if needs and needs not in launcher_class(self.kind).enforces():
            raise NotBounded(f"kind {self.kind!r} does not bound {needs} here")
        async with KernelPool(kind=self.kind, limits=small(self.kind, limits)).kernel() as kernel:
            await kernel.start()
            yield kernel
