"""Bounds on memory, processes and processor time of a tree of processes, by Linux cgroups.

Version 1 and 2, where this process may make groups below its own (root, or a delegated tree as
systemd gives to users). Where it may not, `Cgroup.make` gives None, and the guard watches memory
instead (`guard.py`). Does not do: joining (the process itself does, before it runs anything), or
bounding what was handed out before joining.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from ..results import Bounds

ROOT = Path("/sys/fs/cgroup")
_PERIOD = 100_000  # microseconds over which processor time is counted


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A group: one folder (version 2) or one for each controller (version 1).

    `folders` are all of them, `events` the file whose line "oom_kill N" counts.
    """

    folders: tuple[Path, ...]
    events: Path | None
    bounded: frozenset[str] = field(default_factory=frozenset[str])

    @classmethod
    def make(cls, bounds: Bounds, root: Path = ROOT) -> Cgroup | None:
        """A new empty group with these bounds; None where that is not to be had.

        A group always bounds memory and processes; `bounded` says whether "cpus" too. Memory
        counts files in memory as well, so the group may use `memory` + `disk` bytes.
        """
        name = f"glm-sandbox-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            own = _own()
        except OSError:
            return None
        if "memory" in own:
            return _version1(root, own, name, bounds)
        if "" in own:
            return _version2(root, own[""], name, bounds)
        return None

    def entrances(self) -> list[str]:
        """The files that a process writes "0" to in order to join."""
        return [str(folder / "cgroup.procs") for folder in self.folders]

    def remove(self) -> None:
        """Remove the group once it is empty; one that is not stays."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _own() -> dict[str, str]:
    """The group of this process for each version 1 controller, and under "" for version 2."""
    found: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def _version1(root: Path, own: dict[str, str], name: str, bounds: Bounds) -> Cgroup | None:
    made: dict[str, Path] = {}
    total = bounds.memory + bounds.disk
    try:
        for controller in ("memory", "pids", "cpu"):
            if controller not in own and controller == "cpu":
                continue
            base = root / controller
            if (base / own[controller].lstrip("/")).is_dir():  # not so in some containers
                base /= own[controller].lstrip("/")
            folder = base / name
            folder.mkdir()
            made[controller] = folder
        _write(made["memory"] / "memory.limit_in_bytes", total)
        with contextlib.suppress(OSError):  # where swap is counted
            _write(made["memory"] / "memory.memsw.limit_in_bytes", total)
        _write(made["pids"] / "pids.max", bounds.processes + 4)  # bubblewrap's own two, a margin
        if "cpu" in made:
            _write(made["cpu"] / "cpu.cfs_period_us", _PERIOD)
            _write(made["cpu"] / "cpu.cfs_quota_us", max(1000, int(bounds.cpus * _PERIOD)))
    except (OSError, KeyError):
        Cgroup(tuple(made.values()), None).remove()
        return None
    bounded = {"memory", "processes"} | ({"cpus"} if "cpu" in made else set[str]())
    events = made["memory"] / "memory.oom_control"
    return Cgroup(tuple(made.values()), events, frozenset(bounded))


def _version2(root: Path, own: str, name: str, bounds: Bounds) -> Cgroup | None:
    # Processes may sit in leaves only, so the new group goes beside our own where it can.
    here = root / own.lstrip("/")
    for parent in (here.parent, here) if here != root else (root,):
        folder = parent / name
        try:
            enabled = (parent / "cgroup.subtree_control").read_text("utf-8").split()
            wanted = [f"+{c}" for c in ("memory", "pids", "cpu") if c not in enabled]
            for controller in wanted:  # one at a time: "cpu" may be missing
                with contextlib.suppress(OSError):
                    _write(parent / "cgroup.subtree_control", controller)
            folder.mkdir()
            _write(folder / "memory.max", bounds.memory + bounds.disk)
            with contextlib.suppress(OSError):
                _write(folder / "memory.swap.max", 0)
            _write(folder / "pids.max", bounds.processes + 4)
        except OSError:
            Cgroup((folder,), None).remove()
            continue
        bounded = {"memory", "processes"}
        with contextlib.suppress(OSError):
            _write(folder / "cpu.max", f"{max(1000, int(bounds.cpus * _PERIOD))} {_PERIOD}")
            bounded.add("cpus")
        if os.access(folder / "cgroup.procs", os.W_OK):
            return Cgroup((folder,), folder / "memory.events", frozenset(bounded))
        Cgroup((folder,), None).remove()
    return None


def _write(path: Path, value: object) -> None:
    # Never made anew: in a cgroup file system the files are there or the controller is not.
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, str(value).encode())
    finally:
        os.close(handle)
