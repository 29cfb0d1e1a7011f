"""Isolated kernels for Jupyter: what starts the kernels of a notebook, as JupyterLab looks it up.

A kernel spec names one of these in its kernel.json:

    "metadata": {"kernel_provisioner": {"provisioner_name": "glm-sandbox-docker",
                                        "config": {"memory": "2GiB"}}}

The notebook then runs in the sandbox, with /mnt/data for its folder; it sees none of the files
beside it. Its clients talk to the kernel through Unix sockets in a private folder. Does not do:
bounding what the clients take in (JupyterLab shows what the kernel sends), restarting.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any, ClassVar, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Bool, Float, Int, Unicode

from .kinds import launcher_for
from .kinds.handed import HandedLauncher
from .results import Limits


class SandboxProvisioner(KernelProvisionerBase):
    """One kernel of a kind; the traits are its bounds, empty or 0 for the kind's own."""

    kind: ClassVar[str]
    memory = Unicode("", help="Bytes of memory, such as 1GiB.").tag(config=True)
    disk = Unicode("", help="Bytes of files, such as 1GiB.").tag(config=True)
    processes = Int(0, help="Processes and threads.").tag(config=True)
    cpus = Float(0.0, help="Processor seconds a second.").tag(config=True)
    start_seconds = Float(60.0, help="How long a kernel may take to come up.").tag(config=True)
    preload = Bool(False, help="Import numpy, pandas and pyplot at the start.").tag(config=True)

    _launcher: HandedLauncher | None = None
    _launched = False

    @property
    def has_process(self) -> bool:
        """Whether a kernel was started and not seen to end."""
        return self._launched

    def _chosen_python(self, cmd: list[str]) -> str | None:
        """The interpreter of a kernel spec's command, where the kind can take it."""
        del cmd

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """What `launch_kernel` gets: the spec's command, of which the interpreter counts."""
        manager: Any = self.parent
        command = manager.format_kernel_cmd(extra_arguments=kwargs.pop("extra_arguments", []))
        return await super().pre_launch(cmd=command, **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel, again at the same sockets.

        Raises:
            SandboxError: the kind cannot run here, a bound cannot be kept, it does not come up.
        """
        del kwargs  # the environment and the folder are the host's
        if self._launcher is None:
            limits = Limits(
                memory=self.memory or None,
                disk=self.disk or None,
                processes=self.processes or None,
                cpus=self.cpus or None,
                start_seconds=self.start_seconds,
            )
            _, make = launcher_for(self.kind, limits)
            made = make(limits, None, self._chosen_python(cmd))
            self._launcher = cast("HandedLauncher", made)
            self._launcher.preload = self.preload
        await self._launcher.launch(again=True)
        self._launched = True
        info = dict(self._launcher.connection)
        info["key"] = info["key"].encode()
        self.connection_info = cast("KernelConnectionInfo", info)
        return self.connection_info

    async def poll(self) -> int | None:
        """The exit status, None while the kernel runs; 1 where there is none to be had."""
        if self._launcher is None or not self._launched:
            return 1
        if await self._launcher.ended() is None:
            return None
        status = self._launcher.status
        return 1 if status is None else status

    async def wait(self) -> int | None:
        """Wait for the kernel's end."""
        while (status := await self.poll()) is None:  # noqa: ASYNC110 (a process)
            await asyncio.sleep(0.05)
        self._launched = False
        return status

    async def send_signal(self, signum: int) -> None:
        """SIGINT interrupts, SIGTERM and SIGKILL end; other signals do nothing."""
        if signum == signal.SIGINT:
            if self._launcher is not None:
                await self._launcher.interrupt()
        elif signum in {signal.SIGTERM, signal.SIGKILL}:
            await self.kill()

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and everything that it started."""
        if self._launcher is not None:
            await self._launcher.kill()

    async def terminate(self, restart: bool = False) -> None:
        """As `kill`."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Remove what was made for the kernel; for a restart its files stay."""
        launcher = self._launcher
        if launcher is None:
            return
        if restart:
            await launcher.stop()
            return
        self._launcher, self._launched = None, False
        await launcher.aclose()


class BubblewrapProvisioner(SandboxProvisioner):
    """Kernels of kind "bubblewrap", with the interpreter that the kernel spec names."""

    kind = "bubblewrap"

    def _chosen_python(self, cmd: list[str]) -> str | None:
        return cmd[0] if cmd else None


class DockerProvisioner(SandboxProvisioner):
    """Kernels of kind "docker", with the Python of their image."""

    kind = "docker"
