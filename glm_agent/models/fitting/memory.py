"""How much memory there is for a model: on a GPU, or else in RAM.

Does not do: what a model needs (`fit.py`).
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Without one of these, Linux has no GPU that torch could see, and torch need not be imported.
_GPU_FILES = ("nvidiactl", "nvidia0", "kfd", "dxg", "nvhost-gpu")
_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory that a model can be put into, in bytes. `device` is torch's name: `cuda:0`, `cpu`."""

    device: str
    name: str
    total: int
    free: int

    @property
    def is_gpu(self) -> bool:
        """Whether this is a GPU's memory."""
        return self.device != "cpu"


def memory_here() -> Memory:
    """The memory that `device="auto"` uses: the first GPU's if there is one, else the RAM."""
    if sys.platform == "linux" and not any((Path("/dev") / name).exists() for name in _GPU_FILES):
        return ram()
    try:
        import torch
    except ImportError:
        return ram()
    if torch.cuda.is_available():
        return memory_of(torch.device("cuda", torch.cuda.current_device()))
    return memory_of(torch.device("mps")) if torch.backends.mps.is_available() else ram()


def memory_of(device: torch.device) -> Memory:
    """The memory of a device. What torch has set aside and does not use counts as free."""
    import torch

    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return Memory(str(device), torch.cuda.get_device_name(device), total, free)
    if device.type == "mps":
        total = torch.mps.recommended_max_memory()
        used = torch.mps.driver_allocated_memory()
        return Memory("mps", "Apple GPU", total, max(total - used, 0))
    return ram()


def ram() -> Memory:
    """The RAM that this process may use: the machine's, or what its control groups leave it."""
    import psutil

    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    for limit, used in _limits():
        total, free = min(total, limit), min(free, max(limit - used, 0))
    return Memory("cpu", "RAM", total, free)


def _limits(root: Path = _GROUPS, own: Path = Path("/proc/self/cgroup")) -> list[tuple[int, int]]:
    """Limit and use in bytes of each control group above this process; containers have such.

    See the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. File cache
    that can be dropped is not counted as used.
    """
    lines: list[str] = []
    with suppress(OSError):
        lines = own.read_text("utf-8").splitlines()
    found: list[tuple[int, int]] = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            base, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # In a container the path may be the host's; its own group is then the root.
        group = base / path.lstrip("/")
        for folder in {base, *(f for f in (group, *group.parents) if f.is_relative_to(base))}:
            with suppress(OSError, ValueError):
                limit = int((folder / names[0]).read_text("utf-8"))  # "max" is no limit
                used = int((folder / names[1]).read_text("utf-8"))
                stat = dict(
                    entry.split(" ", 1)
                    for entry in (folder / "memory.stat").read_text("utf-8").splitlines()
                )
                found.append((limit, max(used - int(stat.get(names[2], 0)), 0)))
    return found
