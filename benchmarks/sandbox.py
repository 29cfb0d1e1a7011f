"""Kernels of ours beside plain jupyter_client and smolagents' executors, on the same snippets.

    python benchmarks/sandbox.py [--kinds bubblewrap docker local] [--claims 20] [--sessions 100]

In one run: from nothing to a first result, from a filled pool to a first result, `1+1` in a warm
session, numpy + pandas + pyplot at the first execution, and sessions opened and closed in a row
with what they leave. Times in milliseconds; the ratio is to plain jupyter_client (no isolation).
smolagents' LocalPythonExecutor is an interpreter in this process, which its authors call no
boundary. Its DockerExecutor is run where an engine and its image are there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

SCIENCE = "import numpy, pandas, matplotlib.pyplot as plt\nnumpy.arange(3).sum()"


class Table:
    """Rows of figures, printed as they come, with ratios to the first contestant's."""

    def __init__(self) -> None:
        self.base: dict[str, float] = {}

    def row(self, what: str, who: str, times: list[float]) -> None:
        times = sorted(times)
        middle = statistics.median(times)
        self.base.setdefault(what, middle)
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        print(
            f"{what:28} {who:34} {middle * 1000:9.1f} {p99 * 1000:9.1f} "
            f"{len(times):5} {middle / self.base[what]:8.2f}x",
            flush=True,
        )


async def timed(action: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await action()
    return time.perf_counter() - began


async def jupyter(table: Table, repeats: int) -> None:
    from jupyter_client.manager import AsyncKernelManager

    colds: list[float] = []
    for number in range(5):
        manager = AsyncKernelManager()
        began = time.perf_counter()
        await manager.start_kernel(stdout=-3, stderr=-3)
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)

        async def run(code: str = "1+1") -> None:
            await client.execute_interactive(code, output_hook=lambda _: None, timeout=60)  # noqa: B023

        await run()
        colds.append(time.perf_counter() - began)
        if number == 4:
            table.row("from nothing", "jupyter_client, no isolation", colds)
            warm = [await timed(run) for _ in range(repeats)]
            table.row("1+1 in a session", "jupyter_client, no isolation", warm)
            science = [await timed(lambda: run(SCIENCE))]
            table.row("numpy+pandas+pyplot", "jupyter_client, no isolation", science)
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


async def ours(table: Table, kind: str, repeats: int, claims: int) -> None:
    from glm_sandbox import KernelPool

    who = f"glm_sandbox {kind}"
    colds: list[float] = []
    for _ in range(5):
        pool = KernelPool(kind=kind)
        began = time.perf_counter()
        async with pool.kernel() as kernel:
            assert (await kernel.execute("1+1")).text == "2"
            colds.append(time.perf_counter() - began)
    table.row("from nothing", who, colds)
    async with KernelPool(kind=kind, warm=1) as pool:
        firsts: list[float] = []
        science: list[float] = []
        for number in range(claims):
            await pool.ready()
            began = time.perf_counter()
            async with pool.kernel() as kernel:
                code = SCIENCE if number < 5 else "1+1"
                assert (await kernel.execute(code)).status == "ok"
                (science if number < 5 else firsts).append(time.perf_counter() - began)
            await asyncio.sleep(0.4)  # the next one is being started
        table.row("from a filled pool", who, firsts)
        table.row("numpy+pandas+pyplot", who + ", pool", science)
        await pool.ready()
        async with pool.kernel() as kernel:
            await asyncio.sleep(0.4)
            await pool.ready()
            warm = [await timed(lambda: kernel.execute("1+1")) for _ in range(repeats)]
            table.row("1+1 in a session", who, warm)


