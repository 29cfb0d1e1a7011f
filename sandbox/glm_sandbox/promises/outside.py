"""Attacks that are judged from outside: bounds, what is left behind, and the host's own side.

Each takes a `Ground` and gives what went wrong, "" for nothing; `NotBounded` says that a bound is
not to be had on this machine. Does not do: running them all (`check.py`).
"""
# ruff: noqa: E501 (code of attacks)

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import anyio.to_thread

from ..results import ExecutionResult, Limits
from .forged import forged_content, forged_end, forged_reply, links
from .ground import SMALL, Ground
from .scene import processes_named

MIB = 1024 * 1024
SLACK = 2.0  # seconds past its timeout within which whatever runs is ended


async def fork_bomb(ground: Ground) -> str:
    """Forking without end: the number is bounded, the kernel goes on."""
    async with ground.kernel(needs="processes") as kernel:
        code = """
            import os, time
            made = []
            try:
                while len(made) < 1000:
                    pid = os.fork()
                    if not pid:
                        time.sleep(60); os._exit(0)
                    made.append(pid)
            except OSError: pass
            print(len(made))
            for pid in made: os.kill(pid, 9)
            for pid in made: os.waitpid(pid, 0)"""
        result = await kernel.execute(textwrap.dedent(code), timeout=30)
        if result.status == "ok" and int(result.text) > (SMALL.processes or 0):
            return f"{result.text} processes with a bound of {SMALL.processes}"
        after = await kernel.execute("6 * 7", timeout=10)
        return "" if after.text == "42" else f"the kernel did not go on: {after.status}"


async def memory(ground: Ground) -> str:
    """Taking 2 GiB with a bound of 256 MiB: an error or the kernel's end, told within seconds."""
    async with ground.kernel(needs="memory") as kernel:
        code = (
            "print('begun', flush=True)\nhog = [bytearray(b'x' * (1 << 20)) for _ in range(2048)]"
        )
        result = await kernel.execute(code, timeout=30)
        if result.status not in {"died", "error"}:
            return f"the code was not stopped: {result.status} {result.text[-100:]}"
        if result.status == "died" and "memory" not in result.detail:
            return f"the reason was not told: {result.detail}"
        after = await kernel.execute("6 * 7", timeout=10)
        return "" if after.text == "42" else f"no kernel afterwards: {after.status}"


async def disk(ground: Ground) -> str:
    """Filling the work folder, /tmp and /dev/shm with more than the bound."""
    async with ground.kernel(needs="disk") as kernel:
        code = """
            import os
            total = 0
            for place in ("/mnt/data", "/tmp", "/dev/shm", "/var/tmp", "/run", "/"):
                try:
                    for number in range(10):
                        with open(f"{place}/fill{number}", "wb", buffering=0) as file:
                            for _ in range(20):
                                total += file.write(bytes(1 << 20))
                except OSError: pass
            print(total >> 20)"""
        result = await kernel.execute(textwrap.dedent(code), timeout=60)
        if result.status == "ok" and int(result.text) > 48 + 64:  # shared memory has its own 64
            return f"{result.text} MiB could be written with a bound of 48"
        after = await kernel.execute("6 * 7", timeout=10)
        return "" if after.text == "42" else f"the kernel did not go on: {after.status}"


async def open_files(ground: Ground) -> str:
    """Opening files without end."""
    code = """
        import os
        held = []
        try:
            while len(held) < 20_000: held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError: pass
        count = len(held)
        for handle in held: os.close(handle)
        print(count)"""
    result = await ground.shared.execute(textwrap.dedent(code), timeout=30)
    return "" if result.text.isdigit() and int(result.text) <= 4096 else f"{result.text} at once"


async def processor(ground: Ground) -> str:
    """Two busy processes with half a processor between them."""
    async with ground.kernel(Limits(cpus=0.5), needs="cpus") as kernel:
        code = """
            import os, time
            end = time.monotonic() + 2
            pid = os.fork()
            while time.monotonic() < end: pass
            if not pid: os._exit(0)
            os.waitpid(pid, 0)
            print(sum(os.times()[:4]))"""
        await kernel.execute("1")
        before = await kernel.execute("import os; print(sum(os.times()[:4]))")
        result = await kernel.execute(textwrap.dedent(code), timeout=30)
        used = float(result.text) - float(before.text)
        return "" if used < 0.5 * 2 * 1.4 else f"{used:.1f} processor seconds in 2 seconds"


async def wall_time(ground: Ground) -> str:
    """Code that swallows every interrupt: ended within its timeout and two seconds."""
    code = "import time\nwhile True:\n    try: time.sleep(100)\n    except BaseException: pass"
    async with ground.kernel() as kernel:
        began = time.monotonic()
        result = await kernel.execute(code, timeout=1)
        took = time.monotonic() - began
        if result.status != "timeout" or took > 1 + SLACK + 1:
            return f"{result.status} after {took:.1f} seconds"
        return "" if result.state_lost else "it was not said that state was lost"


async def output(ground: Ground) -> str:
    """Printing 200 MB at once: bounded text, under 100 MB more in this process."""
    return await _growth(ground, "print('x' * 200_000_000)")


async def huge_messages(ground: Ground) -> str:
    """Sending messages past the kernel's own bounds: huge ones, many, and of endless parts."""
    code = """
        import os, zmq
        k = get_ipython().kernel
        big = os.urandom(1) * (40 << 20)
        for n in range(12):
            k.iopub_thread.send_multipart([b"x", b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", big])
        k.iopub_thread.send_multipart([b"x"] + [big[: 4 << 20]] * 40)"""
    return await _growth(ground, textwrap.dedent(code))


