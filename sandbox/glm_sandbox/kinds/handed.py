"""Launchers that hand a kernel its sockets and take a handle of its files: no folder is shared.

The host makes the listening Unix sockets, in a folder that the kernel cannot see, and passes them
as descriptors. The kernel (`inside.py`) sends back a handle of /mnt/data, a file system in memory
of its own, before any code of the model's has run; files cross by that handle. A work folder of
the caller's is copied in at the start, and what changes is copied back, so that no folder of the
host is ever there for writing. For kernels on this machine, Linux only. Does not do: isolating;
a subclass starts the process, and says behind what.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import struct
import time
from abc import abstractmethod
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from ..errors import KernelStartError
from ..folder import WorkFolder
from ..isolation.guarded import ProcessHandle
from ..results import Limits
from ..transfer import TooMuch, copy
from .base import CHANNELS, Channels, new_connection
from .given import GivenFolder
from .held import Held, HeldLauncher

_BACKLOG = 64


class HandedLauncher(HeldLauncher[Held]):
    """One isolated kernel.

    Args:
        limits: Its bounds.
        folder: A work folder of the caller's, see `Launcher`; None for none.
        user: The user id of its processes.
        private: A new folder that only we can enter.
    """

    def __init__(self, limits: Limits, folder: Path | None, user: int, private: Path) -> None:
        super().__init__()
        self.connection: dict[str, Any] = {}
        self._limits = limits
        self._bounds = limits.bounds()
        self._given = None if folder is None else GivenFolder(folder, limits)
        self._user = user
        self._private = private
        self._words = self._private / "stderr"
        self._files = -1  # handle of /mnt/data
        self._starts = 0
        self._kernel: ProcessHandle | None = None

    @abstractmethod
    def _launch(self, run: Path, hello: int, listening: list[int]) -> Held:
        """Start the kernel. Called in a thread.

        Args:
            run: The private folder of this start.
            hello: Descriptor for GLM_SANDBOX_HELLO.
            listening: Descriptors for GLM_SANDBOX_SOCKETS.

        Raises:
            OSError, KernelStartError: it cannot be started.
        """

    async def start(self) -> Channels:
        """A new kernel process, with the files of the one before."""
        from ..channels import connect

        await self.launch()
        self._channels = connect(self.connection)
        return self._channels

    async def launch(self, again: bool = False) -> None:
        """As `start`, without a line to the kernel; who wants one finds `connection`.

        Args:
            again: At the same sockets with the same key as before, for clients that stay.

        Raises:
            KernelStartError: it does not come up.
        """
        await self.stop()
        deadline = time.monotonic() + self._limits.start_seconds
        if not (again and self._starts):
            self._starts += 1
            self.connection = new_connection(self._run)
        run = self._run
        run.mkdir(mode=0o700)
        with contextlib.ExitStack() as stack:
            ours, theirs = socket.socketpair()
            stack.callback(ours.close)
            stack.callback(theirs.close)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            ours.setblocking(False)
            listening = [
                stack.enter_context(_listen(run / f"k-{number}"))
                for number in range(1, len(CHANNELS) + 1)
            ]
            handles = [s.fileno() for s in listening]
            try:
                await self._start_process(run, theirs.fileno(), handles)
            except OSError as error:
                raise KernelStartError(f"cannot start a kernel process: {error}") from error
            theirs.close()
            await self._meet(ours, deadline)

    async def _start_process(self, run: Path, hello: int, listening: list[int]) -> None:
        """Have `_launch` run in a thread, and keep what it started even where we are cancelled."""
        cancelled: asyncio.CancelledError | None = None
        with anyio.CancelScope(shield=True):
            made = asyncio.ensure_future(
                anyio.to_thread.run_sync(self._launch, run, hello, listening)
            )
            while not made.done():
                try:
                    await asyncio.wait([made])
                except asyncio.CancelledError as error:
                    cancelled = error
            self._held = made.result()
        if cancelled is not None:
            raise cancelled

    @property
    def _run(self) -> Path:
        return self._private / str(self._starts)

    @property
    def status(self) -> int | None:
        """The exit status of the process, None while it runs."""
        return None if self._held is None else self._held.poll()

    async def _meet(self, hello: socket.socket, deadline: float) -> None:
        """Take in the kernel's process id and the handle of its files, and fill them."""
        while True:
            with anyio.move_on_after(0.05):
                await anyio.wait_readable(hello)
                break
            if (how := await self.ended()) is not None:
                raise KernelStartError(f"the kernel ended while starting ({how})")
            if time.monotonic() > deadline:
                seconds = self._limits.start_seconds
                raise KernelStartError(f"the kernel did not start within {seconds:g} seconds")
        files, pid = _received(hello)
        if files is None or pid is None:
            raise KernelStartError("the kernel did not show its files")
        before, self._files = self._files, files
        self._kernel = ProcessHandle(pid)
        owner = self._user if os.geteuid() == 0 else None
        self.work = WorkFolder(Path(f"/proc/self/fd/{files}"), self._limits.file_bytes, owner)
        if before >= 0:
            try:
                await anyio.to_thread.run_sync(
                    lambda: copy(before, files, self._bounds.disk, owner, links=True)
                )
            except (TooMuch, OSError):
                pass  # what fitted is there; the same bound held for the kernel before
            finally:
                os.close(before)
        elif self._given is not None:
            await self._given.fill(files, owner)

    async def keep(self, changed: tuple[str, ...], removed: tuple[str, ...]) -> None:
        """Copy what an execution changed into the caller's work folder."""
        if self._given is not None:
            await self._given.keep(self.work, changed, removed)

    async def put(self, name: str, data: bytes) -> None:
        """Write a file, also into the caller's work folder."""
        await super().put(name, data)
        await self.keep((name,), ())

    async def interrupt(self) -> None:
        """SIGINT to the kernel and the programs that it runs."""
        if self._kernel is not None:
            self._kernel.signal_group(signal.SIGINT)

    async def stop(self) -> None:
        """End the process and its children, and close the sockets."""
        with anyio.CancelScope(shield=True):
            await super().stop()
            if self._kernel is not None:
                self._kernel.close()
                self._kernel = None
            if self._starts:
                await anyio.to_thread.run_sync(
                    shutil.rmtree, self._private / str(self._starts), True
                )

    async def aclose(self) -> None:
        """End everything and remove what was made."""
        with anyio.CancelScope(shield=True):
            await self.stop()
            if self._files >= 0:
                os.close(self._files)
                self._files = -1
            await anyio.to_thread.run_sync(shutil.rmtree, self._private, True)


def _listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _received(hello: socket.socket) -> tuple[int | None, int | None]:
    """The folder handle and process id that a starting kernel sent."""
    credentials = struct.calcsize("3i")
    space = socket.CMSG_SPACE(credentials) + socket.CMSG_SPACE(struct.calcsize("i"))
    files: int | None = None
    pid: int | None = None
    _, ancillary, _, _ = hello.recvmsg(16, space, socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            (files,) = struct.unpack("i", data[:4])
        elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            (pid, _, _) = struct.unpack("3i", data[:credentials])
    return files, pid
