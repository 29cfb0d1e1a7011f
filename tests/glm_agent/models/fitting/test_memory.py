"""How much memory there is, in containers too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from glm_agent.models.fitting.memory import Memory, _limits, memory_here, memory_of, ram

GB = 1_000_000_000


def group(folder: Path, *, limit: str, used: int, cache: int = 0, old: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = (
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        if old
        else ("memory.max", "memory.current", "inactive_file")
    )
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cache}\n")


def test_the_ram_is_what_the_machine_has() -> None:
    import psutil

    memory = ram()
    assert (memory.device, memory.is_gpu) == ("cpu", False)
    assert 0 < memory.free <= memory.total <= psutil.virtual_memory().total


def test_the_limit_of_a_container(tmp_path) -> None:
    """Inside, /proc/self/cgroup says `0::/` and the limit is at the root."""
    group(tmp_path / "fs", limit=str(8 * GB), used=5 * GB, cache=2 * GB)
    (tmp_path / "own").write_text("0::/\n")
    assert _limits(tmp_path / "fs", tmp_path / "own") == [(8 * GB, 3 * GB)]


def test_the_limits_of_groups_one_in_another(tmp_path) -> None:
    root = tmp_path / "fs"
    group(root / "user.slice", limit=str(16 * GB), used=4 * GB)
    group(root / "user.slice" / "session", limit=str(8 * GB), used=1 * GB)
    group(root / "user.slice" / "session" / "deep", limit="max", used=1 * GB)
    group(root / "other", limit="1000", used=1000)
    (tmp_path / "own").write_text("0::/user.slice/session/deep\n")
    assert sorted(_limits(root, tmp_path / "own")) == [(8 * GB, 1 * GB), (16 * GB, 4 * GB)]


def test_the_limits_of_the_first_version(tmp_path) -> None:
    root = tmp_path / "fs"
    group(root / "memory" / "docker" / "abc", limit=str(4 * GB), used=GB, cache=GB, old=True)
    (tmp_path / "own").write_text("11:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n")
    assert _limits(root, tmp_path / "own") == [(4 * GB, 0)]


@pytest.mark.parametrize("own", ["", "nonsense", "0::/gone/away\n", "0::/../../etc\n"])
def test_without_limits_there_are_none(tmp_path, own: str) -> None:
    (tmp_path / "own").write_text(own)
    assert _limits(tmp_path / "fs", tmp_path / "own") == []
    assert _limits(tmp_path / "fs", tmp_path / "nowhere") == []


def test_a_limit_lowers_the_ram(monkeypatch) -> None:
    monkeypatch.setattr(
        "glm_agent.models.fitting.memory._limits", lambda: [(4000, 1500), (5000, 4500)]
    )
    assert ram() == Memory("cpu", "RAM", 4000, 500)


@pytest.mark.skipif(
    sys.platform != "linux" or any(Path("/dev").glob("nvidia*")), reason="there may be a GPU"
)
def test_without_a_gpu_torch_is_not_asked() -> None:
    code = (
        "import sys\nfrom glm_agent.models.fitting.memory import memory_here\n"
        "assert memory_here().device == 'cpu'\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_gpus_memory(monkeypatch) -> None:
    """What torch has set aside and does not use can be had again."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(Path, "exists", lambda _: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (10 * GB, 24 * GB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 3 * GB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 2 * GB)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "A Card")
    assert memory_here() == Memory("cuda:1", "A Card", 24 * GB, 11 * GB)
    assert memory_here().is_gpu


def test_an_apple_gpus_memory(monkeypatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 12 * GB)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 2 * GB)
    assert memory_of(torch.device("mps")) == Memory("mps", "Apple GPU", 12 * GB, 10 * GB)
