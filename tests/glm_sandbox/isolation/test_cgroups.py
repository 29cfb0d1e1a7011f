"""Groups that bound: the real ones of this machine, and both versions' files on a made-up tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from glm_sandbox.isolation import cgroups
from glm_sandbox.isolation.cgroups import Cgroup
from glm_sandbox.results import Bounds

BOUNDS = Bounds(memory=100_000_000, disk=20_000_000, processes=30, cpus=0.5)


def test_a_real_group_holds_back_what_joins_it() -> None:
    group = Cgroup.make(BOUNDS)
    if group is None:
        pytest.skip("no cgroups can be made here")
    try:
        program = "import sys\nfor p in sys.argv[1:]: open(p, 'w').write('0')\nb = bytearray(b'x' * 300_000_000)"
        done = subprocess.run([sys.executable, "-c", program, *group.entrances()], check=False)
        assert done.returncode == -9
        assert group.events
        assert "oom_kill 1" in group.events.read_text()
    finally:
        group.remove()
    assert not any(folder.exists() for folder in group.folders)


def files(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("")


class Filling:
    """Makes the files of a new group appear, as the real file system does."""

    NAMES = (
        *("cgroup.procs", "memory.max", "memory.swap.max", "pids.max", "cpu.max", "memory.events"),
        *("memory.limit_in_bytes", "cpu.cfs_period_us", "cpu.cfs_quota_us"),
    )

    def __init__(self, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...] = ()) -> None:
        real = Path.mkdir

        def mkdir(path: Path, *arguments: object, **more: object) -> None:
            real(path, *arguments, **more)  # type: ignore[arg-type]
            if path.name.startswith("glm-"):
                for name in self.NAMES:
                    if name not in missing:
                        (path / name).write_text("")

        monkeypatch.setattr(Path, "mkdir", mkdir)


def test_version_2_goes_beside_our_own_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(tmp_path / "user" / "session", "cgroup.procs")
    (tmp_path / "user" / "cgroup.subtree_control").write_text("memory pids")
    monkeypatch.setattr(cgroups, "_own", lambda: {"": "/user/session"})
    Filling(monkeypatch)
    group = Cgroup.make(BOUNDS, tmp_path)
    assert group is not None
    (folder,) = group.folders
    assert folder.parent == tmp_path / "user"
    assert (folder / "memory.max").read_text() == "120000000"
    assert (folder / "pids.max").read_text() == "34"
    assert (folder / "cpu.max").read_text() == "50000 100000"
    assert group.bounded == {"memory", "processes", "cpus"}
    assert group.entrances() == [str(folder / "cgroup.procs")]


def test_version_2_without_memory_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path / "own", "cgroup.procs", "cgroup.subtree_control")
    (tmp_path / "cgroup.subtree_control").write_text("")
    monkeypatch.setattr(cgroups, "_own", lambda: {"": "/own"})
    Filling(monkeypatch, missing=("memory.max",))
    assert Cgroup.make(BOUNDS, tmp_path) is None


def test_version_1_has_a_folder_for_each_controller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for controller in ("memory", "pids"):
        files(tmp_path / controller / "own")
    monkeypatch.setattr(cgroups, "_own", lambda: {"memory": "/own", "pids": "/elsewhere"})
    Filling(monkeypatch)
    group = Cgroup.make(BOUNDS, tmp_path)
    assert group is not None
    memory, pids = group.folders
    assert memory.parent == tmp_path / "memory" / "own"
    assert pids.parent == tmp_path / "pids"  # our own group is not shown in this container
    assert (memory / "memory.limit_in_bytes").read_text() == "120000000"
    assert group.bounded == {"memory", "processes"}


def test_no_cgroups_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_own", dict)
    assert Cgroup.make(BOUNDS) is None
