"""A jupyter_client provisioner whose kernels end with their owner: the process behind kind "local".

jupyter_client's own local provisioner, with the command run under `guard.py`. Does not do:
isolation.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from ..isolation.guarded import GUARD, KILL_SECONDS


class OneSpec(KernelSpecManager):
    """Knows the one kernel spec it is made with, whatever kernels the user has installed."""

    def __init__(self, spec: KernelSpec) -> None:
        super().__init__()
        self._spec = spec

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The spec, whatever it is asked for by."""
        return self._spec


class GuardedProvisioner(LocalProvisioner):
    """Runs a kernel under a guard. `folders` are removed if our process ends without doing it."""

    folders: tuple[str, ...] = ()
    _alive: int | None = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the guard, which starts `cmd`."""
        self._let_go()
        reading, self._alive = os.pipe()
        options = json.dumps({"folders": self.folders})
        # Our own interpreter, cut off from its environment: the guard needs only the library.
        guard = [sys.executable, "-I", "-S", str(GUARD), str(reading), options]
        try:
            return await super().launch_kernel([*guard, *cmd], pass_fds=(reading,), **kwargs)
        finally:
            os.close(reading)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and everything that it started."""
        process: Any = self.process
        if process is None:
            return
        if process.poll() is None:
            with contextlib.suppress(OSError):
                process.terminate()  # the guard does it, also for children in other groups
            for _ in range(int(KILL_SECONDS / 0.005)):
                if process.poll() is not None:
                    return
                await asyncio.sleep(0.005)
            await self.send_signal(signal.SIGKILL)

    async def cleanup(self, restart: bool = False) -> None:
        """Close what is left open."""
        self._let_go()
        await super().cleanup(restart=restart)

    def _let_go(self) -> None:
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None
