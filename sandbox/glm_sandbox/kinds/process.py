"""Launchers of kernels as processes of this user on this machine, with a work folder on its disk.

The process runs under the guard (`guard.py`), so it ends with its owner and leaves no folder. It
listens on Unix sockets in its private folder; its connection file is written for it and never
read back. Linux and macOS. Does not do: isolating; a subclass says what the process is run behind,
if anything.
"""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
from abc import abstractmethod
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import anyio.to_thread

from ..errors import KernelStartError
from ..folder import WorkFolder
from ..isolation.guarded import describe
from ..results import Limits
from .base import PRELOAD, Channels, Launcher
from .places import last_words, private_folder

# jupyter_client logs each failure that it also raises; raised is enough.
_LOG = logging.getLogger("glm_sandbox.jupyter")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class ProcessLauncher(Launcher):
    """One kernel as a process.

    Args:
        limits: Its bounds.
        work: The work folder; None for one in the private folder.
        python: The kernel's interpreter; None for this process's.
    """

    def __init__(self, limits: Limits, work: Path | None, python: str | None) -> None:
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
        self._manager: Any = None
        self._channels: Channels | None = None
        self._stderr = self._private / "stderr"
        self._status: int | None = None

    @abstractmethod
    def _command(self, sockets: Path) -> list[str]:
        """The command line, with "{connection_file}" in it.

        Args:
            sockets: The folder in which the kernel makes its sockets.
        """

    @abstractmethod
    def _environment(self) -> dict[str, str]:
        """The whole environment of the process, but for what it is to preload."""

    async def start(self) -> Channels:
        """A new kernel process in a runtime folder of its own."""
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager

        from ..channels import connect
        from .guarded import GuardedProvisioner, OneSpec

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
        spec = KernelSpec(argv=self._command(sockets), display_name="Python", language="python")
        manager = AsyncKernelManager(
            connection_file=str(runtime / "c.json"),
            transport="ipc",
            ip=str(sockets / "k"),
            log=_LOG,
            kernel_spec_manager=OneSpec(spec),
        )
        provisioner = GuardedProvisioner(
            kernel_id=str(uuid4()), kernel_spec=spec, parent=manager, log=_LOG
        )
        provisioner.folders = (str(self._private),)
        manager.provisioner = provisioner
        self._manager, self._status = manager, None
        self._stderr = runtime / "stderr"
        try:
            with self._stderr.open("wb") as stderr:
                await manager.start_kernel(
                    cwd=str(self.work.path),
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                )
        except OSError as error:
            await self.stop()
            raise KernelStartError(f"cannot start a kernel process: {error}") from error
        self._channels = connect(manager.get_connection_info())
        return self._channels

    async def ended(self) -> str | None:
        """How the process ended, None while it lives."""
        if self._manager is not None and self._manager.provisioner.has_process:
            self._status = await self._manager.provisioner.poll()
            if self._status is None:
                return None
        return describe(self._status)

    async def interrupt(self) -> None:
        """SIGINT to the kernel and the programs that it runs."""
        if await self.ended() is None:
            await self._manager.provisioner.send_signal(signal.SIGINT)

    async def kill(self) -> None:
        """End the process and its children."""
        with anyio.CancelScope(shield=True):
            if self._manager is not None and self._manager.provisioner.has_process:
                await self._manager.provisioner.kill()

    async def stop(self) -> None:
        """End the process and its children, and close the sockets."""
        with anyio.CancelScope(shield=True):
            channels, self._channels = self._channels, None
            manager, self._manager = self._manager, None
            if manager is None:
                return
            if channels is not None:
                channels.close()
            if manager.provisioner.has_process:
                await manager.provisioner.kill()
                await manager.provisioner.wait()
            await manager.cleanup_resources()

    def last_words(self) -> str:
        """The end of the process's own stderr."""
        return last_words(self._stderr)

    async def aclose(self) -> None:
        """End everything and remove what was made."""
        with anyio.CancelScope(shield=True):
            await self.stop()
            await anyio.to_thread.run_sync(shutil.rmtree, self._private, True)
