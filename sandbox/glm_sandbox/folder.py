"""The work folder of a kernel as its owner sees it: put, get, list.

The code inside may put links, pipes and anything else there, so every step is opened by its
handle with links refused, and only regular files count. Does not do: bounding the disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .errors import FileRefused

MAX_DEPTH = 32  # folders deeper than this are not listed
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

    def removed(self, later: Snapshot) -> tuple[str, ...]:
        """Names of the files that a `later` snapshot has no more; none where it is not complete."""
        return tuple(sorted(self.marks.keys() - later.marks.keys())) if later.complete else ()


class WorkFolder:
    """A folder that model-written code works in.

    Args:
        path: An existing folder.
        file_bytes: The largest file that `put` and `get` move.
        owner: The user and group that what we put in belongs to; None for our own.
    """

    def __init__(self, path: Path, file_bytes: int, owner: int | None = None) -> None:
        self.path = path
        self._limit = file_bytes
        self._owner = owner

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
                if self._owner is not None:
                    os.fchown(handle, self._owner, self._owner)
                file.truncate()
                try:
                    file.write(data)
                    file.flush()
                except OSError as error:
                    raise FileRefused(f"{name!r} cannot be written: {error.strerror}") from None

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
        complete = True
        for seen, (prefix, entry) in enumerate(walk(str(self.path))):
            if seen >= MAX_ENTRIES:
                complete = False
                break
            if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                info = entry.stat(follow_symlinks=False)
                found[_readable(prefix + entry.name)] = (info.st_mtime_ns, info.st_size)
        return Snapshot(found, complete)

    def remove(self, name: str) -> None:
        """Remove a file if it is there. Raises `FileRefused` for what is no file's name."""
        with suppress(FileNotFoundError), self._folder_of(name) as (folder, last):
            if stat.S_ISREG(os.stat(last, dir_fd=folder, follow_symlinks=False).st_mode):
                os.unlink(last, dir_fd=folder)

    @contextmanager
    def _folder_of(self, name: str, make: bool = False) -> Generator[tuple[int, str]]:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
            raise FileRefused(f"{name!r} is not inside the work folder; give a name relative to it")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = self._open(name, str(self.path), flags & ~os.O_NOFOLLOW)
        try:
            for part in path.parts[:-1]:
                made = False
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=handle)
                        made = True
                inner = self._open(name, part, flags, handle)
                if made and self._owner is not None:
                    os.fchown(inner, self._owner, self._owner)
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


def walk(path: str | int) -> Generator[tuple[str, os.DirEntry[str]]]:
    """Each entry below a folder with the names above it ("a/b/"), hidden folders left out.

    Every folder is opened by its handle and none through a link, also when it is exchanged for
    one meanwhile.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    open_: list[tuple[str, int, Iterator[os.DirEntry[str]]]] = []
    try:
        with suppress(OSError):
            handle = os.open(path, flags) if isinstance(path, str) else os.dup(path)
            open_.append(("", handle, _entries(handle)))
        while open_:
            prefix, folder, entries = open_[-1]
            entry = next(entries, None)
            if entry is None:
                open_.pop()
                os.close(folder)
                continue
            with suppress(OSError):
                yield prefix, entry
                if entry.is_dir(follow_symlinks=False) and len(open_) < MAX_DEPTH:
                    if entry.name.startswith(".") or entry.name in _SKIP:
                        continue
                    handle = os.open(entry.name, flags | os.O_NOFOLLOW, dir_fd=folder)
                    open_.append((f"{prefix}{entry.name}/", handle, _entries(handle)))
    finally:
        for _, folder, _ in open_:
            os.close(folder)


def _entries(folder: int) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _readable(name: str) -> str:
    """A file name as text that can be printed and encoded."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
