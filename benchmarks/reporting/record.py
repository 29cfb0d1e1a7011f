"""Records of benchmark runs: what was measured, when, on what.

Does not do: measuring, drawing (`pictures.py`).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def machine() -> str:
    """The machine in a line: processor, cores that may be used, Python."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} core{'' if cores == 1 else 's'}, {platform.system()}, Python {platform.python_version()}"


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of `packages`; those that are missing are left out."""
    found: dict[str, str] = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def keep(name: str, measured: dict[str, Any], target: Path = RESULTS) -> Path:
    """Write what was measured, with date, machine and command, to `NAME.json`."""
    arguments = [word for word in sys.argv[1:] if word != "--write"]
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *arguments]),
        **measured,
    }
    target.mkdir(exist_ok=True)
    path = target / f"{name}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return path


def read(name: str, source: Path = RESULTS) -> dict[str, Any]:
    """A record that was kept."""
    return json.loads((source / f"{name}.json").read_text())
