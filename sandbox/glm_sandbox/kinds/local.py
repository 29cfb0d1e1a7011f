"""Kind "local": kernels as plain processes of this user. NO ISOLATION.

Code in a local kernel can do whatever this user can: read and write files, use the network, kill
processes. What it does bound: the environment is an allow-list without this process's secrets,
the home and work folder are the session's own, and no process outlives the kernel or us.
For code that you would run yourself, on data that may be lost. Linux and macOS.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio

from ..errors import KernelStartError, NoIsolationWarning
from ..folder import WorkFolder
from ..isolation.guarded import describe
from ..results import Limits
from .base import INSIDE, OPTIONS, Channels, Launcher
from .places import cache_folder, last_words, private_folder

# What a kernel may know of our environment: how to find programs and libraries, language, time.
_PASS = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TZ", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH"),
        *("DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONHASHSEED"),
    }
)

# jupyter_client logs each failure that it also raises; raised is enough.
_LOG = logging.getLogger("glm_sandbox.jupyter")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False

_warned = False


def warn_once(why: str = "") -> None:
    """Say once per process that local kernels are not isolated, and `why` they are taken."""
    global _warned  # noqa: PLW0603 (once per process is a fact of the process)
    if not _warned:
        _warned = True
        frame, level = inspect.currentframe(), 1
        between = (str(Path(__file__).parents[1]), contextlib.__file__)
        while frame and frame.f_code.co_filename.startswith(between):  # blame the caller's line
            frame, level = frame.f_back, level + 1
        warnings.warn(
            why or "kernels of kind 'local' are not isolated: the code runs with your rights",
            NoIsolationWarning,
            stacklevel=level,
        )


def kernel_environment(work: Path, private: Path, limits: Limits) -> dict[str, str]:
    """The whole environment of a local kernel."""
    kept = {k: v for k, v in os.environ.items() if k in _PASS or k.startswith("LC_")}
    temporary = private / "tmp"
    return {
        "PATH": os.defpath,
        **kept,
        "HOME": str(work),
        "TMPDIR": str(temporary),
        "IPYTHONDIR": str(private / "ipython"),
        "JUPYTER_CONFIG_DIR": str(private / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(private),
        "JUPYTER_PLATFORM_DIRS": "1",
        # Outlives the session: matplotlib takes seconds to list the fonts of a machine.
        "MPLCONFIGDIR": str(cache_folder() / "matplotlib"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "GLM_SANDBOX_OUTPUT": str(limits.output),
        "TERM": "dumb",
        "NO_COLOR": "1",
    }


class LocalLauncher(Launcher):
    """One local kernel.

    Args:
        limits: `memory`, `disk` and `processes` cannot be enforced here.
        folder: Work folder to use and to leave in place; None for a temporary one.
        python: The kernel's interpreter; None for this process's.
    """

    isolated = False
    files_first = True

    @classmethod
    def unavailable(cls) -> str | None:
        """Windows has no such processes."""
        return "it needs Linux or macOS" if sys.platform == "win32" else None

    @classmethod
    def enforces(cls) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    def __init__(self, limits: Limits, folder: Path | None = None, python: str | None = None):
        warn_once()
        self._limits = limits
        self._python = python or sys.executable
        self._private = private_folder()
        self._made = [str(self._private)]
        if folder is None:
            work = self._private / "work"
            work.mkdir()
        else:
            work = folder.expanduser().resolve()
            work.mkdir(parents=True, exist_ok=True)
        self.work = WorkFolder(work, limits.file_bytes)
        self._starts = 0
        self._manager: Any = None
        self._channels: Channels | None = None
        self._stderr = self._private / "stderr"
        self._status: int | None = None

    async def start(self) -> Channels:
        """A new kernel process in a runtime folder of its own."""
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager

        from ..channels import connect
        from .guarded import GuardedProvisioner, OneSpec

        await self.stop()
        self._starts += 1
        runtime = self._private / str(self._starts)
        for folder in (runtime, self._private / "tmp"):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.work.path.mkdir(exist_ok=True)  # the code may have removed it
        spec = KernelSpec(
            argv=[self._python, str(INSIDE), "-f", "{connection_file}", *OPTIONS],
            display_name="Python",
            language="python",
        )
        manager = AsyncKernelManager(
            connection_file=str(runtime / "c.json"),
            transport="ipc",
            ip=str(runtime / "k"),
            log=_LOG,
            kernel_spec_manager=OneSpec(spec),
        )
        provisioner = GuardedProvisioner(
            kernel_id=str(uuid4()), kernel_spec=spec, parent=manager, log=_LOG
        )
        provisioner.folders = tuple(self._made)
        manager.provisioner = provisioner
        self._manager, self._status = manager, None
        self._stderr = runtime / "stderr"
        try:
            with self._stderr.open("wb") as stderr:
                await manager.start_kernel(
                    cwd=str(self.work.path),
                    env=kernel_environment(self.work.path, self._private, self._limits),
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
            for folder in self._made:
                await anyio.to_thread.run_sync(shutil.rmtree, folder, True)
