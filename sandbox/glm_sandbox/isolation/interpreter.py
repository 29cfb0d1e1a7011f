"""Which folders of this machine a Python interpreter needs to run.

Its installation, the virtual environment around it, and folders of installed packages; never
folders of the user's own code, also not those that PYTHONPATH or an editable install names. Does
not do: hiding what else lies in those folders.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import KernelStartError

# Of an installation's or environment's folder only what belongs to Python: it may hold a project.
_PARTS = ("bin", "lib", "lib64", "libexec", "share", "etc", "ssl", "pyvenv.cfg")
_FRAMEWORK = ("Python", "Resources")  # of a framework of macOS: the library, the application
_PACKAGES = ("site-packages", "dist-packages")
_ASK = (
    "import json, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, sys.path]))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """`executable` to run, `paths` that must be visible, `packages` for PYTHONPATH.

    On Linux `paths` leaves out what is in /usr, which every kernel sees.
    """

    executable: str
    paths: tuple[str, ...]
    packages: tuple[str, ...]


@lru_cache
def interpreter(python: str | None = None) -> Interpreter:
    """What an interpreter needs; None for the one of this process.

    Raises:
        KernelStartError: there is none at that path, or it does not answer.
    """
    if python is None or python == sys.executable:
        return needs(sys.executable, sys.prefix, sys.base_prefix, sys.path)
    try:
        done = subprocess.run(  # noqa: S603 (the caller's own choice)
            [python, "-I", "-c", _ASK], capture_output=True, text=True, timeout=30, check=True
        )
        return needs(*json.loads(done.stdout))
    except OSError as error:
        raise KernelStartError(f"cannot run {python}: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        raise KernelStartError(f"{python} is no usable Python", error.stderr) from None
    except (subprocess.TimeoutExpired, ValueError, TypeError):
        raise KernelStartError(f"{python} is no usable Python") from None


def needs(executable: str, prefix: str, base: str, path: list[str]) -> Interpreter:
    """What an interpreter needs, from what it says of itself: the values of `sys`' names."""
    mac = sys.platform == "darwin"
    shown = () if mac else (Path("/usr"),)
    parts = (*_PARTS, *_FRAMEWORK) if mac else _PARTS
    roots = {Path(prefix), Path(base), Path(base).resolve(), Path(prefix).resolve()}
    paths: set[str] = set()
    for root in roots:
        if not _under(root, *shown):
            paths.update(str(root / part) for part in parts if (root / part).exists())
    packages: list[str] = []
    for entry in map(Path, path):
        if entry.name in _PACKAGES and entry.is_dir():
            if _under(entry, Path(prefix), Path(base)):
                continue
            packages.append(str(entry))
            if not _under(entry, *map(Path, paths), *shown):
                paths.add(str(entry))
    return Interpreter(executable, tuple(sorted(paths)), tuple(packages))


def _under(path: Path, *roots: Path) -> bool:
    """Whether a path is one of some folders or lies below one."""
    return any(path == root or root in path.parents for root in roots)
