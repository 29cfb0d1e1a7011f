"""One container with one kernel in it: made, talked to, ended.

What the container may do is in `confinement`. The engine starts it; everything after goes over a
Unix socket between us and its first process (`init.py`), also the end: when the socket closes,
the container ends and the engine removes it, however we ended. Does not do: the kernel's messages.
"""

from __future__ import annotations

import contextlib
import http
import json
import os
import select
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread

from ...errors import KernelStartError
from ...isolation import seccomp
from ...isolation.guarded import describe
from ...results import Bounds
from .engine import LABEL, connect, telling
from .image import image_name
from .init import SOCKET
from .leftovers import OWNER, started_at

INSIDE = "/run/glm"  # where the container sees what we show it, read-only
PYTHON = "/opt/kernel/bin/python"
FONTS = "/opt/kernel/matplotlib"
KILL_SECONDS = 2.0  # how long the first process may take to end everything
FORGET_SECONDS = 30.0  # how long the engine may take to remove what has ended
_SHARED_MEMORY = 64 * 1024 * 1024
_FILE_BYTES = 8192  # of the work folder for each file it may hold
_PACKAGE = Path(__file__).parents[2]
_SCRIPTS = (Path(__file__).with_name("init.py"), _PACKAGE / "guard.py", _PACKAGE / "inside.py")


