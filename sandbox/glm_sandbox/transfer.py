"""Copies of whole folders between this machine and a kernel, by handles that follow no link.

Regular files, folders, and within one kernel's own files symbolic links. Does not do: special
files, hard links as links, extended attributes.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from .folder import MAX_DEPTH

_PIECE = 1024 * 1024
_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class TooMuch(Exception):
    """More bytes than were allowed."""


def copy(source: int, target: int, room: int, owner: int | None = None, links: bool = False) -> int:
    """Copy what is in one folder into another.

    Args:
        source: Handle of a folder.
        target: Handle of the folder to fill; files of the same name are replaced.
        room: Bytes that may be copied at most.
        owner: The user and group of the copies; None for our own.
        links: Whether symbolic links are made anew (never followed).

    Returns:
        The bytes that were copied.

    Raises:
        TooMuch: there is more than `room`.
        OSError: the target took no more.
    """
    return _Copier(owner, links).copy(source, target, room, 0)


def copy_file(source: int, target: int, name: str, room: int, owner: int | None = None) -> int:
    """Copy one regular file between two folders; the bytes copied. Raises as `copy`."""
    reading = os.open(name, os.O_RDONLY | _OPEN, dir_fd=source)
    try:
        info = os.fstat(reading)
        if not stat.S_ISREG(info.st_mode):
            return 0
        flags = os.O_WRONLY | os.O_CREAT | _OPEN
        writing = os.open(name, flags, info.st_mode & 0o755 | 0o600, dir_fd=target)
        try:
            if not stat.S_ISREG(os.fstat(writing).st_mode):
                return 0
            os.ftruncate(writing, 0)
            if owner is not None:
                os.fchown(writing, owner, owner)
            done = 0
            while piece := os.read(reading, _PIECE):
                done += len(piece)
                if done > room:
                    raise TooMuch
                view = memoryview(piece)
                while view:
                    view = view[os.write(writing, view) :]
            os.utime(writing, ns=(info.st_atime_ns, info.st_mtime_ns))
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    return done


@dataclass(frozen=True, slots=True)
class _Copier:
    owner: int | None
    links: bool

    def copy(self, source: int, target: int, room: int, depth: int) -> int:
        done = 0
        with os.scandir(source) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            with suppress(FileNotFoundError, PermissionError):
                info = os.stat(name, dir_fd=source, follow_symlinks=False)
                if stat.S_ISREG(info.st_mode):
                    done += copy_file(source, target, name, room - done, self.owner)
                elif stat.S_ISDIR(info.st_mode) and depth < MAX_DEPTH:
                    done += self.folder((source, target), name, room - done, depth)
                elif self.links and stat.S_ISLNK(info.st_mode):
                    with suppress(FileExistsError):
                        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        return done

    def folder(self, above: tuple[int, int], name: str, room: int, depth: int) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | _OPEN
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=above[1])
        below = os.open(name, flags, dir_fd=above[0])
        try:
            into = os.open(name, flags, dir_fd=above[1])
            try:
                if self.owner is not None:
                    os.fchown(into, self.owner, self.owner)
                return self.copy(below, into, room, depth + 1)
            finally:
                os.close(into)
        finally:
            os.close(below)
