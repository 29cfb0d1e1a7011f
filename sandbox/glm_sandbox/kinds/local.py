"""Kind "local": kernels as plain processes of this user. NO ISOLATION.

Code in a local kernel can do whatever this user can: read and write files, use the network, kill
processes. What it does bound: the environment is an allow-list without this process's secrets,
the home and work folder are the session's own, and no process outlives the kernel or us.
For code that you would run yourself, on data that may be lost. Linux and macOS.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import NoIsolationWarning
from ..results import Limits
from .base import INSIDE, OPTIONS
from .notice import warn_once
from .places import cache_folder
from .process import ProcessLauncher

# What a kernel may know of our environment: how to find programs and libraries, language, time.
_PASS = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TZ", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH"),
        *("DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONHASHSEED"),
    }
)


class LocalLauncher(ProcessLauncher):
    """One local kernel.

    Args:
        limits: `memory`, `disk`, `processes` and `cpus` cannot be enforced here.
        folder: Work folder to use and to leave in place; None for a temporary one.
        python: The kernel's interpreter; None for this process's.
    """

    files_first = True

    @classmethod
    def unavailable(cls) -> str | None:
        """Windows has no such processes."""
        return "it needs Linux or macOS" if sys.platform == "win32" else None

    @classmethod
    def enforces(cls) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    def __init__(
        self, limits: Limits, folder: Path | None = None, python: str | None = None
    ) -> None:
        warn_once(
            NoIsolationWarning,
            "kernels of kind 'local' are not isolated: the code runs with your rights",
        )
        if folder is not None:
            folder = folder.expanduser().resolve()
            folder.mkdir(parents=True, exist_ok=True)
        super().__init__(limits, folder, python)

    def _command(self, connection: Path, sockets: Path) -> list[str]:
        del sockets
        return [self._python, str(INSIDE), "-f", str(connection), *OPTIONS]

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in _PASS or k.startswith("LC_")}
        return {
            "PATH": os.defpath,
            **kept,
            "HOME": str(self.work.path),
            "TMPDIR": str(self._temporary),
            "IPYTHONDIR": str(self._private / "ipython"),
            "JUPYTER_CONFIG_DIR": str(self._private / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(self._private),
            "JUPYTER_PLATFORM_DIRS": "1",
            # Outlives the session: matplotlib takes seconds to list the fonts of a machine.
            "MPLCONFIGDIR": str(cache_folder() / "matplotlib"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "GLM_SANDBOX_OUTPUT": str(self._limits.output),
            "TERM": "dumb",
            "NO_COLOR": "1",
        }
