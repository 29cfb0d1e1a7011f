"""The work folder of a kernel as its owner sees it: put, get, list.

The code inside may put links, pipes and anything else there, so every step is opened by its
handle with links refused, and only regular files count. Does not do: bounding the disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from .errors import FileRefused

MAX_ENTRIES = 5000  # files looked at when listing; a work folder with more is listed in part
_SKIP = {"__pycache__"}

Snapshot = dict[str, tuple[int, int]]


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
            handle = self._open(name, last, flags, folder)
            with os.fdopen(handle, "wb") as file:
                self._regular(name, handle)
                file.truncate()
                file.write(data)

    def get(self, name: str) -> bytes:
        """Read a file."""
        with self._folder_of(name) as (folder, last):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            handle = self._open(name, last, flags, folder)
            with os.fdopen(handle, "rb") as file:
                size = self._regular(name, handle)
                if size <= self._limit:
                    data = file.read(self._limit + 1)
                    size = len(data)
                    if size <= self._limit:
                        return data
                raise FileRefused(f"{name!r} has {size:,} bytes; at most {self._limit:,} come out")

    def files(self) -> list[str]:
        """Names of the regular files, sorted; hidden ones and links are not listed."""
        return sorted(self.snapshot())

    def snapshot(self) -> Snapshot:
        """Name, time of change and size of each file, to compare with a later snapshot."""
        found: Snapshot = {}
        folders = [("", str(self.path))]
        seen = 0
        while folders:
            prefix, path = folders.pop()
            with suppress(OSError), os.scandir(path) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MAX_ENTRIES:
                        return found
                    if entry.name.startswith(".") or entry.name in _SKIP:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append((f"{prefix}{entry.name}/", entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        info = entry.stat(follow_symlinks=False)
                        found[_readable(prefix + entry.name)] = (info.st_mtime_ns, info.st_size)
        return found

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

    @staticmethod
    def _regular(name: str, handle: int) -> int:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode) or info.st_nlink > 1:
            raise FileRefused(f"{name!r} is not a regular file with one name")
        return info.st_size


def _readable(name: str) -> str:
    """A file name as text that can be printed and encoded."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
