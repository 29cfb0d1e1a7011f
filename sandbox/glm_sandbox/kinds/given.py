"""A work folder of the caller's, of which an isolated kernel works on a copy.

It is copied in when the kernel first starts, and what an execution changed is copied back after
it, by handles that follow no link. So no folder of the caller's is there for the code to write to,
and hidden files (a repository's, say) are never written by it. Does not do: kinds whose files are
not on this machine (`gateway`), or that work in the folder itself (`local`).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import anyio.to_thread

from ..errors import FileRefused, KernelStartError
from ..folder import WorkFolder
from ..results import Limits
from ..transfer import TooMuch, copy


class GivenFolder:
    """One folder of the caller's; made where it is not there.

    Args:
        path: Where it is.
        limits: `disk` and `file_bytes` of these bound what is copied.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path.expanduser().resolve()
        self._path.mkdir(parents=True, exist_ok=True)
        self._folder = WorkFolder(self._path, limits.file_bytes)
        self._room = limits.bounds().disk

    async def fill(self, target: int, owner: int | None = None) -> None:
        """Copy everything into the folder of a handle.

        Args:
            target: The handle.
            owner: The user and group of the copies; None for our own.

        Raises:
            KernelStartError: it does not fit.
        """
        given = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            await anyio.to_thread.run_sync(copy, given, target, self._room, owner)
        except (TooMuch, OSError) as error:
            raise KernelStartError(
                f"{self._path} does not fit into {self._room:,} bytes; set Limits(disk=…) higher",
                str(error),
            ) from None
        finally:
            os.close(given)

    async def keep(
        self, work: WorkFolder, changed: tuple[str, ...], removed: tuple[str, ...] = ()
    ) -> None:
        """Copy changed files back from a kernel's `work` folder, and remove removed ones."""
        await anyio.to_thread.run_sync(self._keep, work, changed, removed)

    def _keep(self, work: WorkFolder, changed: tuple[str, ...], removed: tuple[str, ...]) -> None:
        for name in changed:
            with contextlib.suppress(FileRefused):
                self._folder.put(name, work.get(name))
        for name in removed:
            with contextlib.suppress(FileRefused, OSError):
                self._folder.remove(name)
