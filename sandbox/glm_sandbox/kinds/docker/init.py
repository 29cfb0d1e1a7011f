"""The first process of a container, run as a script in there, never imported.

    python -I -S init.py

Next to it lie `guard.py` and a Unix socket of the host's, on which everything else comes: what to
run and with which environment, the seccomp program, listening sockets for the kernel, a file for
its last words. It then is the guard of the kernel (see `guard.py`): when the host lets go of the
socket, however it ended, this process ends, and with it all that is in the container. What is
reported in the end is {"status": exit status, "oom": processes killed for want of memory}.

Does not do: confining. The container and the seccomp program do; they hold for this process too.
"""

import array
import contextlib
import ctypes
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOCKET = "host"
MOST = 1 << 20  # bytes of what the host says
PR_SET_DUMPABLE = 4  # linux/prctl.h
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2  # linux/seccomp.h


class Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def prctl(option: int, first: int, second: object = 0) -> None:
    """Set an attribute of this process. Raises `OSError`."""
    library = ctypes.CDLL(None, use_errno=True)
    argument = ctypes.byref(second) if isinstance(second, Program) else second
    if library.prctl(option, ctypes.c_ulong(first), argument, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def received(host: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What the host says, a JSON object and a newline, and the descriptors that come along."""
    data = b""
    handles = array.array("i")
    while not data.endswith(b"\n"):
        space = socket.CMSG_SPACE(16 * handles.itemsize)
        piece, ancillary, _, _ = host.recvmsg(65536, space, socket.MSG_CMSG_CLOEXEC)
        if not piece or len(data) > MOST:
            sys.exit("the host said nothing")
        data += piece
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                handles.frombytes(payload[: len(payload) - len(payload) % handles.itemsize])
    return json.loads(data), list(handles)


def cgroup(*names: str) -> str | None:
    """The first of some files of our cgroup that is there."""
    paths = [Path("/sys/fs/cgroup") / name for name in names]
    return next((str(path) for path in paths if path.exists()), None)


def main() -> int:
    """Do as the host says until the kernel ends."""
    with socket.socket(socket.AF_UNIX) as host:
        host.connect(str(HERE / SOCKET))
        said, handles = received(host)
        words, *given = handles
        os.dup2(words, 2)
        os.close(words)
        for name in ("data", "tmp"):
            Path("/mnt", name).mkdir(mode=0o777, exist_ok=True)
        os.chdir("/mnt/data")
        prctl(PR_SET_DUMPABLE, 0)  # our descriptors and memory are not for the code inside
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        program = bytes.fromhex(said["seccomp"])
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, Program(len(program) // 8, program))

        environment: dict[str, str] = dict(said["environment"])
        for name, index in said["handles"].items():
            chosen = [given[number] for number in index]
            environment[name] = ",".join(map(str, chosen))
        for handle in given:
            os.set_inheritable(handle, True)
        os.environ.clear()
        os.environ.update(environment)

        reading, report = os.pipe()
        options = {
            "memory": said["memory"],
            "counted": cgroup("memory.stat", "memory/memory.stat"),
            "events": cgroup("memory.events", "memory/memory.oom_control"),
            "stderr": True,
            "report": report,
        }
        sys.path.insert(0, str(HERE))
        import guard  # pyright: ignore[reportMissingImports] - it lies next to this file in there

        sys.argv = ["guard", str(host.fileno()), json.dumps(options), *said["command"]]
        status = guard.main()
        ending = {"status": status}
        with contextlib.suppress(ValueError):
            ending["oom"] = json.loads(os.read(reading, 4096)).get("oom", 0)
        with contextlib.suppress(OSError):
            host.sendall(json.dumps(ending).encode())
    return status


if __name__ == "__main__":
    sys.exit(main())