async def _growth(ground: Ground, code: str) -> str:
    import psutil

    async with ground.kernel(Limits(memory="1GiB", disk="48MiB")) as kernel:
        await kernel.execute("1")
        process, peak = psutil.Process(), 0
        before = process.memory_info().rss
        done = anyio.Event()

        async def watch() -> None:
            nonlocal peak
            while not done.is_set():
                peak = max(peak, process.memory_info().rss - before)
                await anyio.sleep(0.01)

        result = after = ExecutionResult("died")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            result = await kernel.execute(code, timeout=20)
            after = await kernel.execute("6 * 7", timeout=10)
            done.set()
        if len(result.text) > 2 * Limits().output:
            return f"{len(result.text):,} characters of text"
        if peak > 100 * MIB:
            return f"{peak // MIB} MiB more in this process"
        return "" if after.text == "42" else f"no kernel afterwards: {after.status}"


DETACH = """
import os, subprocess, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(600)", {marker!r}])
    os._exit(0)
subprocess.Popen([sys.executable, "-S", "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)", {marker!r}])
import time; time.sleep(0.3)
"""


async def after_close(ground: Ground) -> str:
    """Detached, double-forked processes after closing."""
    async with ground.kernel() as kernel:
        marker = f"left-{ground.scene.token}-close"
        await kernel.execute(DETACH.format(marker=marker))
    return await _left(marker)


async def after_timeout(ground: Ground) -> str:
    """Detached processes after a timeout that ended the kernel."""
    async with ground.kernel() as kernel:
        marker = f"left-{ground.scene.token}-timeout"
        code = DETACH.format(marker=marker)
        await kernel.execute(f"{code}\nsum(iter(int, 1))", timeout=2)
        return await _left(marker)


async def after_crash(ground: Ground) -> str:
    """Detached processes after the kernel ended itself."""
    async with ground.kernel() as kernel:
        marker = f"left-{ground.scene.token}-crash"
        await kernel.execute(DETACH.format(marker=marker) + "os._exit(3)")
        return await _left(marker)


async def after_kill(ground: Ground) -> str:
    """Processes and files after our own process was killed with -9."""
    marker = f"left-{ground.scene.token}-kill"
    program = f"""
        import anyio, sys, warnings
        warnings.simplefilter("ignore")
        from glm_sandbox import KernelPool
        async def main():
            async with KernelPool(kind={ground.kind!r}).kernel() as kernel:
                await kernel.execute({DETACH.format(marker=marker)!r})
                print("ready", flush=True)
                await kernel.execute("while True: pass")
        anyio.run(main)"""
    own = Path(tempfile.mkdtemp(prefix="k"))
    environment = {**os.environ, "TMPDIR": str(own)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))

    def run() -> None:
        with subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-c", textwrap.dedent(program)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        ) as host:
            assert host.stdout
            host.stdout.readline()
            host.kill()

    try:
        await anyio.to_thread.run_sync(run)
        if left := await _left(marker):
            return left
        names: list[str] = []
        for _ in range(100):
            names = [path.name async for path in anyio.Path(own).iterdir()]
            if not names:
                return ""
            await anyio.sleep(0.05)
        return f"files were left: {', '.join(names[:3])}"
    finally:
        with contextlib.suppress(OSError):
            await anyio.Path(own).rmdir()


async def files_left(ground: Ground) -> str:
    """Files in the folder for temporary ones, and cgroups, after closing."""

    def seen() -> set[str]:
        places = [Path(tempfile.gettempdir()), *Path("/sys/fs/cgroup").glob("*/")]
        names = (str(p) for place in places for p in place.glob("glm-*"))
        return set(names)

    before = seen()
    async with ground.kernel() as kernel:
        await kernel.execute("open('a.txt', 'w').write('x'); open('/tmp/b.txt', 'w').write('x')")
    new = seen() - before
    return f"left: {', '.join(sorted(new)[:3])}" if new else ""


async def _left(marker: str) -> str:
    left: list[int] = []
    for _ in range(60):
        left = await anyio.to_thread.run_sync(processes_named, marker)
        if not left:
            return ""
        await anyio.sleep(0.05)
    return f"{len(left)} processes were left"


BOUNDED = "bounded"
CLEAN = "clean"
HOST = "the host's side"

Outside = Callable[[Ground], Awaitable[str]]
OUTSIDE: tuple[tuple[str, str, Outside], ...] = (
    (BOUNDED, "processes", fork_bomb),
    (BOUNDED, "memory", memory),
    (BOUNDED, "disk", disk),
    (BOUNDED, "open files", open_files),
    (BOUNDED, "processor", processor),
    (BOUNDED, "wall time", wall_time),
    (BOUNDED, "output", output),
    (BOUNDED, "message size", huge_messages),
    (CLEAN, "processes after close", after_close),
    (CLEAN, "processes after a timeout", after_timeout),
    (CLEAN, "processes after a crash", after_crash),
    (CLEAN, "all after kill -9 of the launcher", after_kill),
    (CLEAN, "files after close", files_left),
    (HOST, "links", links),
    (HOST, "forged end", forged_end),
    (HOST, "forged reply", forged_reply),
    (HOST, "forged content", forged_content),
)
