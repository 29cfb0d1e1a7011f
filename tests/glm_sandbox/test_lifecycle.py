"""Interruptions, closing, starting: what is left of a kernel; what ends code is in `test_liveness.py`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from glm_sandbox import (
    Kernel,
    KernelClosed,
    KernelPool,
    KernelStartError,
    KindUnavailable,
    Limits,
    LimitUnavailable,
    MissingDependency,
    SyncKernel,
)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
]


def living(marker: str) -> list[str]:
    """Command lines of the processes that name `marker` in them or in their environment."""
    found: list[str] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                command = (folder / "cmdline").read_bytes()
                text = command + (folder / "environ").read_bytes()
            except OSError:
                continue
            if marker.encode() in text:
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def eventually(check: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether `check` comes true."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


async def place(kernel: Kernel) -> Path:
    """The kernel's private folder, which all its processes name in their environment."""
    result = await kernel.execute("import os; print(os.environ['HOME'])")
    return Path(result.text).parent


class TestDeath:
    def test_by_an_attack_on_the_guard(self, shared_kernel: SyncKernel) -> None:
        code = "import os, time; os.kill(os.getppid(), 9); time.sleep(600)"
        result = shared_kernel.execute(code, timeout=300)
        assert (result.status, result.state_lost) == ("died", True)
        assert result.detail == "the kernel ended: killed by SIGKILL"
        assert shared_kernel.execute("1 + 1").text == "2"

    def test_between_two_executions(self, shared_kernel: SyncKernel) -> None:
        pid = int(shared_kernel.execute("import os; os.getpid()").text)
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        result = shared_kernel.execute("1 + 1")
        assert (result.status, result.text, result.state_lost) == ("ok", "2", True)

    def test_by_exit(self, shared_kernel: SyncKernel) -> None:
        result = shared_kernel.execute("x = 1\nprint('bye')\nexit()")
        assert (result.status, result.text, result.state_lost) == ("ok", "bye", True)
        assert shared_kernel.execute("'x' in globals()").text == "False"


class TestInterrupting:
    async def test_cancelling_leaves_a_usable_kernel(self, common: Kernel) -> None:
        await common.execute("x = 'kept'")
        with anyio.move_on_after(0.3) as scope:
            await common.execute("while True: pass")
        assert scope.cancelled_caught
        result = await common.execute("x")
        assert (result.text, result.state_lost) == ("'kept'", False)

    async def test_cancelling_code_that_does_not_react(self, common: Kernel) -> None:
        await common.execute("x = 1")
        task = asyncio.create_task(common.execute("sum(iter(int, 1))"))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        result = await common.execute("'x' in globals()")
        assert (result.text, result.state_lost) == ("False", True)

    async def test_interrupt(self, common: Kernel) -> None:
        await common.interrupt()  # nothing runs, nothing happens
        await common.start()
        task = asyncio.create_task(common.execute("while True: pass"))
        await asyncio.sleep(0.3)
        await common.interrupt()
        result = await task
        assert result.status == "error"
        assert "KeyboardInterrupt" in result.text

    async def test_restart_forgets_variables_and_keeps_files(self, common: Kernel) -> None:
        await common.execute("x = 1; open('f', 'w').close()")
        await common.restart()
        result = await common.execute("'x' in globals()")
        assert (result.text, result.state_lost) == ("False", False)
        assert "f" in await common.files()

    async def test_executions_at_once_wait_their_turn(self, common: Kernel) -> None:
        await common.execute("n = 0")
        code = "import time\nm = n; time.sleep(0.05); n = m + 1; n"
        results = await asyncio.gather(*(common.execute(code) for _ in range(4)))
        assert [result.text for result in results] == ["1", "2", "3", "4"]

    async def test_two_kernels_know_nothing_of_each_other(self) -> None:
        async with KernelPool(kind="local") as pool, pool.kernel() as one, pool.kernel() as two:
            await asyncio.gather(one.execute("x = 1"), two.execute("x = 2"))
            results = await asyncio.gather(one.execute("x"), two.execute("x"))
            assert [result.text for result in results] == ["1", "2"]
            await one.execute("open('mine', 'w').close(); import os; os._exit(0)")
            assert (await two.execute("x")).text == "2"
            assert await two.files() == []


