"""The work folder of a kernel as its owner sees it: put, get, list.

The code inside may put links, pipes and anything else there, so every step is opened by its
handle with links refused, and only regular files count. Does not do: bounding the disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .errors import FileRefused

MAX_ENTRIES = 5000  # files looked at when listing; a work folder with more is listed in part
_SKIP = {"__pycache__"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Time of change (ns) and size of each file. Not `complete`: there were too many to list."""

    marks: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    complete: bool = True

    def changes(self, later: Snapshot, since: float) -> tuple[str, ...]:
        """Names of the files that are new or changed in a `later` snapshot, sorted.

        Where one is not complete, a file not in the first may have been there all the same; then
        only what was written after the time `since` counts.
        """
        sure = self.complete and later.complete
        return tuple(
            sorted(
                name
                for name, mark in later.marks.items()
                if self.marks.get(name) != mark and (sure or mark[0] >= since * 1e9)
            )
        )


class WorkFolder:
    """A folder that model-written code works in.

    Args:
        path: An existing folder.
        file_bytes: The largest file that `put` and `get` move.
    """

    def __init__(self, path: Path, file_bytes: int) -> None:
        self.path = path
        self._limit = file_bytes

    def put(self, name: str, data: bytes) -> None:
        """Write a file, making the folders that its name goes through."""
        if len(data) > self._limit:
            raise FileRefused(f"{name!r} has {len(data):,} bytes; at most {self._limit:,} go in")
        with self._folder_of(name, make=True) as (folder, last):
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            handle, info = self._open_file(name, last, flags, folder)
            with os.fdopen(handle, "wb") as file:
                if info.st_nlink > 1:
                    raise FileRefused(f"{name!r} is a hard link; remove it first")
                file.truncate()
                file.write(data)

    def get(self, name: str) -> bytes:
        """Read a file."""
        with self._folder_of(name) as (folder, last):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            handle, info = self._open_file(name, last, flags, folder)
            with os.fdopen(handle, "rb") as file:
                size = info.st_size
                if size <= self._limit:
                    data = file.read(self._limit + 1)
                    size = len(data)
                    if size <= self._limit:
                        return data
                raise FileRefused(f"{name!r} has {size:,} bytes; at most {self._limit:,} come out")

    def files(self) -> list[str]:
        """Names of the regular files, sorted; hidden ones and links are not listed."""
        return sorted(self.snapshot().marks)

    def snapshot(self) -> Snapshot:
        """How the files are now, to compare with a later snapshot."""
        found: dict[str, tuple[int, int]] = {}
        folders = [("", str(self.path))]
        seen = 0
        while folders:
            prefix, path = folders.pop()
            with suppress(OSError), os.scandir(path) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MAX_ENTRIES:
                        return Snapshot(found, complete=False)
                    if entry.name.startswith(".") or entry.name in _SKIP:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append((f"{prefix}{entry.name}/", entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        info = entry.stat(follow_symlinks=False)
                        found[_readable(prefix + entry.name)] = (info.st_mtime_ns, info.st_size)
        return Snapshot(found)

    @contextmanager
    def _folder_of(self, name: str, make: bool = False) -> Generator[tuple[int, str]]:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
            raise FileRefused(f"{name!r} is not inside the work folder; give a name relative to it")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = self._open(name, str(self.path), flags & ~os.O_NOFOLLOW)
        try:
            for part in path.parts[:-1]:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=handle)
                inner = self._open(name, part, flags, handle)
                os.close(handle)
                handle = inner
            yield handle, path.name
        finally:
            os.close(handle)

    @staticmethod
    def _open(name: str, path: str, flags: int, folder: int | None = None) -> int:
        try:
            return os.open(path, flags, 0o644, dir_fd=folder)
        except FileNotFoundError:
            raise FileRefused(f"there is no file {name!r} in the work folder") from None
        except (OSError, ValueError) as error:
            raise FileRefused(f"{name!r} cannot be opened as a regular file: {error}") from None

    def _open_file(
        self, name: str, path: str, flags: int, folder: int
    ) -> tuple[int, os.stat_result]:
        handle = self._open(name, path, flags, folder)
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            os.close(handle)
            raise FileRefused(f"{name!r} is not a regular file")
        return handle, info


def _readable(name: str) -> str:
    """A file name as text that can be printed and encoded."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
