"""What an attack aims at: things of this machine that no kernel may reach, set up for a while.

Secret files, a variable in our own environment, an open descriptor, services on loopback and on
Unix sockets, a bystanding process, another session. Everything is made for the check and removed
after it; nothing leaves the machine. Does not do: the attacks.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

VARIABLE = "GLM_SANDBOX_CHECK_SECRET"


class Scene:
    """A context manager; its attributes are the targets."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.token = secrets.token_hex(8)
        self.secret = f"secret-{secrets.token_hex(16)}"

    def __enter__(self) -> Self:
        stack = self._stack
        self.folder = Path(tempfile.mkdtemp(prefix="check-"))
        stack.callback(shutil.rmtree, self.folder, True)
        self.in_tmp = self.folder / "secret.txt"
        self.in_tmp.write_text(self.secret, "utf-8")
        self.in_tmp.chmod(0o644)
        self.folder.chmod(0o755)
        self.in_home: Path | None = None
        with contextlib.suppress(OSError, RuntimeError):
            path = Path("~").expanduser() / f".glm-sandbox-check-{self.token}"
            path.write_text(self.secret, "utf-8")
            stack.callback(path.unlink, True)
            self.in_home = path
        os.environ[VARIABLE] = self.secret
        stack.callback(os.environ.pop, VARIABLE, None)
        self.descriptor = os.open(self.in_tmp, os.O_RDWR)
        os.set_inheritable(self.descriptor, True)
        stack.callback(os.close, self.descriptor)
        self.tcp = self._listen(socket.AF_INET, ("127.0.0.1", 0))
        self.unix_path = str(self.folder / "service.sock")
        self.unix = self._listen(socket.AF_UNIX, self.unix_path)
        Path(self.unix_path).chmod(0o777)
        self.abstract_name = f"glm-sandbox-check-{self.token}"
        self.abstract: socket.socket | None = None
        if sys.platform.startswith("linux"):
            self.abstract = self._listen(socket.AF_UNIX, f"\0{self.abstract_name}")
        self.udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)
        self.marker = f"glm-bystander-{self.token}"
        self.bystander = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()", self.marker],
            stdin=subprocess.PIPE,
        )
        stack.callback(self._end_bystander)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _listen(self, family: socket.AddressFamily, address: object) -> socket.socket:
        service = self._stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        service.bind(address)  # type: ignore[arg-type]
        service.listen(8)
        service.setblocking(False)
        return service

    def _end_bystander(self) -> None:
        self.bystander.kill()
        self.bystander.wait()
        if self.bystander.stdin:
            self.bystander.stdin.close()

    def reached(self, service: socket.socket | None) -> bool:
        """Whether somebody connected to a listening service, or sent it a datagram."""
        if service is None:
            return False
        try:
            if service.type == socket.SOCK_DGRAM:
                service.recv(1)
            else:
                service.accept()[0].close()
        except OSError:
            return False
        return True

    def judge(self, attack: str) -> str:
        """What an attack reached that only we can see, "" for nothing."""
        looks = {
            "planting_a_file": (self.folder / "planted").exists,
            "signals_to_the_host": lambda: self.bystander.poll() is not None,
            "tcp": lambda: self.reached(self.tcp),
            "udp": lambda: self.reached(self.udp),
            "abstract_socket": lambda: self.reached(self.abstract),
            "socket_by_path": lambda: self.reached(self.unix),
        }
        return "it arrived on the host" if attack in looks and looks[attack]() else ""

    def names(self) -> dict[str, object]:
        """What an attack's code may know, as Python values by name."""
        return {
            "SECRET": self.secret,
            "IN_TMP": str(self.in_tmp),
            "IN_HOME": str(self.in_home or self.in_tmp),
            "FOLDER": str(self.folder),
            "TCP": self.tcp.getsockname(),
            "UDP": self.udp.getsockname(),
            "UNIX": self.unix_path,
            "ABSTRACT": self.abstract_name,
            "MARKER": self.marker,
            "BYSTANDER": self.bystander.pid,
            "TOKEN": self.token,
            "SESSIONS": tempfile.gettempdir(),
            "DOCKER": os.environ.get("DOCKER_HOST", "").removeprefix("unix://"),
        }


def processes_named(marker: str) -> list[int]:
    """Process ids of this machine whose command line holds `marker`."""
    import psutil

    found: list[int] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(marker in part for part in process.cmdline()):
                found.append(process.pid)
    return found
