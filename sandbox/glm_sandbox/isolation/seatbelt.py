"""The view of the machine that a kernel on macOS gets: a Seatbelt profile, applied by sandbox-exec.

Everything is denied but what is listed: reading the system's libraries and fonts, the kernel's
Python and files that the caller names; writing to the session's folders; Unix sockets in one of
these; being executed once. No other program, no child process, no network, no service of the
system (mach-lookup), no other process's arguments or environment.

Best effort. Apple documents neither sandbox-exec, which it calls deprecated, nor the language; the
rules here follow profiles that ship with macOS and what other projects report, and were NEVER RUN
ON A MAC by us. A rule that a macOS does not know makes sandbox-exec refuse, so nothing runs
unprotected. On a Mac: `glm-agent sandbox check --kind seatbelt`.

Does not defend against: bugs of macOS; using up memory, disk or processors (Seatbelt bounds none
of them); reading what is in the Python's folders, in Homebrew's and in /usr/lib; learning the
machine's name and processor, and whether the folders above those exist.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import KernelStartError
from .interpreter import Interpreter, interpreter

PROGRAM = "/usr/bin/sandbox-exec"
_HOPS = 1000  # links and folders that are followed on the way to one path
# Libraries, frameworks, fonts and time zones of the system and of package managers.
_SYSTEM = (
    *("/usr/lib", "/usr/share", "/System/Library", "/System/Cryptexes"),
    *("/System/Volumes/Preboot/Cryptexes", "/Library/Apple/System/Library", "/Library/Fonts"),
    *("/private/var/db/dyld", "/private/var/db/timezone"),
    *("/opt/homebrew/lib", "/opt/homebrew/opt", "/opt/homebrew/Cellar", "/opt/local/lib"),
    *("/usr/local/lib", "/usr/local/opt", "/usr/local/Cellar"),
)
_FILES = ("/", "/dev/random", "/dev/urandom", "/dev/zero", "/private/etc/localtime")
_LINKS = ("/etc", "/etc/localtime", "/tmp", "/var", "/usr/local", "/opt/homebrew")  # noqa: S108
# What interpreters and numerical libraries ask of the kernel; not kern.proc* and kern.procargs*,
# which tell of other processes.
_ASKED = (
    *("kern.argmax", "kern.hostname", "kern.maxfilesperproc", "kern.osproductversion"),
    *("kern.osrelease", "kern.ostype", "kern.osvariant_status", "kern.osversion"),
    *("kern.secure_kernel", "kern.usrstack64", "kern.version", "sysctl.proc_cputype"),
    *("sysctl.proc_translated", "vm.loadavg"),
)
_ASKED_BELOW = ("hw.", "machdep.cpu.")


@dataclass(frozen=True, slots=True)
class View:
    """What a kernel may reach beside its Python, as paths without links in them.

    `readable`: files and folders to read. `writable`: folders to read and write. `sockets`: the
    folder for Unix sockets, which is writable too.
    """

    readable: tuple[str, ...]
    writable: tuple[str, ...]
    sockets: str


def profile(python: Interpreter, view: View) -> tuple[str, dict[str, str]]:
    """The profile, and the values of its parameters.

    Paths come as parameters only, so that nothing in a path can become a part of the program.
    """
    parameters: dict[str, str] = {}
    lines = ["(version 1)", "(deny default)"]

    def allow(operations: str, *filters: str) -> None:
        if filters:  # without one, a rule would hold for everything
            lines.append(f"(allow {operations} {' '.join(filters)})")

    def named(kind: str, paths: Iterable[str], prefix: str) -> list[str]:
        found: list[str] = []
        for number, path in enumerate(paths):
            parameters[f"{prefix}{number}"] = path
            found.append(f'({kind} (param "{prefix}{number}"))')
        return found

    def quoted(kind: str, constants: Iterable[str]) -> list[str]:
        return [f'({kind} "{constant}")' for constant in constants]

    programs, shown = _programs(python), [*python.paths, *python.packages]
    reached = (*shown, *programs, *view.readable, *view.writable, view.sockets)
    passed = sorted(set().union(*map(_way, reached)))
    (sockets,) = named("subpath", [view.sockets], "SOCKETS")
    allow("process-exec", *named("literal", programs, "PROGRAM"))
    allow("process-info*", "(target self)")
    allow("signal", "(target self)")
    allow("sysctl-read", *quoted("sysctl-name", _ASKED))
    allow("sysctl-read", *quoted("sysctl-name-prefix", _ASKED_BELOW))
    allow("file-read*", *quoted("literal", _FILES))
    allow("file-read* file-write-data", '(literal "/dev/null")')
    allow("file-read-metadata", *quoted("literal", _LINKS), *named("literal", passed, "WAY"))
    allow("file-read* file-map-executable", *quoted("subpath", _SYSTEM))
    allow("file-read* file-map-executable", *named("subpath", shown, "PYTHON"))
    allow("file-read*", *named("subpath", view.readable, "READ"))
    allow("file-read* file-write*", *named("subpath", view.writable, "WRITE"), sockets)
    allow("system-socket", "(socket-domain AF_UNIX)")
    allow("network-bind network-inbound", f"(local unix-socket {sockets})")
    allow("network-outbound", f"(remote unix-socket {sockets})")
    return "\n".join(lines) + "\n", parameters


def command(python: Interpreter, view: View, arguments: Sequence[str]) -> list[str]:
    """The command line that runs an interpreter behind the profile, with these arguments."""
    text, parameters = profile(python, view)
    defined = [part for name, value in parameters.items() for part in ("-D", f"{name}={value}")]
    return [PROGRAM, "-p", text, *defined, python.executable, *arguments]


@lru_cache
def unavailable() -> str | None:
    """Why Seatbelt cannot isolate here and what to do about it; None if it can."""
    if sys.platform != "darwin":
        return "it is macOS's own; on Linux take kind 'bubblewrap' or 'docker'"
    if not os.access(PROGRAM, os.X_OK):
        return f"this macOS has no {PROGRAM}"
    if os.geteuid() == 0:
        return "root's processes can lift the limits that it needs; start it as an ordinary user"
    try:
        tried = command(interpreter(), View((), ("/dev/null",), "/dev/null"), ["-I", "-c", "pass"])
        done = subprocess.run(  # noqa: S603 (a program of the system, our own interpreter)
            tried, capture_output=True, text=True, timeout=30, check=False, env={}, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired, KernelStartError) as error:
        return f"{PROGRAM} does not run: {error}"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return (
        f"this Python does not start behind the profile ({said}); inside another sandbox, such as "
        "an editor's, start it outside of that, and else report it with `sw_vers`"
    )


def _programs(python: Interpreter) -> list[str]:
    """What may be executed: the interpreter, and what a framework's interpreter hands over to."""
    real = os.path.realpath(python.executable)
    application = "Resources/Python.app/Contents/MacOS/Python"
    applications = [above / application for above in Path(real).parents]
    found = [python.executable, real, *(os.path.realpath(a) for a in applications if a.exists())]
    return list(dict.fromkeys(found))


def _way(path: str) -> set[str]:
    """The folders and links that a look-up of a path passes, down to the file itself."""
    passed: set[str] = set()
    todo = [path]
    for _ in range(_HOPS):
        if not todo:
            break
        here = Path("/")
        _, *names = Path(todo.pop()).parts
        for number, name in enumerate(names):
            here /= name
            passed.add(str(here))
            if here.is_symlink():  # what lies behind it is looked up under its target's name
                rest = Path(*names[number + 1 :])
                todo.append(os.path.normpath(here.parent / here.readlink() / rest))
                break
    return passed
