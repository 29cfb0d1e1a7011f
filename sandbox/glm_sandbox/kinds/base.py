"""The seam at which a kind of kernel plugs in: one kernel's place, and the line to it.

A `Launcher` owns one kernel's place (its files, its process, its clean-up) and is all that
`Kernel` knows of a kind. A `Channels` carries Jupyter messages to the kernel and back.

To add a kind: write a module in this folder with a subclass of `Launcher`, name it in
`kinds.KINDS`, and put it in `kinds.AUTO` if it isolates (strongest first). The table of promises
(`glm_sandbox.promises`) and the tests that run it take it up from there. What a kind must see to:

- `unavailable()` says in one line why it cannot run here and how to get it; nothing falls back.
- `start()` runs `inside.py` (the kernel's own start-up) with the bounds of `limits.bounds()`,
  working in the work folder, with an environment made from nothing (`environment()`).
  `HandedLauncher` (no folder is shared) and `ProcessLauncher` (folders of this machine's disk) do
  most of it; `GivenFolder` copies a folder of the caller's in and out.
- The host keeps its own connection details and never reads them back from a file that the kernel
  can write. For Unix sockets or TCP ports, `channels.connect()` makes the `Channels`.
- `interrupt()` and `kill()` work when the kernel's interpreter is stuck; after `kill()` no process
  is left, also none that detached itself, and `ended()` says why (out of memory, a signal).
- Nothing of it outlives our own process, even one killed with -9.
- Files stay over a restart: `start()` again after `stop()` finds what was in the work folder.
- Bytes of files cross by `put`, `get`, `files`, `snapshot`, which never follow a link.

Does not do: timeouts, restarts, and reading what comes back (`kernel.py`, `conversation.py`).
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import anyio.to_thread

from ..folder import Snapshot, WorkFolder
from ..results import Limits

FEW = 100  # files that are looked at without leaving the event loop
PRELOAD = "numpy,pandas,matplotlib.pyplot"  # what `preload` imports
WORK = "/mnt/data"  # the work folder as code in an isolated kernel sees it
# How `inside.py` is called: python inside.py -f CONNECTION_FILE *OPTIONS
INSIDE = Path(__file__).parents[1] / "inside.py"
OPTIONS = (
    "--HistoryManager.enabled=False",  # nothing of a session is stored
    "--InteractiveShell.colors=nocolor",
    "--IPKernelApp.log_level=40",
)


def environment(limits: Limits) -> dict[str, str]:
    """The whole environment of an isolated kernel, but for what its place needs (PATH, TMPDIR)."""
    return {
        "HOME": WORK,
        "LANG": "C.UTF-8",
        "JUPYTER_PLATFORM_DIRS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "GLM_SANDBOX_OUTPUT": str(limits.output),
        "TERM": "dumb",
        "NO_COLOR": "1",
    }


CHANNELS = ("shell", "iopub", "stdin", "control", "hb")


def new_connection(sockets: Path) -> dict[str, Any]:
    """What a connection file says: a new key, and Unix sockets "k-1" to "k-5" in a folder."""
    return {
        "transport": "ipc",
        "ip": str(sockets / "k"),
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        **{f"{name}_port": number for number, name in enumerate(CHANNELS, 1)},
    }


def execute_request(code: str) -> dict[str, Any]:
    """The content of an execute request: nobody to ask for input, no abort of later ones."""
    return {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": False,
    }


class Channels(ABC):
    """Jupyter messages to and from a kernel. What comes from it is untrusted."""

    @abstractmethod
    def execute(self, code: str) -> str:
        """Send an execute request (no stdin, no abort of later ones); its message id."""

    @abstractmethod
    def kernel_info(self) -> None:
        """Send a kernel_info request."""

    @abstractmethod
    async def receive(self, seconds: float) -> list[tuple[str, dict[str, Any]]]:
        """Messages that are there within `seconds`, as ("shell" or "iopub", message).

        Those with a wrong signature or otherwise unreadable are empty dictionaries. Those that
        were too large are left out; {"msg_type": "dropped", "count": N} on "iopub" says so.
        """

    @property
    def lost(self) -> bool:
        """Whether the connection is gone for good, so that nothing more will come."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Close the sockets. Idempotent."""


class Launcher(ABC):
    """Starts, signals and ends the process of one kernel, again and again until closed.

    Args (of every subclass):
        limits: Bounds; those that the kind does not name in `enforces()` were refused before.
        folder: A work folder of the caller's, to fill /mnt/data from and to keep; None for an
            empty one that goes with the kernel.
        python: The kernel's interpreter where the kind lets the caller choose; else None.
    """

    preload: bool = False  # whether `start()` also imports what `PRELOAD` names
    files_first: ClassVar[bool] = False  # whether files can be put in before `start()`
    _entries: int = 0
    work: WorkFolder  # for kinds whose work folder is a folder of this machine

    @classmethod
    def unavailable(cls) -> str | None:
        """Why this kind cannot run here and what to do about it, in one line; None if it can."""
        return None

    @classmethod
    def enforces(cls) -> frozenset[str]:
        """Which of "memory", "disk", "processes", "cpus" it bounds on this machine."""
        return frozenset({"memory", "disk", "processes", "cpus"})

    @abstractmethod
    def __init__(
        self, limits: Limits, folder: Path | None = None, python: str | None = None
    ) -> None: ...

    @abstractmethod
    async def start(self) -> Channels:
        """A new kernel process and the line to it. Raises `KernelStartError`."""

    @abstractmethod
    async def ended(self) -> str | None:
        """None while the process lives, else how it ended: "exit status 1", "out of memory"."""

    @abstractmethod
    async def interrupt(self) -> None:
        """SIGINT to what runs in the kernel."""

    @abstractmethod
    async def kill(self) -> None:
        """End the process and all its children, now; the channels stay open. Idempotent."""

    @abstractmethod
    async def stop(self) -> None:
        """`kill`, and close the channels. The files stay. Idempotent."""

    @abstractmethod
    def last_words(self) -> str:
        """The end of what the process wrote to its own stderr."""

    @abstractmethod
    async def aclose(self) -> None:
        """`stop`, and remove every file that was made for the kernel. Idempotent."""

    async def keep(  # noqa: B027 (most kinds have nothing to do)
        self, changed: tuple[str, ...], removed: tuple[str, ...]
    ) -> None:
        """Called after each execution with the files that it changed and removed."""

    # The files, by default in `work`; called only while the kernel runs or ran.

    async def put(self, name: str, data: bytes) -> None:
        """Write a file. Raises `FileRefused`."""
        await anyio.to_thread.run_sync(self.work.put, name, data)

    async def get(self, name: str) -> bytes:
        """Read a file. Raises `FileRefused`."""
        return await anyio.to_thread.run_sync(self.work.get, name)

    async def files(self) -> list[str]:
        """Names of the regular files, sorted."""
        return await anyio.to_thread.run_sync(self.work.files)

    async def snapshot(self) -> Snapshot:
        """How the files are now."""
        if self._entries > FEW:
            found = await anyio.to_thread.run_sync(self.work.snapshot)
        else:  # a change of threads would take longer than looking
            found = self.work.snapshot()
        self._entries = len(found.marks)
        return found
