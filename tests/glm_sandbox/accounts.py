"""Running a Python program as root or as an ordinary user."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

ORDINARY = 54_321  # a user id that nobody has
PACKAGE = Path(__file__).resolve().parents[2] / "sandbox"


def open_to_all(path: Path) -> bool:
    """Whether every user can pass the folders above `path` and read it."""
    real = path.resolve()
    passed = all(parent.stat().st_mode & stat.S_IXOTH for parent in real.parents)
    return passed and bool(real.stat().st_mode & stat.S_IROTH)


@lru_cache
def python_for_all() -> str | None:
    """An interpreter of our version that an ordinary user can run: ours, or the system's."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    system = shutil.which(version, path="/usr/bin:/usr/local/bin:/bin")
    found = [path for path in (sys.executable, system) if path and open_to_all(Path(path))]
    return found[0] if found else None


def run_as(user: str, program: str, home: Path, groups: tuple[int, ...] = ()) -> str:
    """What a program prints that is run as "root" or as "user"; skips where that cannot be."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        **{k: v for k, v in os.environ.items() if k.startswith(("DOCKER_", "GLM_SANDBOX_"))},
    }
    if user == "root" and os.geteuid() != 0:
        pytest.skip("not started by root")
    switch: dict[str, Any] = {}
    python = sys.executable
    if user == "user" and os.geteuid() == 0:
        import ipykernel

        packages = Path(ipykernel.__file__).parents[1]
        for_all = python_for_all()
        if not (for_all and open_to_all(packages) and open_to_all(PACKAGE)):
            pytest.skip("an ordinary user cannot run this Python or read its packages")
        python = for_all
        environment["PYTHONPATH"] = f"{packages}:{PACKAGE}"
        os.chown(home, ORDINARY, ORDINARY)
        switch = {"user": ORDINARY, "group": ORDINARY, "extra_groups": list(groups)}
    done = subprocess.run(
        [python, "-c", program], env=environment, capture_output=True, text=True, cwd="/",
        timeout=280, check=False, **switch,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