async def sessions(kind: str, count: int) -> None:
    """Open and close many sessions; say what is left."""
    import psutil
    from glm_sandbox import KernelPool

    process = psutil.Process()

    def seen() -> tuple[int, int, int]:
        files = len([p for p in Path(tempfile.gettempdir()).iterdir() if p.name.startswith("glm-")])
        return len(process.children(recursive=True)), process.num_fds(), files

    pool = KernelPool(kind=kind)
    async with pool.kernel() as kernel:
        await kernel.execute("1")
    before, memory = seen(), process.memory_info().rss
    began = time.perf_counter()
    for _ in range(count):
        async with pool.kernel() as kernel:
            await kernel.execute("1+1")
    each = (time.perf_counter() - began) / count
    after, more = seen(), process.memory_info().rss - memory
    print(
        f"{count} sessions of {kind}: {each * 1000:.0f} ms each; left over: "
        f"{after[0] - before[0]} processes, {after[1] - before[1]} descriptors, "
        f"{after[2] - before[2]} folders; {more / 2**20:+.1f} MiB in this process"
    )


def smolagents(table: Table, repeats: int) -> None:
    try:
        from smolagents.local_python_executor import LocalPythonExecutor
    except ImportError:
        print("smolagents: not installed (pip install smolagents)")
        return
    names = ["numpy.*", "pandas.*", "matplotlib.*"]

    def make() -> LocalPythonExecutor:
        executor = LocalPythonExecutor(additional_authorized_imports=names)
        executor.send_tools({})
        return executor

    firsts: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        make()("1+1")
        firsts.append(time.perf_counter() - began)
    who = "smolagents LocalPythonExecutor"
    table.row("from nothing", who, firsts)
    executor = make()
    warm: list[float] = []
    for _ in range(repeats):
        began = time.perf_counter()
        executor("1+1")
        warm.append(time.perf_counter() - began)
    table.row("1+1 in a session", who, warm)
    began = time.perf_counter()
    executor("import numpy\nimport pandas\nimport matplotlib.pyplot as plt\nnumpy.arange(3).sum()")
    table.row("numpy+pandas+pyplot", who, [time.perf_counter() - began])


def smolagents_docker(table: Table, repeats: int) -> None:
    try:
        import docker
        from smolagents.remote_executors import DockerExecutor

        docker.from_env().ping()
    except Exception as error:  # noqa: BLE001 (whatever it lacks)
        print(f"smolagents DockerExecutor: not run ({type(error).__name__})")
        return
    from smolagents.monitoring import LogLevel

    class Quiet:
        level = LogLevel.OFF

        def log(self, *_: object, **__: object) -> None: ...

        log_error = log

    began = time.perf_counter()
    try:
        executor = DockerExecutor([], Quiet(), build_new_image=False)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 (its image needs a registry and a bridge network)
        print(f"smolagents DockerExecutor: not run ({type(error).__name__}: {str(error)[:80]})")
        return
    try:
        executor("1+1")
        table.row("from nothing", "smolagents DockerExecutor", [time.perf_counter() - began])
        warm: list[float] = []
        for _ in range(repeats):
            began = time.perf_counter()
            executor("1+1")
            warm.append(time.perf_counter() - began)
        table.row("1+1 in a session", "smolagents DockerExecutor", warm)
    finally:
        executor.cleanup()


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kinds", nargs="*", default=["bubblewrap", "docker", "local"])
    parser.add_argument("--claims", type=int, default=25)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--sessions", type=int, default=100)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    from glm_sandbox import KindUnavailable
    from glm_sandbox.kinds import choose

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'what':28} {'who':34} {'median ms':>9} {'p99 ms':>9} {'n':>5} {'ratio':>9}")
    table = Table()
    await jupyter(table, options.repeats)
    kinds: list[str] = []
    for kind in options.kinds:
        try:
            kinds.append(choose(kind))
        except KindUnavailable as error:
            print(f"glm_sandbox {kind}: not run ({str(error)[:100]})")
    for kind in kinds:
        await ours(table, kind, options.repeats, options.claims)
    smolagents(table, options.repeats)
    smolagents_docker(table, options.repeats)
    for kind in kinds[:1] if options.sessions else []:
        await sessions(kind, options.sessions)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
