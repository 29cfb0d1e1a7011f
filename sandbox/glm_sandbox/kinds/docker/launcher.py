"""Kind "docker": kernels in containers of a Docker engine on this machine.

As kind "bubblewrap" does, it hands the kernel its sockets and takes a handle of its files; only
what stands between kernel and machine differs: `container.py`. The engine must run on this very
system, since descriptors are handed over.

Does not defend against: bugs of the Linux kernel or the engine, timing side channels, and whoever
may use the engine (who is root on its machine by the engine's own rule). The code in a container
can not reach the engine.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import anyio

from ...errors import KindUnavailable
from ...isolation import seccomp
from ...isolation.bubblewrap import as_root, new_user
from ...results import Limits
from ..base import OPTIONS, PRELOAD, environment
from ..handed import HandedLauncher
from . import container
from .engine import PING_SECONDS, UNIX, engine
from .folders import FOLDERS
from .image import has_image


class DockerLauncher(HandedLauncher):
    """One kernel in a container; see `Launcher` for the arguments."""

    @classmethod
    def unavailable(cls) -> str | None:
        """No engine answers, or the image is not built."""
        if not sys.platform.startswith("linux") or not seccomp.known():
            return "it needs Linux on x86-64 or arm64; use kind 'gateway'"
        where = os.environ.get("DOCKER_HOST") or UNIX
        if not where.startswith(UNIX):
            return f"the engine must run on this machine, but DOCKER_HOST is {where}"
        try:
            with engine(PING_SECONDS) as client:
                if not has_image(client):
                    return "the image is not built; build it: glm-agent sandbox build"
        except KindUnavailable as error:
            return str(error)
        return None

    @classmethod
    def enforces(cls) -> frozenset[str]:
        """Everything; the engine sees to that."""
        return frozenset({"memory", "disk", "processes", "cpus"})

    def __init__(
        self, limits: Limits, folder: Path | None = None, python: str | None = None
    ) -> None:
        if python is not None:
            raise KindUnavailable(
                "kernels of kind 'docker' run the Python of their image; leave python=None"
            )
        user = new_user() if as_root() else os.getuid()
        super().__init__(limits, folder, user, FOLDERS.take())
        self._containers: list[container.Container] = []

    def _launch(self, run: Path, hello: int, listening: list[int]) -> container.Container:
        bounds = self._bounds
        limits = {"NOFILE": bounds.open_files, "FSIZE": bounds.disk}
        limits |= {"CORE": 0, "MEMLOCK": 0, "MSGQUEUE": 0}
        connection = f"{container.INSIDE}/connection.json"
        task = container.Task(
            command=[container.PYTHON, f"{container.INSIDE}/inside.py", "-f", connection, *OPTIONS],
            environment={
                **environment(self._limits),
                "PATH": f"{Path(container.PYTHON).parent}:/usr/local/bin:/usr/bin:/bin",
                "USER": "user",  # there is no entry for the user id
                "TMPDIR": "/mnt/tmp",
                "IPYTHONDIR": "/mnt/tmp/.ipython",
                "MPLCONFIGDIR": "/mnt/tmp/.matplotlib",
                "MATPLOTLIBRC": container.FONTS,
                "OMP_NUM_THREADS": str(max(1, round(bounds.cpus))),
                "GLM_SANDBOX_RLIMITS": ",".join(f"{name}={n}" for name, n in limits.items()),
                "GLM_SANDBOX_FONTS": container.FONTS,
                **({"GLM_SANDBOX_PRELOAD": PRELOAD} if self.preload else {}),
            },
            handles={"GLM_SANDBOX_HELLO": [hello], "GLM_SANDBOX_SOCKETS": listening},
            files={"connection.json": json.dumps(self.connection)},
            bounds=bounds,
            user=self._user,
        )
        seconds = self._limits.start_seconds
        held = container.Container(run / "shown", task, self._words, seconds)
        self._containers = [*(c for c in self._containers if not c.forgotten()), held]
        return held

    async def aclose(self) -> None:
        """End everything and remove what was made."""
        with anyio.CancelScope(shield=True):
            await super().aclose()
            containers, self._containers = self._containers, []
            for held in containers:
                await held.gone()
            await FOLDERS.give_back(self._private)
