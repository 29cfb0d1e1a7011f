"""A process of this machine under the guard, as its owner holds it.

Does not do: isolating it; `guard.py` says what the guard does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio

GUARD = Path(__file__).parents[1] / "guard.py"
KILL_SECONDS = 2.0  # how long the guard may take to end everything before it is killed itself


class Guarded:
    """Runs a command under a guard.

    Args:
        command: The command line.
        options: For the guard; see `guard.py`.
        handles: Descriptors that the command gets; the caller closes its own.
        words: A file for the end of what the command writes to its stderr.
        environment: The command's whole environment.
        folder: Where the command starts.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        options: Mapping[str, Any],
        handles: Sequence[int],
        words: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | str = "/",
    ) -> None:
        reading, self._alive = os.pipe()
        self._report, writing = os.pipe()
        os.set_blocking(self._report, False)
        self._oom = 0
        settings = json.dumps({**options, "report": writing, "stderr": True})
        # Our own interpreter, cut off from its environment: the guard needs only the library.
        guard = [sys.executable, "-I", "-S", str(GUARD), str(reading), settings]
        try:
            with words.open("wb") as stderr:
                self._process = subprocess.Popen(  # noqa: S603 (the guard is ours)
                    [*guard, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    env=environment or {},  # code inside can read bubblewrap's own, so it has none
                    cwd=folder,
                    pass_fds=[reading, writing, *handles],
                    start_new_session=True,
                )
        except BaseException:
            self._close()
            raise
        finally:
            os.close(reading)
            os.close(writing)

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    def ending(self) -> str:
        """How it ended, in words."""
        if self._report >= 0:
            with contextlib.suppress(OSError, ValueError):
                self._oom = json.loads(os.read(self._report, 4096)).get("oom", 0)
        if self._oom:
            return "out of memory"
        return describe(self.poll())

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the command's process group; the guard in it does not mind SIGINT."""
        if self.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, number)

    async def kill(self) -> None:
        """End the command and everything that it started. Idempotent."""
        process = self._process
        if process.poll() is None:
            with contextlib.suppress(OSError):
                process.terminate()  # the guard does it, whichever group a process is in
            deadline = time.monotonic() + KILL_SECONDS
            while process.poll() is None:
                if time.monotonic() > deadline:
                    process.kill()
                await anyio.sleep(0.003)

    async def close(self) -> None:
        """`kill`, and let go of it."""
        await self.kill()
        self.ending()
        self._close()

    def _close(self) -> None:
        for handle in (self._alive, self._report):
            if handle >= 0:
                os.close(handle)
        self._alive = self._report = -1


class ProcessHandle:
    """A process that can be signalled without ever meeting another one of the same number."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    def ended(self) -> bool:
        """Whether it is over."""
        return self._handle < 0 or bool(select.select([self._handle], [], [], 0)[0])

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process group that it leads."""
        if not self.ended():
            with contextlib.suppress(OSError):
                os.killpg(self.pid, number)

    def close(self) -> None:
        """Let go of it. Idempotent."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def describe(status: int | None) -> str:
    """An exit status in words; the guard tells signals as 128 + number, as shells do."""
    if status is None:
        return "not started"
    number = -status if status < 0 else status - 128
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"exit status {status}"
