"""Folders of this machine that kernels need: a private one each, and the known fonts.

Does not do: the work folder (`folder.py`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from ..errors import KindUnavailable

SOCKET_PATH = 80  # characters of the runtime folder; a Unix socket's path has at most 103 (macOS)
LAST_WORDS = 4000


def private_folder() -> Path:
    """A new folder that only we can enter, with a path without links, short enough for sockets."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 (mkdtemp makes it safe)
        path = Path(tempfile.mkdtemp(prefix="glm-", dir=parent)).resolve()
        if len(str(path)) <= SOCKET_PATH:
            return path
        path.rmdir()
    raise KindUnavailable("no folder for temporary files has a path short enough; set TMPDIR")


def last_words(path: Path) -> str:
    """The end of a file of words, "" where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LAST_WORDS))
            return file.read(LAST_WORDS).decode("utf-8", "replace")
    except OSError:
        return ""


def cache_folder() -> Path:
    """Where what takes long to make is kept from run to run."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return cache / "glm-sandbox"


@lru_cache
def fonts(python: str) -> Path | None:
    """A folder with matplotlib's list of this machine's fonts, which takes seconds to make.

    Made in the background where it is not there yet; None until then.
    """
    folder = cache_folder() / "matplotlib"
    if any(folder.glob("fontlist-*.json")):
        return folder
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.Popen(  # noqa: S603 (the kernel's own interpreter)
            [python, "-I", "-c", "import matplotlib.font_manager"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "MPLCONFIGDIR": str(folder)},
            cwd="/",
            start_new_session=True,
        )
    return None
