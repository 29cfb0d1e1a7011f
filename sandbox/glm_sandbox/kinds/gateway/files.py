"""Files of a kernel elsewhere: read and written by the kernel itself, in pieces.

Small functions are sent along with each question, so that nothing is left behind in the kernel's
variables. What comes back is as untrusted as all from a kernel: it is checked and bounded, and
never more than bytes and names. Does not do: guarding the machine that runs the kernel.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import PurePosixPath
from typing import cast

from ...errors import FileRefused
from ...folder import MAX_ENTRIES, Snapshot
from .channels import GatewayChannels, Refused

SECONDS = 30.0  # for each piece
PIECE = 2 * 1024 * 1024  # bytes; the Jupyter Server takes messages of 10 MB

# Runs in the kernel, whose Python may be an older one. Each function gives a string.
_INSIDE = """
import base64, json, os, stat, tempfile
def enter(folder):
    if not (folder and os.path.isdir(folder)):
        folder = tempfile.mkdtemp(prefix="glm-")
    os.chdir(folder)
    return base64.b64encode(os.fsencode(folder)).decode()
def leave(folder):
    import shutil
    os.chdir("/")
    shutil.rmtree(folder, ignore_errors=True)
    return ""
def opened(folder, name, flags):
    path = os.path.join(folder, *name.split("/"))
    handle = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o644)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError("it is not a regular file")
    return handle
def put(folder, name, offset, data):
    path = os.path.join(folder, *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | (0 if offset else os.O_TRUNC)
    with os.fdopen(opened(folder, name, flags), "r+b" if offset else "wb") as file:
        file.seek(offset)
        file.write(base64.b64decode(data))
    return ""
def get(folder, name, offset, size):
    with os.fdopen(opened(folder, name, os.O_RDONLY), "rb") as file:
        file.seek(offset)
        return base64.b64encode(file.read(size)).decode()
def look(folder, most):
    found, whole = [], True
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n != "__pycache__")
        for name in sorted(names):
            path = os.path.join(place, name)
            try: info = os.lstat(path)
            except OSError: continue
            if name.startswith(".") or not stat.S_ISREG(info.st_mode): continue
            if len(found) >= most:
                whole = False
                break
            found.append([os.path.relpath(path, folder), info.st_mtime_ns, info.st_size])
    said = json.dumps([found, whole])
    return base64.b64encode(said.encode("utf-8", "surrogateescape")).decode()
"""


class RemoteFiles:
    """The work folder of one kernel.

    Args:
        channels: The way to the kernel, which must be idle when it is asked.
        folder: Where it was in a kernel before this one, to go on with it if it is there.
        file_bytes: The largest file that `put` and `get` move.
    """

    def __init__(self, channels: GatewayChannels, folder: str, file_bytes: int) -> None:
        self._channels = channels
        self.folder = folder
        self._limit = file_bytes

    async def _do(self, function: str, *values: object, seconds: float = SECONDS) -> bytes:
        arguments = ", ".join(map(repr, values))
        expression = f"(lambda n: (exec({_INSIDE!r}, n), n[{function!r}]({arguments}))[1])({{}})"
        answer = await self._channels.ask(expression, seconds)
        try:
            return base64.b64decode(answer.encode(), validate=True)
        except (ValueError, binascii.Error):
            raise Refused("the kernel answered something else") from None

    async def enter(self, seconds: float) -> None:
        """Make the work folder the kernel's own. Raises `Refused`."""
        found = await self._do("enter", self.folder, seconds=seconds)
        self.folder = found.decode("utf-8", "surrogateescape")

    async def leave(self, seconds: float) -> None:
        """Remove the work folder. Raises `Refused`."""
        await self._do("leave", self.folder, seconds=seconds)

    async def put(self, name: str, data: bytes) -> None:
        """Write a file. Raises `FileRefused`."""
        _check(name)
        if len(data) > self._limit:
            raise FileRefused(f"{name!r} has {len(data):,} bytes; at most {self._limit:,} go in")
        try:
            for offset in range(0, len(data) or 1, PIECE):
                piece = base64.b64encode(data[offset : offset + PIECE]).decode()
                await self._do("put", self.folder, name, offset, piece)
        except Refused as error:
            raise FileRefused(f"{name!r} cannot be written: {error}") from None

    async def get(self, name: str) -> bytes:
        """Read a file. Raises `FileRefused`."""
        _check(name)
        data = bytearray()
        try:
            while len(data) <= self._limit:
                piece = await self._do("get", self.folder, name, len(data), PIECE)
                data += piece
                if len(piece) < PIECE:
                    break
        except Refused as error:
            raise FileRefused(f"{name!r} cannot be opened as a regular file: {error}") from None
        if len(data) > self._limit:
            raise FileRefused(f"{name!r} has more than {self._limit:,} bytes; no more come out")
        return bytes(data)

    async def snapshot(self) -> Snapshot:
        """How the files are now; nothing where the kernel does not say. Raises `Refused`."""
        try:
            said: object = json.loads(await self._do("look", self.folder, MAX_ENTRIES))
            found, whole = cast("tuple[list[tuple[str, int, int]], bool]", said)
            marks = {
                str(name).encode("utf-8", "replace").decode(): (int(changed), int(size))
                for name, changed, size in found[:MAX_ENTRIES]
            }
        except (ValueError, TypeError, OverflowError, RecursionError):
            return Snapshot(complete=False)
        return Snapshot(marks, complete=whole is True)


def _check(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
        raise FileRefused(f"{name!r} is not inside the work folder; give a name relative to it")
