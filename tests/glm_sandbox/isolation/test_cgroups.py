"""Groups that bound: the real ones of this machine, and both versions' files on a made-up tree."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from glm_sandbox.isolation import cgroups
from glm_sandbox.isolation.cgroups import Cgroup
from glm_sandbox.results import Bounds

BOUNDS = Bounds(memory=100_000_000, disk=20_000_000, processes=30, cpus=0.5)


def version_2() -> Path:
    """Where this machine has cgroups of version 2 mounted, or a skip."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
            _, place, kind, *_ = line.split()
            if kind == "cgroup2" and os.access(place, os.W_OK):
                return Path(place)
    pytest.skip("no cgroups of version 2 that this user can write are mounted here")


def controllers(root: Path) -> set[str]:
    return set((root / "cgroup.controllers").read_text("utf-8").split())


@pytest.fixture
def group() -> Iterator[Cgroup]:
    """A real one, of whichever version this machine has."""
    made = Cgroup.make(BOUNDS)
    if made is None:
        pytest.skip("no cgroups can be made here")
    yield made
    made.remove()
    assert not any(folder.exists() for folder in made.folders)


def joined(group: Cgroup, code: str) -> subprocess.CompletedProcess[str]:
    """A program that joins before it does anything else, as the guard has kernels do."""
    program = f"import sys\nfor p in sys.argv[1:]: open(p, 'w').write('0')\n{code}"
    command = [sys.executable, "-c", program, *group.entrances()]
    return subprocess.run(command, check=False, capture_output=True, text=True)


class TestARealGroup:
    def test_ends_what_takes_too_much_memory_and_counts_it(self, group: Cgroup) -> None:
        done = joined(group, "b = bytearray(b'x' * 300_000_000)")
        assert done.returncode == -9
        assert group.events
        assert "oom_kill 1" in group.events.read_text()

    def test_has_no_more_processes_than_it_may(self, group: Cgroup) -> None:
        code = "import os, signal\nn = 0\ntry:\n    while n < 100:\n        pid = os.fork()\n        if not pid: signal.pause()\n        n += 1\nexcept OSError: pass\nprint(n, flush=True)\nos.killpg(0, 9)"
        done = joined(group, f"import os; os.setsid()\n{code}")
        assert BOUNDS.processes - 5 <= int(done.stdout) <= BOUNDS.processes + 4

    def test_gets_its_share_of_a_processor(self, group: Cgroup) -> None:
        if "cpus" not in group.bounded:
            pytest.skip("this machine's groups do not bound processor time")
        code = "import os, time\nend, before = time.monotonic() + 2, sum(os.times()[:2])\nwhile time.monotonic() < end: pass\nprint(sum(os.times()[:2]) - before)"
        assert float(joined(group, code).stdout) < 2 * BOUNDS.cpus * 1.4


class TestARealGroupOfVersion2:
    def test_bounds_where_the_controllers_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        root = version_2()
        if missing := {"memory", "pids"} - controllers(root):
            pytest.skip(f"controllers of version 1 here, not of version 2: {', '.join(missing)}")
        own = Path("/proc/self/cgroup").read_text("utf-8").split("0::")[1].splitlines()[0]
        monkeypatch.setattr(cgroups, "_own", lambda: {"": own})
        group = Cgroup.make(BOUNDS, root)
        if group is None:
            pytest.skip("this user may make no groups here")
        try:
            (folder,) = group.folders
            assert int((folder / "memory.max").read_text()) <= 120_000_000  # whole pages
            assert (folder / "pids.max").read_text() == "34\n"
            assert joined(group, "b = bytearray(b'x' * 300_000_000)").returncode == -9
            assert "oom_kill 1" in (folder / "memory.events").read_text()
        finally:
            group.remove()
        assert not folder.exists()

    def test_is_none_and_leaves_nothing_where_they_are_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As where version 1 has them, on machines with both."""
        root = version_2()
        if "memory" in controllers(root):
            pytest.skip("the controllers are of version 2 here")
        monkeypatch.setattr(cgroups, "_own", lambda: {"": "/"})
        before = set(root.iterdir())
        assert Cgroup.make(BOUNDS, root) is None
        assert set(root.iterdir()) == before


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