@dataclass(frozen=True, slots=True)
class Task:
    """What runs in a container.

    `handles`: for each name of an environment variable, descriptors that the command inherits and
    whose numbers the variable tells.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    handles: Mapping[str, Sequence[int]]
    files: Mapping[str, str]  # name below INSIDE -> content
    bounds: Bounds
    user: int  # user and group id of its processes


def confinement(bounds: Bounds, user: int) -> dict[str, Any]:
    """What holds a container's processes back, in the engine's words (`docker run` has the same).

    Memory counts files in memory as well, so the container may use `memory` + `disk` bytes; of
    these, `guard.py` lets processes have `memory`.
    """
    disk = f"size={bounds.disk},nr_inodes={max(1024, bounds.disk // _FILE_BYTES)}"
    return {
        "user": f"{user}:{user}",
        "network_mode": "none",
        "dns": ["127.0.0.1"],  # or the engine copies this machine's resolv.conf
        "dns_search": ["."],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "privileged": False,
        "read_only": True,
        "ipc_mode": "private",
        "shm_size": min(bounds.disk, _SHARED_MEMORY),
        "tmpfs": {"/mnt": f"rw,nosuid,nodev,mode=0755,uid={user},gid={user},{disk}"},
        "mem_limit": bounds.memory + bounds.disk,
        "memswap_limit": bounds.memory + bounds.disk,  # together: no swap
        "pids_limit": bounds.processes + 4,  # the first process and a margin
        "nano_cpus": int(bounds.cpus * 1e9),
        "log_config": {"Type": "none"},  # the engine's logs have no bound
        "hostname": "sandbox",
        "working_dir": "/mnt",
    }


class Container:
    """A running container.

    Args:
        folder: A new private folder; what the container sees of this machine is put into it.
        task: What to run.
        words: A file for the end of what the command writes to its stderr.
        seconds: How long it may take to come up.

    Raises:
        KindUnavailable: no engine answers.
        KernelStartError: the engine refuses, or the container does not come up.
    """

    def __init__(self, folder: Path, task: Task, words: Path, seconds: float) -> None:
        self._status: int | None = None
        self._oom = False
        self._said = b""
        self._container: Any = None
        self._host: socket.socket | None = None
        self._removal: threading.Thread | None = None
        self._client = connect()
        try:
            with telling(KernelStartError, "the Docker engine starts no kernel"):
                self._host = self._start(folder, task, seconds)
            with words.open("wb") as file:
                self._tell(task, file.fileno())
        except BaseException:
            self._remove()
            raise

    def _start(self, folder: Path, task: Task, seconds: float) -> socket.socket:
        from docker.errors import ImageNotFound
        from docker.types import Mount

        folder.mkdir(mode=0o755)
        for script in _SCRIPTS:
            _write(folder / script.name, script.read_bytes())
        for name, text in task.files.items():
            _write(folder / name, text.encode())
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(folder / SOCKET))
            (folder / SOCKET).chmod(0o666)  # the folder above is private
            listening.listen(1)
            try:
                self._container = self._client.containers.create(
                    image_name(),
                    [PYTHON, "-I", "-S", f"{INSIDE}/init.py"],
                    mounts=[Mount(INSIDE, str(folder), type="bind", read_only=True)],
                    labels={LABEL: "kernel", OWNER: f"{os.getpid()}:{started_at(os.getpid())}"},
                    environment={"LANG": "C.UTF-8"},
                    auto_remove=True,
                    **confinement(task.bounds, task.user),
                )
            except ImageNotFound:
                raise KernelStartError(
                    "the image for kernels is not built; build it: glm-agent sandbox build"
                ) from None
            self._container.start()
            host = self._met(listening, time.monotonic() + seconds)
        (folder / SOCKET).unlink()
        return host

    def _met(self, listening: socket.socket, deadline: float) -> socket.socket:
        """The connection that the first process makes."""
        look = time.monotonic() + 1.0
        while not select.select([listening], [], [], 0.1)[0]:
            now = time.monotonic()
            if now > deadline:
                raise KernelStartError(
                    "the container does not reach the folder that it was given; does the engine "
                    "run on this machine?"
                )
            if now > look:
                look = now + 1.0
                if not self._runs():
                    raise KernelStartError("the container ended while starting")
        host, _ = listening.accept()
        return host

    def _runs(self) -> bool:
        from docker.errors import NotFound

        try:
            self._container.reload()
        except NotFound:
            return False
        return self._container.status in {"created", "running"}

    def _tell(self, task: Task, words: int) -> None:
        handles = [words]
        places: dict[str, list[int]] = {}
        for name, chosen in task.handles.items():
            places[name] = list(range(len(handles) - 1, len(handles) - 1 + len(chosen)))
            handles += chosen
        said = {
            "command": list(task.command),
            "environment": dict(task.environment),
            "handles": places,
            "memory": task.bounds.memory,
            "seccomp": seccomp.program().hex(),
        }
        host = self._connection()
        data = json.dumps(said).encode() + b"\n"
        sent = socket.send_fds(host, [data], handles)
        host.sendall(data[sent:])
        host.setblocking(False)

    def _connection(self) -> socket.socket:
        if self._host is None:
            raise KernelStartError("the container is closed")
        return self._host

    def poll(self) -> int | None:
        """The exit status, 128 + number for a signal; None while it runs."""
        while self._status is None and self._host is not None:
            try:
                piece = self._host.recv(4096)
            except BlockingIOError:
                return None
            except OSError:
                piece = b""
            self._said = (self._said + piece)[:4096]
            if not piece:
                self._read_ending()
        return self._status

    def _read_ending(self) -> None:
        """Take what the first process said in the end; it is as untrusted as all from inside."""
        self._status = 128 + 9  # it was killed with all the rest
        with contextlib.suppress(ValueError):
            said: object = json.loads(self._said)
            if isinstance(said, dict):
                status = cast("dict[str, object]", said).get("status")
                if isinstance(status, int) and 0 <= status < 256:
                    self._status = status
                self._oom = bool(cast("dict[str, object]", said).get("oom"))

    def ending(self) -> str:
        """How it ended, in words."""
        status = self.poll()
        return "out of memory" if self._oom else describe(status)

    async def kill(self) -> None:
        """End everything in the container. Idempotent."""
        if self._host is None or self.poll() is not None:
            return
        with contextlib.suppress(OSError):
            self._host.shutdown(socket.SHUT_WR)  # the first process ends everything, and says so
        deadline = time.monotonic() + KILL_SECONDS
        while self.poll() is None:
            if time.monotonic() > deadline:
                await anyio.to_thread.run_sync(self._remove_container)
                deadline = time.monotonic() + KILL_SECONDS
            await anyio.sleep(0.003)

    async def close(self) -> None:
        """`kill`, and have the engine forget it, which `gone` waits for."""
        await self.kill()
        if self._removal is None:
            self._removal = threading.Thread(target=self._remove)
            self._removal.start()

    def forgotten(self) -> bool:
        """Whether `close` was called and the engine has nothing of it any more."""
        return self._removal is not None and not self._removal.is_alive()

    async def gone(self) -> None:
        """Wait until the engine has nothing of it any more; after `close`."""
        if self._removal is not None:
            await anyio.to_thread.run_sync(self._removal.join)

    def _remove(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            host.close()
        self._remove_container()
        self._client.close()

    def _remove_container(self) -> None:
        from docker.errors import DockerException

        if self._container is not None:
            with contextlib.suppress(DockerException, OSError):
                forget(self._container)


def forget(container: Any) -> None:
    """Have the engine remove a container, and wait until it has nothing of it any more.

    Raises:
        DockerException, OSError: it does not.
    """
    from docker.errors import APIError

    try:
        container.remove(force=True, v=True)
    except APIError as error:
        # Most often the engine has removed it by itself (404), or has begun to (409).
        if error.status_code == http.HTTPStatus.CONFLICT:
            container.wait(condition="removed", timeout=FORGET_SECONDS)
        elif error.status_code != http.HTTPStatus.NOT_FOUND:
            raise


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o644)