DETACHED = "import subprocess; subprocess.Popen('setsid nohup sleep 1000 >/dev/null 2>&1 &', shell=True).wait()\nsubprocess.Popen(['sleep', '1000'])\nNone"


class TestNothingIsLeft:
    async def test_after_closing(self) -> None:
        handles = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(2):
            async with KernelPool(kind="local") as pool, pool.kernel() as kernel:
                private = await place(kernel)
                await kernel.execute(DETACHED)
                assert len([c for c in living(str(private)) if "sleep 1000" in c]) == 2
            assert living(str(private)) == []
            assert not private.exists()
        assert len(list(Path("/proc/self/fd").iterdir())) <= handles + 2  # the event loop's own

    async def test_after_the_kernel_died(self, kernel: Kernel) -> None:
        private = await place(kernel)
        await kernel.execute(DETACHED)
        await kernel.execute("import os; os._exit(1)")
        assert living(str(private)) == []

    async def test_when_our_own_process_is_killed(self, tmp_path: Path) -> None:
        program = textwrap.dedent(f"""
            import asyncio, warnings
            warnings.simplefilter("ignore")
            from glm_sandbox import KernelPool
            async def main():
                kernel = KernelPool(kind="local").claim()
                result = await kernel.execute("import os; print(os.environ['HOME'])")
                await kernel.execute({DETACHED!r})
                print(result.text, flush=True)
                await kernel.execute("while True: pass")
            asyncio.run(main())
        """)
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        ) as host:
            assert host.stdout
            private = Path(host.stdout.readline().strip()).parent
            assert len(living(str(private))) >= 3
            host.kill()
        assert eventually(lambda: not living(str(private)))
        assert eventually(lambda: not private.exists())

    async def test_closing_under_a_running_execution(self, kernel: Kernel) -> None:
        task = asyncio.create_task(kernel.execute("import time; time.sleep(100)"))
        await kernel.start()
        await asyncio.sleep(0.3)
        await kernel.aclose()
        assert (await task).status == "died"
        with pytest.raises(KernelClosed):
            await kernel.execute("1")
        await kernel.aclose()

    async def test_a_kernel_that_was_never_used_starts_no_process(self) -> None:
        async with KernelPool(kind="local") as pool, pool.kernel() as kernel:
            assert not kernel.running

    async def test_an_own_folder_stays(self, tmp_path: Path) -> None:
        folder = tmp_path / "数据 work"
        async with KernelPool(kind="local") as pool, pool.kernel(folder) as kernel:
            result = await kernel.execute("open('a.txt', 'w').write('x'); import os; os.getcwd()")
            assert result.text == repr(str(folder))
            assert result.files == ("a.txt",)
        assert [path.name for path in folder.iterdir()] == ["a.txt"]


class TestEnvironment:
    async def test_holds_no_secret_of_ours(
        self, monkeypatch: pytest.MonkeyPatch, kernel: Kernel
    ) -> None:
        monkeypatch.setenv("SERVICE_API_KEY", "s3cret")
        monkeypatch.setenv("PYTHONSTARTUP", "/nonexistent.py")
        code = "print(open(f'/proc/{os.getppid()}/environ').read(), dict(os.environ))"
        result = await kernel.execute(f"import os\n{code}")
        assert "HOME" in result.text
        assert "s3cret" not in result.text
        assert "PYTHONSTARTUP" not in result.text

    async def test_our_own_modules_are_not_importable_by_accident(self, common: Kernel) -> None:
        code = "import sys\n[p for p in sys.path if p.endswith('glm_sandbox')], sys.argv"
        assert (await common.execute(code)).text == "([], [''])"


