"""Kind bubblewrap beside its promises: files, folders of the caller's, reasons for an end."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from glm_sandbox import Kernel, KernelPool, KernelStartError, Limits
from glm_sandbox.isolation import cgroups
from glm_sandbox.kinds.bubblewrap import BubblewrapLauncher

pytestmark = pytest.mark.anyio
SMALL = Limits(memory="200MiB", disk="20MiB", processes=64)


@pytest.fixture(scope="module", autouse=True)
def available() -> None:
    if reason := BubblewrapLauncher.unavailable():
        pytest.skip(f"kind bubblewrap: {reason}")


@pytest.fixture(scope="module")
async def common(available: None) -> AsyncIterator[Kernel]:
    async with KernelPool(kind="auto", limits=SMALL) as pool, pool.kernel() as kernel:
        assert pool.kind == "bubblewrap"
        yield kernel


class TestFiles:
    async def test_come_and_go(self, common: Kernel) -> None:
        await common.put("数据/in.txt", b"data")
        code = "text = open('数据/in.txt').read()\nopen('数据/in.txt', 'a').write('!')\nopen('out.txt', 'w').write(text)\nimport os; os.getcwd()"
        result = await common.execute(code)
        assert (result.text, result.files) == ("'/mnt/data'", ("out.txt", "数据/in.txt"))
        assert await common.get("out.txt") == b"data"
        assert await common.files() == ["out.txt", "数据/in.txt"]

    async def test_stay_when_the_kernel_is_lost(self, common: Kernel) -> None:
        code = "import os\nos.makedirs('a/b', exist_ok=True)\nopen('a/b/f', 'w').write('x' * 100)\nos.symlink('a/b/f', 'link')\nos.chmod('a/b/f', 0o755)\nos._exit(3)"
        result = await common.execute(code)
        assert (result.status, result.detail) == ("died", "the kernel ended: exit status 3")
        code = "import os\nprint(len(open('link').read()), oct(os.stat('a/b/f').st_mode))\nopen('a/b/f', 'a').write('y')\nopen('a/b/new', 'w').close()"
        result = await common.execute(code)
        assert (result.text, result.state_lost) == ("100 0o100755", True)

    async def test_a_full_disk_is_an_error_and_can_be_freed(self, common: Kernel) -> None:
        code = "open('big', 'wb').write(bytes(30_000_000))"
        assert "No space left on device" in (await common.execute(code)).text
        with pytest.raises(Exception, match="No space left on device"):
            await common.put("more", bytes(21_000_000))
        await common.execute(
            "import os\nfor f in ('big', 'more'):\n    if os.path.exists(f): os.unlink(f)"
        )
        assert (await common.execute("open('ok', 'w').write('x' * 1000)")).status == "ok"


class TestAFolderOfTheCallers:
    async def test_is_copied_in_and_changes_are_copied_back(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "in.csv").write_text("1,2\n")
        (tmp_path / "sub" / "old.txt").write_text("old")
        (tmp_path / "untouched").write_text("same")
        marks = (tmp_path / "untouched").stat().st_mtime_ns
        (tmp_path / "outside").symlink_to("/etc/hostname")
        async with KernelPool(limits=SMALL).kernel(tmp_path) as kernel:
            code = "import os\nprint(sorted(os.listdir()))\nopen('sub/new.txt', 'w').write(open('in.csv').read())\nos.unlink('sub/old.txt')\nos.symlink('/etc/passwd', 'bad.txt')"
            result = await kernel.execute(code)
            assert result.text == "['in.csv', 'sub', 'untouched']"
            assert (tmp_path / "sub" / "new.txt").read_text() == "1,2\n"
            assert not (tmp_path / "sub" / "old.txt").exists()
            await kernel.put("given.txt", b"given")
        assert (tmp_path / "given.txt").read_bytes() == b"given"
        assert not (tmp_path / "bad.txt").exists()
        assert (tmp_path / "outside").is_symlink()
        assert (tmp_path / "untouched").stat().st_mtime_ns == marks
        assert (tmp_path / "sub" / "new.txt").stat().st_uid == os.geteuid()

    async def test_must_fit(self, tmp_path: Path) -> None:
        with (tmp_path / "huge").open("wb") as file:
            file.truncate(50_000_000)
        async with KernelPool(limits=SMALL).kernel(tmp_path) as kernel:
            with pytest.raises(KernelStartError, match=r"does not fit .* set Limits\(disk=…\)"):
                await kernel.start()


class TestEnds:
    HOG = "hog = [bytearray(b'x' * (1 << 20)) for _ in range(1000)]"

    async def test_out_of_memory_says_so_also_where_no_cgroup_can_be_made(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cgroups, "_own", dict)
        async with KernelPool(limits=SMALL).kernel() as kernel:
            result = await kernel.execute(self.HOG + "\nimport time; time.sleep(30)")
            assert result.detail == "the kernel ended: out of memory"
            assert (await kernel.execute("1 + 1")).text == "2"

    async def test_a_child_that_takes_too_much_ends_alone_or_with_the_kernel(
        self, common: Kernel
    ) -> None:
        code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {self.HOG!r}]).returncode"
        result = await common.execute(code)
        assert result.text == "-9" or "out of memory" in result.detail

    async def test_a_line_that_is_closed_ends_the_kernel(self, common: Kernel) -> None:
        code = "import os, time\nfor n in range(3, 256):\n    try:\n        if 'socket' in os.readlink(f'/proc/self/fd/{n}'): os.close(n)\n    except OSError: pass\ntime.sleep(60)"
        result = await common.execute(code, timeout=30)
        assert result.status == "died"
        assert (await common.execute("1")).status == "ok"


async def test_warm_kernels_have_the_science_loaded() -> None:
    pytest.importorskip("pandas")
    async with KernelPool(limits=Limits(memory="1GiB"), warm=1) as pool, pool.kernel() as kernel:
        code = "import sys\nsorted({'numpy', 'pandas', 'matplotlib.pyplot'} & set(sys.modules)), 'np' in globals()"
        assert (
            await kernel.execute(code)
        ).text == "(['matplotlib.pyplot', 'numpy', 'pandas'], False)"
