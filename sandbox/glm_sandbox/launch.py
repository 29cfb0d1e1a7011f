"""Where kernels of a kind come from: the seam at which isolation plugs in.

A `Launcher` owns one kernel's place (its work folder, its process, its sockets) and is all that
`Kernel` knows of a kind. A new kind is a subclass named in `KINDS`; nothing else changes. A kind
that is missing or that cannot keep a promise refuses: there is no falling back to a weaker one.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .errors import KindUnavailable, LimitUnavailable
from .folder import WorkFolder
from .results import Limits

if TYPE_CHECKING:
    from jupyter_client.asynchronous.client import AsyncKernelClient

# name -> "module:class" of its Launcher, loaded on use
KINDS = {"local": "glm_sandbox.local:LocalLauncher"}


class Launcher(ABC):
    """Starts, signals and ends the process of one kernel, again and again until closed."""

    work: WorkFolder
    isolated: bool = True
    enforces: frozenset[str] = frozenset()  # of Limits: "memory", "disk", "processes"

    @abstractmethod
    async def start(self) -> AsyncKernelClient:
        """A new kernel process and a client whose channels run. Raises `KernelStartError`."""

    @abstractmethod
    async def ended(self) -> str | None:
        """None while the process lives, else how it ended, such as "exit status 1"."""

    @abstractmethod
    async def interrupt(self) -> None:
        """SIGINT to what runs in the kernel."""

    @abstractmethod
    async def kill(self) -> None:
        """End the process and all its children, now; the client stays open. Idempotent."""

    @abstractmethod
    async def stop(self) -> None:
        """`kill`, and close the client. Idempotent."""

    @abstractmethod
    def last_words(self) -> str:
        """The end of what the process wrote to its own stderr."""

    @abstractmethod
    async def aclose(self) -> None:
        """`stop`, and remove every file that was made for the kernel. Idempotent."""


LauncherFactory = Callable[[Limits, Path | None, str | None], Launcher]


def launcher_for(kind: str, limits: Limits) -> LauncherFactory:
    """What makes launchers of a kind, after checking that it exists and can keep `limits`.

    Raises:
        KindUnavailable: there is no such kind.
        LimitUnavailable: the kind cannot enforce one of the limits.
    """
    place = KINDS.get(kind)
    if place is None:
        known = ", ".join(repr(name) for name in KINDS)
        if kind == "auto":
            raise KindUnavailable(
                "no isolated kind of kernel is built in yet, and 'auto' does not fall back to an "
                f"unprotected one; choose by name: {known}"
            )
        raise KindUnavailable(f"there is no kind of kernel {kind!r}; there is: {known}")
    module, _, name = place.partition(":")
    factory = cast("type[Launcher]", getattr(importlib.import_module(module), name))
    for limit in ("memory", "disk", "processes"):
        if getattr(limits, limit) is not None and limit not in factory.enforces:
            raise LimitUnavailable(
                f"kernels of kind {kind!r} cannot bound {limit}; leave Limits({limit}=None)"
            )
    return cast("LauncherFactory", factory)
