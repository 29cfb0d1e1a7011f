"""Kind "seatbelt": kernels on macOS behind a Seatbelt profile. BEST EFFORT, and never run on a Mac.

What the code inside may reach is in `isolation/seatbelt.py`: its Python, the system's libraries and
the session's own folders, no network, no other program and no child process. With it come limits
that it cannot lift: open files, the size of one file, processor time in all, no further process.
A work folder of the caller's is copied in and changes are copied back. Written from what is known
of macOS and tested as far as Linux can; on a Mac check it: glm-agent sandbox check --kind seatbelt

Does not defend against: bugs of macOS, timing side channels, and whoever already has the rights
of this process's user. Memory, the number of files, threads and processor share are not bounded,
so code can slow the machine down or fill its memory and disk until its timeout ends it; a limit of
`memory`, `disk`, `processes` or `cpus` is refused rather than promised.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import WeakIsolationWarning
from ..isolation import seatbelt
from ..isolation.interpreter import interpreter
from ..results import Limits
from .base import INSIDE, OPTIONS, Channels, environment
from .given import GivenFolder
from .notice import warn_once
from .places import fonts
from .process import ProcessLauncher

CPU_SECONDS = 4 * 3600  # of one kernel in all; a session that computes for longer starts afresh
PROCESSES = 1  # of the user, who has more than that, so that the kernel can add none


class SeatbeltLauncher(ProcessLauncher):
    """One kernel behind a profile; see `Launcher` for the arguments."""

    @classmethod
    def unavailable(cls) -> str | None:
        """It is no Mac, or the profile cannot be applied."""
        return seatbelt.unavailable()

    @classmethod
    def enforces(cls) -> frozenset[str]:
        """Nothing: there is no bound on what a session takes altogether."""
        return frozenset()

    def __init__(
        self, limits: Limits, folder: Path | None = None, python: str | None = None
    ) -> None:
        warn_once(
            WeakIsolationWarning,
            "kernels of kind 'seatbelt' are isolated as best macOS can, with memory and disk not "
            "bounded; check it: glm-agent sandbox check --kind seatbelt",
        )
        super().__init__(limits, None, python)
        self._given = None if folder is None else GivenFolder(folder, limits)
        self._filled = self._given is None

    async def start(self) -> Channels:
        """A new kernel process, with the files of the one before."""
        if self._given is not None and not self._filled:
            work = os.open(self.work.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                await self._given.fill(work)
            finally:
                os.close(work)
            self._filled = True
        return await super().start()

    async def keep(self, changed: tuple[str, ...], removed: tuple[str, ...]) -> None:
        """Copy what an execution changed into the caller's work folder."""
        if self._given is not None:
            await self._given.keep(self.work, changed, removed)

    async def put(self, name: str, data: bytes) -> None:
        """Write a file, also into the caller's work folder."""
        await super().put(name, data)
        await self.keep((name,), ())

    def _command(self, connection: Path, sockets: Path) -> list[str]:
        python = interpreter(self._python)
        readable = [os.path.realpath(INSIDE), str(connection)]
        if (known := fonts(python.executable)) is not None:
            readable.append(os.path.realpath(known))
        view = seatbelt.View(
            tuple(readable), (str(self.work.path), str(self._temporary)), str(sockets)
        )
        arguments = [readable[0], "-f", str(connection), *OPTIONS]
        return seatbelt.command(python, view, arguments)

    def _environment(self) -> dict[str, str]:
        python = interpreter(self._python)
        bounds = self._limits.bounds()
        limits = {"NOFILE": bounds.open_files, "FSIZE": bounds.disk, "CORE": 0}
        limits |= {"CPU": CPU_SECONDS, "NPROC": PROCESSES}
        known, inner = fonts(python.executable), str(self._temporary / ".jupyter")
        return {
            **environment(self._limits),
            "HOME": str(self.work.path),
            "USER": "user",
            "LOGNAME": "user",
            "PATH": str(Path(python.executable).parent),
            "TMPDIR": str(self._temporary),
            **{f"JUPYTER_{name}_DIR": inner for name in ("CONFIG", "DATA", "RUNTIME")},
            "IPYTHONDIR": str(self._temporary / ".ipython"),
            "MPLCONFIGDIR": str(self._temporary / ".matplotlib"),
            "GLM_SANDBOX_RLIMITS": ",".join(f"{name}={value}" for name, value in limits.items()),
            **({"PYTHONPATH": ":".join(python.packages)} if python.packages else {}),
            **({"GLM_SANDBOX_FONTS": str(known)} if known is not None else {}),
        }
