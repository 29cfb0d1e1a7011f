"""Stands between our process and a kernel, so that nothing of the kernel outlives either.

Run as a script of its own by the provisioner, never imported:

    python -I -S guard.py ALIVE_FD FOLDERS COMMAND...

ALIVE_FD is the reading end of a pipe that our process holds open: when it closes, however our
process ended, everything ends here and FOLDERS (a JSON list) are removed. SIGTERM ends everything
too. The guard adopts orphans (Linux), so children that the code detached are found and killed.
Exit status: the kernel's, or 128 + signal. Does not do: holding back code that means to harm;
that code runs as the same user and can kill the guard (the kernel then dies with it on Linux).
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform.startswith("linux")


def prctl(option: int, value: int) -> None:
    """Set a process attribute; a kernel that lacks it is no reason to stop."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def noop(_signum: int, _frame: FrameType | None) -> None:
    """A handler that does nothing: unlike SIG_IGN, a program started later does not inherit it."""


def start(command: list[str]) -> int:
    """Start the kernel and return its process id."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)
        os.environ["JPY_PARENT_PID"] = str(
            guard
        )  # ipykernel's own watch, for systems without prctl
        os.execvp(command[0], command)  # noqa: S606 (no shell is wanted)
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def descendants() -> list[int]:
    """Process ids of our living children and theirs, from /proc (Linux only)."""
    children: dict[int, list[int]] = {}
    dead: set[int] = set()  # a dead process can still have children: its last threads keep them
    for folder in Path("/proc").iterdir():
        if (name := folder.name).isdigit():
            try:
                stat = (folder / "stat").read_bytes()
            except OSError:
                continue
            fields = stat.rpartition(b")")[2].split()  # after the name, which may hold anything
            children.setdefault(int(fields[1]), []).append(int(name))
            if fields[0] == b"Z":
                dead.add(int(name))
    found: list[int] = []
    todo = [os.getpid()]
    while todo:
        more = children.get(todo.pop(), [])
        found += more
        todo += more
    return [pid for pid in found if pid not in dead]


def reap() -> dict[int, int]:
    """Exit statuses of the children that ended."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended[pid] = status


def end_all(kernel: int, ended: bool) -> None:
    """Kill everything below us, again until nothing is left."""
    if not ended:
        os.kill(kernel, signal.SIGKILL)
    for _ in range(200):
        ended = ended or kernel in reap()
        found = descendants() if LINUX else []
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if ended and not found:
            return
        time.sleep(0.005)


def main() -> int:
    """Run the command until it ends, our process goes, or SIGTERM comes."""
    alive, folders, command = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
    os.set_inheritable(alive, False)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, noop)
    signal.signal(signal.SIGTERM, lambda number, _frame: stop.append(number))
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no file in the work folder
    parent = os.getppid()
    kernel = start(command)
    status: int | None = None
    orphaned = False
    while status is None and not stop and not orphaned:
        # A child that our process forked may hold the pipe open, hence the look at the parent.
        ready = select.select([alive, wake_read], [], [], 1.0)[0]
        orphaned = alive in ready or os.getppid() != parent
        if wake_read in ready:
            os.read(wake_read, 4096)
        status = reap().get(kernel)
    end_all(kernel, ended=status is not None)
    if orphaned:
        import shutil  # only here: it is slow to load

        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    if not LINUX and status is None:
        os.killpg(0, signal.SIGKILL)  # no orphans are adopted here: at least our own group
    if status is None:
        return 128 + signal.SIGKILL
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