class TestStarting:
    def test_kinds_that_there_are_not(self) -> None:
        with pytest.raises(KindUnavailable, match=r"there is: 'auto', .*'local'"):
            KernelPool(kind="nonsense")

    def test_auto_never_runs_code_unprotected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("glm_sandbox.kinds.AUTO", ())
        with pytest.raises(KindUnavailable, match="does not run it unprotected"):
            KernelPool(kind="auto")

    @pytest.mark.parametrize("limits", [Limits(memory="1GiB"), Limits(processes=9), Limits(disk=1)])
    def test_limits_that_local_kernels_cannot_hold(self, limits: Limits) -> None:
        with pytest.raises(LimitUnavailable, match="'local' cannot bound"):
            KernelPool(kind="local", limits=limits)

    async def test_no_such_interpreter(self) -> None:
        pool = KernelPool(kind="local", python="/nonexistent/python")
        async with pool.kernel() as kernel:
            with pytest.raises(KernelStartError, match="cannot run /nonexistent/python"):
                await kernel.execute("1")

    async def test_an_interpreter_without_ipykernel(self, tmp_path: Path) -> None:
        bare = tmp_path / "python"
        bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
        bare.chmod(0o755)
        async with KernelPool(kind="local", python=str(bare)).kernel() as kernel:
            with pytest.raises(MissingDependency, match="pip install ipykernel"):
                await kernel.execute("1")

    async def test_one_that_hangs(self, tmp_path: Path) -> None:
        slow = tmp_path / "python"
        slow.write_text("#!/bin/sh\necho still thinking >&2\nexec sleep 1000\n")
        slow.chmod(0o755)
        pool = KernelPool(kind="local", python=str(slow), limits=Limits(start_seconds=0.5))
        async with pool.kernel() as kernel:
            with pytest.raises(KernelStartError, match=r"0\.5 seconds; .*still thinking"):
                await kernel.start()

    async def test_warm_kernels_are_ready_when_asked_for(self) -> None:
        async with KernelPool(kind="local", warm=1) as pool:
            async with pool.kernel() as kernel:
                assert kernel.running
                assert (await kernel.execute("1")).text == "1"
            async with pool.kernel() as other:
                assert other is not kernel

    async def test_a_closed_pool_makes_none(self) -> None:
        async with KernelPool(kind="local") as pool:
            kernel = pool.claim()
            await kernel.start()
        with pytest.raises(KernelClosed):
            await kernel.execute("1")
        with pytest.raises(KernelClosed):
            pool.claim()

    def test_the_warning_names_the_callers_line_and_comes_once(self) -> None:
        program = "from glm_sandbox import SyncKernel\nfor _ in 'ab':\n    SyncKernel(kind='local').close()\n"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert done.stderr.count("NoIsolationWarning") == 1
        assert done.stderr.startswith("<string>:3:")

    def test_importing_loads_no_jupyter_and_no_agent(self) -> None:
        program = "import sys, glm_sandbox\nprint([m for m in ('zmq', 'jupyter_client', 'glm_agent', 'torch') if m in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert done.stdout == "[]\n"


class TestSync:
    def test_mirrors_the_async_face(self) -> None:
        def public(cls: type) -> set[str]:
            return {name for name in vars(cls) if not name.startswith("_")}

        renamed = (public(Kernel) - {"aclose", "running"}) | {"close"}
        assert public(SyncKernel) == renamed

    def test_works_without_a_loop(self, tmp_path: Path) -> None:
        with SyncKernel(kind="local", folder=tmp_path) as kernel:
            kernel.put("in.txt", b"data")
            assert kernel.execute("x = open('in.txt').read(); x").text == "'data'"
            kernel.restart()
            assert kernel.execute("x").status == "error"
            assert kernel.get("in.txt") == b"data"
        kernel.close()
