"""Kind "bubblewrap": kernels in namespaces of their own, on Linux, started by root or any user.

What the code inside sees and may do is in `isolation/bubblewrap.py` and `isolation/seccomp.py`,
what it may use up in `isolation/cgroups.py`; how it is talked to and its files are reached, in
`handed.py`.

Does not defend against: bugs of the Linux kernel, timing side channels, and whoever already has
the rights of this process's user. Where no cgroup can be made, memory is watched ten times a
second instead of bounded, and processor time is not bounded at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..isolation import bubblewrap, seccomp
from ..isolation.cgroups import Cgroup
from ..isolation.guarded import Guarded
from ..isolation.interpreter import interpreter
from ..results import DEFAULT_BOUNDS, Limits
from .base import INSIDE, OPTIONS, PRELOAD, environment
from .handed import HandedLauncher
from .places import fonts, private_folder


class BubblewrapLauncher(HandedLauncher):
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
        super().__init__(limits, folder, bubblewrap.new_user(), private_folder())
        self._python = python
        self._cgroup: Cgroup | None = None

    def _launch(self, run: Path, hello: int, listening: list[int]) -> Guarded:
        del run
        python = interpreter(self._python)
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
            inside["GLM_SANDBOX_PRELOAD"] = PRELOAD
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
            return Guarded(command, options, handles, self._words)

    async def stop(self) -> None:
        """End the process and its children, and close the sockets."""
        await super().stop()
        if self._cgroup is not None:  # the guard did it, unless it was killed
            self._cgroup.remove()
            self._cgroup = None


@lru_cache
def _cgroup_cpus() -> bool:
    cgroup = Cgroup.make(DEFAULT_BOUNDS)
    if cgroup is None:
        return False
    cgroup.remove()
    return "cpus" in cgroup.bounded
