"""The view of the machine that a kernel gets: the command line of bubblewrap.

Namespaces of its own for mounts, processes, network, IPC and host name; of the files only the
system's programs and libraries and the kernel's Python, read-only, and one file system in memory
that it may write to. Two ways to the same promises, by who starts it:

- root: no user namespace. bubblewrap sets up, then setpriv changes to a user of the kernel's own
  that owns nothing here, and gives up every capability.
- an ordinary user: a user namespace, in which the kernel is a user without capabilities.

(Root with a user namespace would map the kernel to root, who may write /proc/sys; never used.)
Does not defend against: bugs of the Linux kernel; reading what is in /usr and in the Python's
folders; slowing others down within the bounds. The environment of bubblewrap itself can be read
from inside, so it must be started with an empty one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from ..results import Bounds
from . import seccomp
from .interpreter import Interpreter

INSIDE = "/run/glm/inside.py"
CONNECTION = "/run/glm/connection.json"
FONTS = "/run/glm/fonts"
TEMPORARY = "/mnt/tmp"
USER = 1000  # inside a user namespace
_SHARED_MEMORY = 64 * 1024 * 1024
# Users of kernels that root starts: above what systemd and distributions hand out.
_FIRST_USER, _USERS = 0x7000_0000, 0x0FFF_FFFF

_ETC = (
    *("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime"),
    *("mime.types", "protocols", "services", "matplotlibrc"),
)
_NAMESPACES = (
    *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
    "--die-with-parent",
)
_UNTIL_DROPPED = (  # what setpriv needs in order to give everything up
    *("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
    *("--cap-add", "CAP_SETPCAP"),
)
_NO_PRIVILEGES = (
    *("--clear-groups", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"),
    "--no-new-privs",
)


@lru_cache
def unavailable() -> str | None:
    """Why bubblewrap cannot isolate here and what to do about it; None if it can."""
    if not seccomp.known():
        return "it knows x86-64 and arm64 processors only"
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return "bubblewrap is not installed; install it: apt-get install bubblewrap"
    if as_root() and shutil.which("setpriv") is None:
        return "setpriv is not installed; install it: apt-get install util-linux"
    command = [bwrap, *_modes(_FIRST_USER), *_system(), "--proc", "/proc", "--dev", "/dev", "--"]
    command += [*_dropping(_FIRST_USER), "/usr/bin/env", "true"]
    try:
        done = subprocess.run(  # noqa: S603 (found on PATH above)
            command, capture_output=True, text=True, timeout=30, check=False, env={}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run: {error}"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return (
        f"bubblewrap may not make namespaces here ({said}); allow them to ordinary users "
        "(sysctl user.max_user_namespaces, on Ubuntu an AppArmor profile for bwrap), "
        "or in a container start it with the rights to"
    )


def as_root() -> bool:
    """Whether kernels are started by root."""
    return os.geteuid() == 0


def new_user() -> int:
    """A user id for one kernel."""
    return _FIRST_USER + 1 + secrets.randbelow(_USERS) if as_root() else USER


def command(
    python: Interpreter,
    bounds: Bounds,
    user: int,
    environment: Mapping[str, str],
    *,
    files: Mapping[str, int],
    filter_: int,
    readable: Iterable[tuple[str, str]],
    arguments: Iterable[str],
) -> list[str]:
    """The command line that runs a kernel.

    Args:
        python: Its interpreter.
        bounds: Of these, `disk` is kept here.
        user: Its user id, from `new_user`.
        environment: Its whole environment.
        files: Made-up files: a path inside and the descriptor that their content is read from.
        filter_: A descriptor with the seccomp program.
        readable: More paths to show read-only, each with its path inside.
        arguments: What follows the interpreter's name.
    """
    bwrap = shutil.which("bwrap") or "bwrap"
    parts = [bwrap, *_modes(user), "--hostname", "sandbox", "--clearenv"]
    for name, value in environment.items():
        parts += ["--setenv", name, value]
    parts += _system()
    for name in _ETC:
        parts += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    parts += ["--proc", "/proc", "--dev", "/dev"]
    parts += ["--size", str(min(bounds.disk, _SHARED_MEMORY)), "--perms", "1777"]
    parts += ["--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108 (inside)
    # One file system for all that can be written, so that one number bounds it.
    parts += ["--size", str(bounds.disk), "--perms", "0755", "--tmpfs", "/mnt"]
    parts += ["--perms", "0777", "--dir", "/mnt/data", "--perms", "1777", "--dir", TEMPORARY]
    parts += ["--symlink", "mnt/tmp", "/tmp", "--perms", "0755", "--dir", "/var"]  # noqa: S108
    parts += ["--symlink", "../mnt/tmp", "/var/tmp"]  # noqa: S108
    made = {Path("/"), Path("/etc"), Path("/mnt"), Path("/var")}
    shown = [(path, path) for path in python.paths] + list(readable)
    for source, target in shown:
        parts += _parents(Path(target), made)
        parts += ["--ro-bind", source, target]
    for target, descriptor in files.items():
        parts += _parents(Path(target), made)
        parts += ["--perms", "0444", "--ro-bind-data", str(descriptor), target]
    parts += ["--remount-ro", "/", "--chdir", "/mnt/data", "--seccomp", str(filter_), "--"]
    return [*parts, *_dropping(user), python.executable, *arguments]


def _modes(user: int) -> list[str]:
    if as_root():
        return [*_NAMESPACES, *_UNTIL_DROPPED]
    return [*_NAMESPACES, "--unshare-user", "--uid", str(user), "--gid", str(user)]


def _dropping(user: int) -> list[str]:
    if not as_root():
        return []
    return [
        shutil.which("setpriv") or "setpriv",
        *("--reuid", str(user), "--regid", str(user)),
        *_NO_PRIVILEGES,
        "--",
    ]


def _system() -> list[str]:
    """The system's programs and libraries, laid out as they are here."""
    parts = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            parts += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            parts += ["--ro-bind", str(path), str(path)]
    for name in ("/nix/store", "/gnu/store"):
        if Path(name).is_dir():
            parts += ["--ro-bind", name, name]
    return [*parts, "--perms", "0755", "--dir", "/etc"]


def _parents(path: Path, made: set[Path]) -> list[str]:
    """Make the folders above a path so that everybody can pass; bubblewrap makes them private."""
    parts: list[str] = []
    for parent in reversed(path.parents):
        if parent not in made and Path("/usr") not in (parent, *parent.parents):
            made.add(parent)
            parts += ["--perms", "0755", "--dir", str(parent)]
    return parts
