"""Kind "gateway": kernels that a Jupyter Kernel Gateway or Enterprise Gateway starts elsewhere.

The existing way to many machines and to Kubernetes. Which machine, image, isolation and bounds a
kernel has is the gateway's own affair: this kind enforces no limits and is never taken by "auto".
Time is bounded as everywhere, output on this side. Files are read and written by the kernel
itself, in a folder of its own; where a lost kernel's successor runs on the same machine, it goes
on with that folder, otherwise with an empty one.

Does not defend against: anything on the gateway's side. A gateway that runs kernels as plain
processes (Kernel Gateway does, unless told otherwise) isolates nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import anyio

from ...errors import FileRefused, KernelStartError
from ...folder import MAX_ENTRIES, Snapshot, WorkFolder
from ...results import Limits
from ..base import Channels, Launcher
from .channels import GatewayChannels, Refused
from .files import RemoteFiles
from .server import Server, problem

_TIDY_SECONDS = 2.0  # for removing the work folder of a kernel that is closed


class GatewayLauncher(Launcher):
    """One kernel of a gateway.

    Args:
        limits: `memory`, `disk`, `processes` and `cpus` are the gateway's to bound.
        folder: See `Launcher`.
        python: The name of a kernel spec of the gateway; None for its usual one.
    """

    @classmethod
    def unavailable(cls) -> str | None:
        """No gateway is named, or it does not answer, or it refuses the token."""
        return problem()

    @classmethod
    def enforces(cls) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    def __init__(
        self, limits: Limits, folder: Path | None = None, python: str | None = None
    ) -> None:
        self._limits = limits
        self._spec = python
        self._given: WorkFolder | None = None
        if folder is not None:
            folder = folder.expanduser().resolve()
            folder.mkdir(parents=True, exist_ok=True)
            self._given = WorkFolder(folder, limits.file_bytes)
        self._server = Server()
        self._kernel: str | None = None
        self._channels: GatewayChannels | None = None
        self._files: RemoteFiles | None = None
        self._folder = ""
        self._last = Snapshot()
        self._how = "not started"
        self._deletions: set[asyncio.Task[None]] = set()

    async def start(self) -> Channels:
        """A new kernel, in the folder of the one before where that is there."""
        await self.stop()
        deadline = time.monotonic() + self._limits.start_seconds
        self._kernel = await self._server.make(self._spec, self._limits.start_seconds)
        left = max(1.0, deadline - time.monotonic())
        channels = await GatewayChannels.open(self._server, self._kernel, left)
        self._channels = channels
        first = not self._folder
        self._files = RemoteFiles(channels, self._folder, self._limits.file_bytes)
        try:
            await self._files.enter(max(1.0, deadline - time.monotonic()))
            self._folder = self._files.folder
            if first and self._given is not None:
                for name in self._given.files()[:MAX_ENTRIES]:
                    await self._files.put(name, self._given.get(name))
        except (Refused, FileRefused) as error:
            raise KernelStartError(f"the kernel has no work folder: {error}") from None
        return channels

    async def ended(self) -> str | None:
        """How the kernel was lost, None while it was not."""
        if self._channels is not None:
            if self._channels.ending is None:
                return None
            self._how = self._channels.ending
        return self._how

    async def interrupt(self) -> None:
        """Have the gateway interrupt it."""
        if self._kernel is not None:
            await self._server.interrupt(self._kernel)

    async def kill(self) -> None:
        """Have the gateway end what runs; that it does so takes as long as the gateway likes."""
        if self._channels is None or self._channels.running is not None:
            self._delete()

    def _delete(self) -> None:
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            self._how = "ended on request"
            if self._channels is not None:
                self._channels.ending = self._channels.ending or self._how
            task = asyncio.create_task(self._server.delete(kernel))
            self._deletions.add(task)
            task.add_done_callback(self._deletions.discard)

    async def stop(self) -> None:
        """Have the gateway end it, and close the websocket."""
        self._delete()
        channels, self._channels = self._channels, None
        self._files = None
        if channels is not None:
            channels.close()

    def last_words(self) -> str:
        """What a kernel elsewhere writes to its stderr is not to be had."""
        return ""

    async def aclose(self) -> None:
        """Remove the work folder where the kernel still can, and wait until it has ended."""
        with anyio.CancelScope(shield=True):
            if self._files is not None and self._kernel is not None:
                with contextlib.suppress(Refused):
                    await self._files.leave(_TIDY_SECONDS)
            await self.stop()
            while self._deletions:
                await asyncio.wait(self._deletions)
            await self._server.aclose()

    async def put(self, name: str, data: bytes) -> None:
        """Write a file, also into the caller's work folder."""
        await self._running().put(name, data)
        self._touched()
        if self._given is not None:
            self._given.put(name, data)

    async def get(self, name: str) -> bytes:
        """Read a file."""
        return await self._running().get(name)

    async def files(self) -> list[str]:
        """Names of the files."""
        return sorted((await self.snapshot()).marks)

    async def snapshot(self) -> Snapshot:
        """How the files are now; asked for only where code ran since the last time."""
        channels, files = self._channels, self._files
        if channels is not None and files is not None and channels.dirty and not channels.ending:
            with contextlib.suppress(Refused):
                self._last = await files.snapshot()
                channels.dirty = False
        return self._last

    async def keep(self, changed: tuple[str, ...], removed: tuple[str, ...]) -> None:
        """Copy what an execution changed into the caller's work folder."""
        if self._given is None:
            return
        for name in changed:
            with contextlib.suppress(FileRefused):
                self._given.put(name, await self.get(name))
        for name in removed:
            with contextlib.suppress(FileRefused, OSError):
                self._given.remove(name)

    def _touched(self) -> None:
        if self._channels is not None:
            self._channels.dirty = True

    def _running(self) -> RemoteFiles:
        if self._files is None:
            raise FileRefused("the kernel is lost, and its files with it until the next execution")
        return self._files
