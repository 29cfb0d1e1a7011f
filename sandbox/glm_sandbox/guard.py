"""Stands between our process and a kernel, so that nothing of the kernel outlives either.

Run as a script of its own (`isolation/guarded.py`), never imported:

    python -I -S guard.py ALIVE_FD OPTIONS COMMAND...

ALIVE_FD is the reading end of a pipe that our process holds open: when it closes, however our
process ended, everything ends here. SIGTERM ends everything too. The guard adopts orphans
(Linux), so children that the code detached are found and killed. Exit status: the kernel's, or
128 + signal. OPTIONS is a JSON object, every key optional:

    folders   removed when our process is gone
    join      cgroup.procs files that the kernel enters before it is run
    groups    cgroup folders, removed in the end
    events    the file that counts "oom_kill"
    memory    bytes of private memory of all processes together; more, and everything ends
    counted   a cgroup's memory.stat, which counts that memory; without it /proc has to do, where
              what forked processes share counts for each of them
    stderr    true: the kernel's stderr goes through the guard, which passes on a bounded amount
    report    descriptor that gets a JSON object in the end: {"oom": how many were killed}

Does not do: holding back code that means to harm. For kind "local" that code runs as the same user
and can kill the guard (the kernel then dies with it on Linux); isolated code cannot see it.
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
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform.startswith("linux")


def prctl(option: int, value: int) -> None:
    """Set a process attribute; a kernel that lacks it is no reason to stop."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def noop(_signum: int, _frame: FrameType | None) -> None:
    """A handler that does nothing: unlike SIG_IGN, a program started later does not inherit it."""


def start(command: list[str], join: list[str], stderr: int | None) -> int:
    """Start the kernel, in its cgroups, and return its process id."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)
        for entrance in join:
            handle = os.open(entrance, os.O_WRONLY)
            os.write(handle, b"0")
            os.close(handle)
        if not LINUX:  # ipykernel's own watch, for systems without prctl
            os.environ["JPY_PARENT_PID"] = str(guard)
        if stderr is not None:
            os.dup2(stderr, 2)
        os.execvp(command[0], command)  # noqa: S606 (no shell is wanted)
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error.strerror} {error.filename}\n".encode())
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


class Words:
    """The kernel's stderr: the beginning is passed on, of what follows the end."""

    FIRST, LAST = 16_384, 4_096

    def __init__(self, reading: int) -> None:
        self.reading = reading
        self.room = self.FIRST
        self.tail = b""

    def take(self) -> bool:
        """Read what is there; whether there was anything."""
        try:
            data = os.read(self.reading, 65536)
        except OSError:
            return False
        now, later = data[: self.room], data[self.room :]
        self.room -= len(now)
        os.write(2, now)
        self.tail = (self.tail + later)[-self.LAST :]
        return bool(data)

    def finish(self) -> None:
        """Pass on the rest."""
        os.set_blocking(self.reading, False)
        for _ in range(100):  # a pipe holds less; not endless if a process should hold it open
            if not self.take():
                break
        os.write(2, self.tail)


def private_memory(counted: str | None) -> int:
    """Bytes of memory that our descendants do not share with files."""
    if counted:
        with contextlib.suppress(OSError, ValueError):
            for line in Path(counted).read_text().splitlines():
                name, _, number = line.partition(" ")
                if name in {"anon", "total_rss"}:  # version 2, version 1
                    return int(number)
    pages = 0
    for pid in descendants():
        with contextlib.suppress(OSError, ValueError):
            _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
            pages += max(0, int(resident) - int(shared))
    return pages * resource.getpagesize()


def oom_kills(events: str | None) -> int:
    """How many processes the cgroup killed for want of memory."""
    if events:
        with contextlib.suppress(OSError, ValueError):
            for line in Path(events).read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


class Guard:
    """What is watched while a kernel runs."""

    def __init__(self, alive: int, options: dict[str, Any]) -> None:
        self.alive = alive
        self.options = options
        self.report: int | None = options.get("report")
        for handle in (alive, self.report):
            if handle is not None:
                os.set_inheritable(handle, False)
        self.wake, waking = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        self.stop = False
        self.orphaned = False
        self.oom = 0
        self.words: Words | None = None
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, noop)
        signal.signal(signal.SIGTERM, self.stopping)

    def stopping(self, _signum: int, _frame: FrameType | None) -> None:
        """SIGTERM: end everything."""
        self.stop = True

    def start(self, command: list[str]) -> int:
        """Start the kernel and return its process id."""
        writing: int | None = None
        if self.options.get("stderr"):
            reading, writing = os.pipe()
            self.words = Words(reading)
        pid = start(command, self.options.get("join", []), writing)
        if writing is not None:
            os.close(writing)
        return pid

    def watch(self, kernel: int) -> int | None:
        """Wait until the kernel ends (its status) or it is to be ended (None)."""
        parent = os.getppid()
        memory: int | None = self.options.get("memory")
        counted: str | None = self.options.get("counted")
        handles = [self.alive, self.wake, *([self.words.reading] if self.words else [])]
        while not (self.stop or self.orphaned or self.oom):
            # A child that our process forked may hold the pipe open, hence the look at the parent.
            ready = select.select(handles, [], [], 0.1 if memory else 1.0)[0]
            self.orphaned = self.alive in ready or os.getppid() != parent
            if self.wake in ready:
                os.read(self.wake, 4096)
            if self.words and self.words.reading in ready and not self.words.take():
                handles.remove(self.words.reading)
            if memory and private_memory(counted) > memory:
                self.oom = 1
            if (status := reap().get(kernel)) is not None:
                return status
        return None

    def finish(self) -> None:
        """Tell what is to be told and remove what is ours to remove."""
        if self.words:
            self.words.finish()
        self.oom += oom_kills(self.options.get("events"))
        for folder in self.options.get("groups", []):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        if self.report is not None:
            with contextlib.suppress(OSError):
                os.write(self.report, json.dumps({"oom": self.oom}).encode())
        if self.orphaned:
            import shutil  # only here: it is slow to load

            for folder in self.options.get("folders", []):
                shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run the command until it ends, our process goes, or SIGTERM comes."""
    guard = Guard(int(sys.argv[1]), json.loads(sys.argv[2]))
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no file in the work folder
    kernel = guard.start(sys.argv[3:])
    status = guard.watch(kernel)
    end_all(kernel, ended=status is not None)
    guard.finish()
    if not LINUX and status is None:
        os.killpg(0, signal.SIGKILL)  # no orphans are adopted here: at least our own group
    if status is None:
        return 128 + signal.SIGKILL
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
