"""Launchers of kernels as processes of this user on this machine, with a work folder on its disk.

The process runs under the guard (`guard.py`), so it ends with its owner and leaves no folder. It
listens on Unix sockets in its private folder; its connection file is written for it and never
read back. Linux and macOS. Does not do: isolating; a subclass says what the process is run behind,
if anything.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
from abc import abstractmethod
from pathlib import Path

import anyio
import anyio.to_thread

from ..errors import KernelStartError
from ..folder import WorkFolder
from ..isolation.guarded import Guarded
from ..results import Limits
from .base import PRELOAD, Channels, new_connection
from .held import HeldLauncher
from .places import private_folder


class ProcessLauncher(HeldLauncher[Guarded]):
    """One kernel as a process.

    Args:
        limits: Its bounds.
        work: The work folder; None for one in the private folder.
        python: The kernel's interpreter; None for this process's.
    """

    def __init__(self, limits: Limits, work: Path | None, python: str | None) -> None:
        super().__init__()
        self._limits = limits
        self._python = python or sys.executable
        self._private = private_folder()
        self._temporary = self._private / "tmp"
        self._temporary.mkdir()
        if work is None:
            work = self._private / "work"
            work.mkdir()
        self.work = WorkFolder(work, limits.file_bytes)
        self._starts = 0
        self._words = self._private / "stderr"

    @abstractmethod
    def _command(self, connection: Path, sockets: Path) -> list[str]:
        """The command line.

        Args:
            connection: The connection file.
            sockets: The folder in which the kernel makes its sockets.
        """

    @abstractmethod
    def _environment(self) -> dict[str, str]:
        """The whole environment of the process, but for what it is to preload."""

    async def start(self) -> Channels:
        """A new kernel process in a runtime folder of its own."""
        from ..channels import connect

        await self.stop()
        environment = self._environment()
        if self.preload:
            environment["GLM_SANDBOX_PRELOAD"] = PRELOAD
        self._starts += 1
        runtime = self._private / str(self._starts)
        sockets = runtime / "s"
        for folder in (runtime, sockets, self._temporary):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.work.path.mkdir(exist_ok=True)  # the code may have removed it
        connection = new_connection(sockets)
        file = runtime / "c.json"
        file.write_text(json.dumps(connection), "utf-8")
        self._words = runtime / "stderr"
        try:
            self._held = Guarded(
                self._command(file, sockets),
                {"folders": [str(self._private)]},
                [],
                self._words,
                environment=environment,
                folder=self.work.path,
            )
        except OSError as error:
            raise KernelStartError(f"cannot start a kernel process: {error}") from error
        self._channels = connect(connection)
        return self._channels

    async def interrupt(self) -> None:
        """SIGINT to the kernel and the programs that it runs."""
        if self._held is not None:
            self._held.signal_group(signal.SIGINT)

    async def aclose(self) -> None:
        """End everything and remove what was made."""
        with anyio.CancelScope(shield=True):
            await self.stop()
            await anyio.to_thread.run_sync(shutil.rmtree, self._private, True)
