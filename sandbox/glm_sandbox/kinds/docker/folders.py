"""Private folders of this process's containers, gone with the last of them or with the process.

A small process of our own (`guard.py`) removes them where ours ends without doing it, as after a
kill -9: in a container that is no job for anybody. One does for all, since it takes a while to
start. Does not do: folders that containers see are made in these; nothing else is shown to them.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from pathlib import Path

import anyio
import anyio.to_thread

from ...isolation.guarded import Guarded
from ..places import private_folder


class Folders:
    """The folders of one process; those of a process that it forked are another's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._root: Path | None = None
        self._sweeper: Guarded | None = None
        self._taken: set[Path] = set()

    def take(self) -> Path:
        """A new private folder."""
        with self._lock:
            if self._owner != os.getpid():
                self._owner, self._root, self._taken = os.getpid(), None, set()
            if self._root is None:
                root = private_folder()
                options = {"folders": [str(root)]}
                self._sweeper = Guarded(["sleep", "infinity"], options, [], root / "words")
                self._root = root
            folder = Path(tempfile.mkdtemp(dir=self._root))
            self._taken.add(folder)
            return folder

    async def give_back(self, folder: Path) -> None:
        """Remove a folder, with the last one also what was made for them all. Idempotent."""
        await anyio.to_thread.run_sync(shutil.rmtree, folder, True)
        with self._lock:
            if folder not in self._taken:
                return
            self._taken.remove(folder)
            if self._taken:
                return
            root, self._root = self._root, None
            sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None and root is not None:
            await sweeper.close()
            await anyio.to_thread.run_sync(shutil.rmtree, root, True)

    def at_exit(self) -> None:
        """Remove what was never given back."""
        if self._owner == os.getpid():
            for folder in tuple(self._taken):
                anyio.run(self.give_back, folder)


FOLDERS = Folders()
atexit.register(FOLDERS.at_exit)
