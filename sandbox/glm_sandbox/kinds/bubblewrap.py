"""Kind "bubblewrap": kernels in namespaces of their own, on Linux, started by root or any user.

What the code inside sees and may do is in `isolation/bubblewrap.py` and `isolation/seccomp.py`,
what it may use up in `isolation/cgroups.py`. Files live in memory, in a file system of the
sandbox's own that the host reads by a handle taken before any code ran; a work folder of the
caller's is copied in at the start, and what changes is copied back, so that no folder of the
host is ever mounted for writing.

Does not defend against: bugs of the Linux kernel, timing side channels, and whoever already has
the rights of this process's user. Where no cgroup can be made, memory is watched ten times a
second instead of bounded, and processor time is not bounded at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import struct
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from ..errors import KernelStartError
from ..folder import WorkFolder
from ..isolation import bubblewrap, seccomp
from ..isolation.cgroups import Cgroup
from ..isolation.guarded import Guarded, ProcessHandle
from ..isolation.interpreter import interpreter
from ..results import DEFAULT_BOUNDS, Limits
from ..transfer import TooMuch, copy
from .base import INSIDE, OPTIONS, Channels, Launcher, environment
from .places import fonts, last_words, private_folder

_CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
_BACKLOG = 64
_PRELOAD = "numpy,pandas,matplotlib.pyplot"


class BubblewrapLauncher(Launcher):
    """One isolated kernel; see `Launcher` for the arguments."""

    @classmethod
    def unavailable(cls) -> str | None:
        """Bubblewrap is missing, or may not make namespaces."""
        if not sys.platform.startswith("linux"):
            return "it needs Linux"
        return bubblewrap.unavailable()

    @classmethod
    def enforces(cls) -> frozenset[str]:
        """Everything, but processor time only where cgroups can be made."""
        bounds = {"memory", "disk", "processes"}
        return frozenset(bounds | ({"cpus"} if _cgroup_cpus() else set[str]()))

    def __init__(
        self, limits: Limits, folder: Path | None = None, python: str | None = None
    ) -> None:
        self.preload = False
        self.connection: dict[str, Any] = {}
        self._limits = limits
        self._bounds = limits.bounds()
        self._python = python
        self._given = None if folder is None else folder.expanduser().resolve()
        if self._given is not None:
            self._given.mkdir(parents=True, exist_ok=True)
        self._user = bubblewrap.new_user()
        self._private = private_folder()
        self._words = self._private / "stderr"
        self._files = -1  # handle of /mnt/data
        self._starts = 0
        self._guarded: Guarded | None = None
        self._kernel: ProcessHandle | None = None
        self._channels: Channels | None = None
        self._cgroup: Cgroup | None = None
        self._how = "not started"

    async def start(self) -> Channels:
        """A new kernel process, with the files of the one before."""
        from ..channels import connect

        await self.stop()
        deadline = time.monotonic() + self._limits.start_seconds
        python = await anyio.to_thread.run_sync(interpreter, self._python)
        self._starts += 1
        run = self._private / str(self._starts)
        run.mkdir(mode=0o700)
        self.connection = {
            "transport": "ipc",
            "ip": str(run / "k"),
            "key": secrets.token_hex(32),
            "signature_scheme": "hmac-sha256",
            **{f"{name}_port": number for number, name in enumerate(_CHANNELS, 1)},
        }
        with contextlib.ExitStack() as stack:
            ours, theirs = socket.socketpair()
            stack.callback(ours.close)
            stack.callback(theirs.close)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            ours.setblocking(False)
            listening = [
                stack.enter_context(_listen(run / f"k-{number}"))
                for number in range(1, len(_CHANNELS) + 1)
            ]
            try:
                await anyio.to_thread.run_sync(
                    self._launch, python, theirs.fileno(), [s.fileno() for s in listening]
                )
            except OSError as error:
                raise KernelStartError(f"cannot start a kernel process: {error}") from error
            theirs.close()
            await self._meet(ours, deadline)
        self._channels = connect(self.connection)
        return self._channels

    def _launch(self, python: Any, hello: int, listening: list[int]) -> None:
        self._cgroup = cgroup = Cgroup.make(self._bounds)
        bounds, handles = self._bounds, [hello, *listening]
        limits = {"NOFILE": bounds.open_files, "NPROC": bounds.processes}
        limits |= {"FSIZE": bounds.disk, "CORE": 0, "MEMLOCK": 0, "MSGQUEUE": 0}
        inside = {
            **environment(self._limits),
            "PATH": f"{Path(python.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": bubblewrap.TEMPORARY,
            "IPYTHONDIR": f"{bubblewrap.TEMPORARY}/.ipython",
            "MPLCONFIGDIR": f"{bubblewrap.TEMPORARY}/.matplotlib",
            "OMP_NUM_THREADS": str(max(1, round(bounds.cpus))),
            "GLM_SANDBOX_RLIMITS": ",".join(f"{name}={value}" for name, value in limits.items()),
            "GLM_SANDBOX_HELLO": str(hello),
            "GLM_SANDBOX_SOCKETS": ",".join(map(str, listening)),
        }
        if python.packages:
            inside["PYTHONPATH"] = ":".join(python.packages)
        readable = [(str(INSIDE), bubblewrap.INSIDE)]
        if (known := fonts(python.executable)) is not None:
            readable.append((str(known), bubblewrap.FONTS))
            inside["GLM_SANDBOX_FONTS"] = bubblewrap.FONTS
        if self.preload:
            inside["GLM_SANDBOX_PRELOAD"] = _PRELOAD
        user = self._user
        made_up = {
            bubblewrap.CONNECTION: json.dumps(self.connection),
            "/etc/passwd": f"user:x:{user}:{user}::/mnt/data:/bin/sh\n",
            "/etc/group": f"user:x:{user}:\n",
            "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
            "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        }
        with contextlib.ExitStack() as stack:

            def readable_handle(data: bytes) -> int:
                handle = os.memfd_create("glm-sandbox", os.MFD_CLOEXEC)
                stack.callback(os.close, handle)
                os.write(handle, data)
                os.lseek(handle, 0, os.SEEK_SET)
                handles.append(handle)
                return handle

            command = bubblewrap.command(
                python,
                bounds,
                user,
                inside,
                files={path: readable_handle(text.encode()) for path, text in made_up.items()},
                filter_=readable_handle(seccomp.program()),
                readable=readable,
                arguments=[bubblewrap.INSIDE, "-f", bubblewrap.CONNECTION, *OPTIONS],
            )
            options: dict[str, Any] = {"folders": [str(self._private)]}
            if cgroup is not None:
                options["join"] = cgroup.entrances()
                options["groups"] = [str(folder) for folder in cgroup.folders]
                options["events"] = str(cgroup.events)
            else:
                options["memory"] = bounds.memory
            self._guarded = Guarded(command, options, handles, self._words)

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
        owner = self._user if bubblewrap.as_root() else None
        self.work = WorkFolder(Path(f"/proc/self/fd/{files}"), self._limits.file_bytes, owner)
        try:
            if before >= 0:
                await anyio.to_thread.run_sync(
                    lambda: copy(before, files, self._bounds.disk, owner, links=True)
                )
            elif self._given is not None:
                given = os.open(self._given, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    await anyio.to_thread.run_sync(copy, given, files, self._bounds.disk, owner)
                finally:
                    os.close(given)
        except (TooMuch, OSError) as error:
            if before < 0:
                room = f"{self._bounds.disk:,} bytes"
                raise KernelStartError(
                    f"{self._given} does not fit into {room}; set Limits(disk=…) higher", str(error)
                ) from None
        finally:
            if before >= 0:
                os.close(before)

    async def keep(self, changed: tuple[str, ...], removed: tuple[str, ...]) -> None:
        """Copy what an execution changed into the caller's work folder."""
        if self._given is None:
            return
        target = WorkFolder(self._given, self._limits.file_bytes)
        await anyio.to_thread.run_sync(_mirror, self.work, target, changed, removed)

    async def put(self, name: str, data: bytes) -> None:
        """Write a file, also into the caller's work folder."""
        await super().put(name, data)
        await self.keep((name,), ())

    async def ended(self) -> str | None:
        """How the process ended, None while it lives."""
        if self._guarded is not None:
            if self._guarded.poll() is None:
                return None
            self._how = self._guarded.ending()
        return self._how

    async def interrupt(self) -> None:
        """SIGINT to the kernel and the programs that it runs."""
        if self._kernel is not None:
            self._kernel.signal_group(signal.SIGINT)

    async def kill(self) -> None:
        """End the process and its children."""
        with anyio.CancelScope(shield=True):
            if self._guarded is not None:
                await self._guarded.kill()

    async def stop(self) -> None:
        """End the process and its children, and close the sockets."""
        with anyio.CancelScope(shield=True):
            channels, self._channels = self._channels, None
            if channels is not None:
                channels.close()
            guarded, self._guarded = self._guarded, None
            if guarded is not None:
                await guarded.close()
                self._how = guarded.ending()
            if self._kernel is not None:
                self._kernel.close()
                self._kernel = None
            if self._cgroup is not None:  # the guard did it, unless it was killed
                self._cgroup.remove()
                self._cgroup = None
            if self._starts:
                await anyio.to_thread.run_sync(
                    shutil.rmtree, self._private / str(self._starts), True
                )

    def last_words(self) -> str:
        """The end of the process's own stderr."""
        return last_words(self._words)

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


def _mirror(
    source: WorkFolder, target: WorkFolder, changed: tuple[str, ...], removed: tuple[str, ...]
) -> None:
    from ..errors import FileRefused

    for name in changed:
        with contextlib.suppress(FileRefused):
            target.put(name, source.get(name))
    for name in removed:
        with contextlib.suppress(FileRefused, OSError):
            target.remove(name)


@lru_cache
def _cgroup_cpus() -> bool:
    cgroup = Cgroup.make(DEFAULT_BOUNDS)
    if cgroup is None:
        return False
    cgroup.remove()
    return "cpus" in cgroup.bounded
