"""Files go in and out by name, and no name leads out of the work folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from glm_sandbox import FileRefused
from glm_sandbox import folder as module
from glm_sandbox.folder import WorkFolder


@pytest.fixture
def folder(tmp_path: Path) -> WorkFolder:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "work").mkdir()
    return WorkFolder(tmp_path / "work", file_bytes=1000)


@pytest.mark.parametrize("name", ["a.txt", "deep/er/数据 😀.csv", "./a", "a//b", ".hidden"])
def test_what_was_put_is_got(folder: WorkFolder, name: str) -> None:
    folder.put(name, b"first and longer")
    folder.put(name, b"second")
    assert folder.get(name) == b"second"


@pytest.mark.parametrize(
    "name",
    ["", ".", "/", "..", "../secret.txt", "a/../../secret.txt", "/etc/passwd", "a\0b", "x" * 300],
)
def test_names_that_lead_out_or_nowhere(folder: WorkFolder, name: str) -> None:
    with pytest.raises(FileRefused):
        folder.get(name)
    with pytest.raises(FileRefused):
        folder.put(name, b"x")


class TestTraps:
    """What code in the kernel may leave in the folder."""

    def trap(self, folder: WorkFolder) -> Path:
        work = folder.path
        (work / "link").symlink_to("../secret.txt")
        (work / "out").symlink_to("..")
        os.link(work.parent / "secret.txt", work / "hard")
        os.mkfifo(work / "pipe")
        (work / "dir").mkdir()
        return work

    @pytest.mark.parametrize("name", ["link", "out/secret.txt", "pipe", "dir", "no", "no/no"])
    def test_are_not_read(self, folder: WorkFolder, name: str) -> None:
        self.trap(folder)
        with pytest.raises(FileRefused):
            folder.get(name)

    @pytest.mark.parametrize("name", ["link", "out/secret.txt", "out/new", "pipe", "dir", "hard"])
    def test_are_not_written_through(self, folder: WorkFolder, name: str) -> None:
        work = self.trap(folder)
        with pytest.raises(FileRefused):
            folder.put(name, b"overwritten")
        assert (work.parent / "secret.txt").read_text() == "secret"
        assert not (work.parent / "new").exists()

    def test_are_not_listed(self, folder: WorkFolder) -> None:
        self.trap(folder)
        (folder.path / "plain").write_text("x")
        assert folder.files() == ["hard", "plain"]


def test_size_is_bounded_both_ways(folder: WorkFolder) -> None:
    with pytest.raises(FileRefused, match="1,001 bytes"):
        folder.put("big", b"x" * 1001)
    (folder.path / "big").write_bytes(b"x" * 1001)
    with pytest.raises(FileRefused, match="1,001 bytes"):
        folder.get("big")


def test_hidden_files_and_caches_are_not_listed(folder: WorkFolder) -> None:
    for name in (".config/x", "__pycache__/m.pyc", "sub/.h", "sub/seen"):
        folder.put(name, b"")
    assert folder.files() == ["sub/seen"]


def test_changes_are_new_rewritten_and_grown_files(folder: WorkFolder) -> None:
    for name in ("same", "touched", "grown", "removed"):
        folder.put(name, b"x")
    before = folder.snapshot()
    os.utime(folder.path / "touched", ns=(1, 1))
    folder.put("grown", b"xy")
    folder.put("new", b"")
    (folder.path / "removed").unlink()
    assert before.changes(folder.snapshot(), since=0) == ("grown", "new", "touched")


def test_in_a_folder_too_big_to_list_old_files_are_not_taken_for_new(
    folder: WorkFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 20)
    for number in range(30):
        (folder.path / str(number)).touch()
    partial = folder.snapshot()
    assert not partial.complete
    assert len(partial.marks) == 20
    assert type(partial)().changes(partial, since=2e9 * 2) == ()
