"""What launchers of kernels on this machine share: a held process, its sockets, how it ended.

Does not do: starting, isolating (a subclass does), making sockets (`channels.py`). So it defends
against nothing by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Generic, Protocol, TypeVar

import anyio

from .base import Channels, Launcher
from .places import last_words


class Held(Protocol):
    """A process with all that it started, as `isolation.guarded.Guarded` is one."""

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        ...

    def ending(self) -> str:
        """How it ended, in words."""
        ...

    async def kill(self) -> None:
        """End it and everything that it started. Idempotent."""
        ...

    async def close(self) -> None:
        """`kill`, and let go of it."""
        ...


P = TypeVar("P", bound=Held)


class HeldLauncher(Launcher, Generic[P]):
    """One kernel with a process on this machine, `_held`, whose own stderr goes to `_words`."""

    _words: Path

    def __init__(self) -> None:
        self._held: P | None = None
        self._channels: Channels | None = None
        self._how = "not started"

    async def ended(self) -> str | None:
        """How the process ended, None while it lives."""
        if self._held is not None:
            if self._held.poll() is None:
                return None
            self._how = self._held.ending()
        return self._how

    async def kill(self) -> None:
        """End the process and its children."""
        with anyio.CancelScope(shield=True):
            if self._held is not None:
                await self._held.kill()

    async def stop(self) -> None:
        """End the process and its children, and close the sockets."""
        with anyio.CancelScope(shield=True):
            channels, self._channels = self._channels, None
            if channels is not None:
                channels.close()
            held, self._held = self._held, None
            if held is not None:
                await held.close()
                self._how = held.ending()

    def last_words(self) -> str:
        """The end of the process's own stderr."""
        return last_words(self._words)
