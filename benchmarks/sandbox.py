"""Kernels of ours beside plain jupyter_client and smolagents' executors, on the same snippets.

    python benchmarks/sandbox.py [--kinds bubblewrap docker local] [--claims 20] [--sessions 100] \\
        [--peer-base glm-sandbox-base:bookworm]

In one run: from nothing to a first result, from a filled pool to a first result, `1+1` in a warm
session, numpy + pandas + pyplot at the first execution, and sessions opened and closed in a row
with what they leave. Times in milliseconds; the ratio is to plain jupyter_client (no isolation).
smolagents' LocalPythonExecutor is an interpreter in this process, which its authors call no
boundary. Its DockerExecutor is run where an engine is there: with the image that it builds itself
where the engine reaches a registry, and else with --peer-base IMAGE, a Debian with python3-venv
such as scripts/ci_sandbox.sh makes. What is not run says why.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

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


PEER_IMAGE = "glm-sandbox-benchmark-smolagents"
PEER_RECIPE = """FROM {base}
COPY wheels /wheels
RUN python3 -m venv /k && /k/bin/pip install --no-index --find-links /wheels {packages}
CMD ["/k/bin/jupyter-kernelgateway", "--KernelGatewayApp.ip=0.0.0.0"]
"""


def peer_image(client: Any, base: str) -> None:
    """The image that DockerExecutor would build, on a base that needs no registry."""
    packages = ["jupyter_kernel_gateway", "ipykernel", "numpy", "pandas", "matplotlib"]
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    said = client.containers.run(base, ["python3", "-c", code], remove=True, network_mode="none")
    fetch = [sys.executable, "-m", "pip", "download", "-qqq", "--only-binary", ":all:"]
    fetch += ["--python-version", said.decode().strip()]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as context:
        wheels = Path(folder)
        subprocess.run([*fetch, "--dest", folder, *packages], check=True)
        with tarfile.open(fileobj=context, mode="w") as tar:
            recipe = PEER_RECIPE.format(base=base, packages=" ".join(packages)).encode()
            entry = tarfile.TarInfo("Dockerfile")
            entry.size = len(recipe)
            tar.addfile(entry, io.BytesIO(recipe))
            for wheel in wheels.iterdir():
                tar.add(wheel, f"wheels/{wheel.name}")
        context.seek(0)
        client.images.build(fileobj=context, custom_context=True, tag=PEER_IMAGE, rm=True)


@contextlib.contextmanager
def peer_arguments(client: Any, base: str | None) -> Generator[dict[str, Any]]:
    """How DockerExecutor is started here: an image, a port, and a network to publish it on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments: dict[str, Any] = {"port": port, "build_new_image": False}
    if base is not None:
        if not any(f"{PEER_IMAGE}:latest" in image.tags for image in client.images.list()):
            peer_image(client, base)
        arguments["image_name"] = PEER_IMAGE
    network = None
    if not client.networks.list(names=["bridge"]):
        network = client.networks.create(f"{PEER_IMAGE}-{os.getpid()}", driver="bridge")
        arguments["container_run_kwargs"] = {"network": network.name}
    try:
        yield arguments
    finally:
        if network is not None:
            network.remove()


def smolagents_docker(table: Table, repeats: int, base: str | None) -> None:
    who = "smolagents DockerExecutor"
    try:
        import docker
        from docker.errors import DockerException
        from smolagents.monitoring import AgentLogger, LogLevel
        from smolagents.remote_executors import DockerExecutor

        quiet = AgentLogger(level=LogLevel.OFF)
        client = docker.from_env()
        client.ping()
    except ImportError as error:
        print(f"{who}: not run (pip install smolagents docker: {error.name} is missing)")
        return
    except DockerException as error:
        print(f"{who}: not run (no engine answers: {str(error)[:100]})")
        return
    with contextlib.closing(client):
        try:
            with peer_arguments(client, base) as arguments:
                measured = peer_times(lambda: DockerExecutor([], quiet, **arguments), repeats)
        except (RuntimeError, OSError, DockerException) as error:
            why = " ".join(str(error).split())[:160]
            print(f"{who}: not run ({why}); an engine without a registry needs --peer-base")
            return
    for what, times in measured.items():
        table.row(what, who, times)


def peer_times(make: Callable[[], Any], repeats: int) -> dict[str, list[float]]:
    """Seconds of what DockerExecutor does, by the names of our rows."""

    def timed_call(code: str) -> float:
        began = time.perf_counter()
        executor(code)
        return time.perf_counter() - began

    found: dict[str, list[float]] = {"from nothing": []}
    for _ in range(3):
        began = time.perf_counter()
        executor = make()
        try:
            executor("1+1")
            found["from nothing"].append(time.perf_counter() - began)
            if "1+1 in a session" not in found:
                found["numpy+pandas+pyplot"] = [timed_call(SCIENCE)]
                found["1+1 in a session"] = [timed_call("1+1") for _ in range(repeats)]
        finally:
            executor.cleanup()
    return found


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kinds", nargs="*", default=["bubblewrap", "docker", "local"])
    parser.add_argument("--claims", type=int, default=25)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument(
        "--peer-base", metavar="IMAGE", help="what DockerExecutor's image is made on"
    )
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
    smolagents_docker(table, options.repeats, options.peer_base)
    for kind in kinds[:1] if options.sessions else []:
        await sessions(kind, options.sessions)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
