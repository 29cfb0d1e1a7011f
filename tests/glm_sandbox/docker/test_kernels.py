"""Kernels in containers: what is particular to them. The promises have a suite of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from glm_sandbox import Kernel, KernelPool, KindUnavailable, Limits
from glm_sandbox.kinds.docker.container import PYTHON, confinement, forget
from glm_sandbox.kinds.docker.image import image_name
from glm_sandbox.kinds.docker.leftovers import OWNER, containers, started_at
from glm_sandbox.results import DEFAULT_BOUNDS

pytestmark = [pytest.mark.docker, pytest.mark.anyio]


def ours(engine: Any, pid: int) -> list[Any]:
    """The containers of a process."""
    found = containers(engine)
    return [c for c in found if c.labels.get(OWNER, "").startswith(f"{pid}:")]


async def test_the_engine_was_told_every_bound(common: Kernel, engine: Any):
    await common.execute("1")
    (container,) = ours(engine, os.getpid())
    config = container.attrs["HostConfig"]
    assert config["NetworkMode"] == "none"
    assert config["CapDrop"] == ["ALL"]
    assert not config["CapAdd"]
    assert config["ReadonlyRootfs"] is True
    assert config["Privileged"] is False
    assert config["SecurityOpt"] == ["no-new-privileges:true"]
    assert config["Memory"] == config["MemorySwap"] == DEFAULT_BOUNDS.memory + DEFAULT_BOUNDS.disk
    assert DEFAULT_BOUNDS.processes <= config["PidsLimit"] <= DEFAULT_BOUNDS.processes + 4
    assert config["NanoCpus"] == 1_000_000_000
    assert config["LogConfig"]["Type"] == "none"
    assert config["AutoRemove"] is True
    assert [(m["Destination"], m["RW"]) for m in container.attrs["Mounts"]] == [("/run/glm", False)]
    assert container.labels[OWNER] == f"{os.getpid()}:{started_at(os.getpid())}"
    assert int(container.attrs["Config"]["User"].partition(":")[0]) > 0


def test_a_setting_more_or_less_is_noticed():
    assert set(confinement(DEFAULT_BOUNDS, 1000)) == {
        *(
            "user",
            "network_mode",
            "dns",
            "dns_search",
            "cap_drop",
            "security_opt",
            "privileged",
            "read_only",
        ),
        *("ipc_mode", "shm_size", "tmpfs", "mem_limit", "memswap_limit", "pids_limit"),
        *("nano_cpus", "log_config", "hostname", "working_dir"),
    }


@pytest.mark.parametrize(
    "code",
    [
        "import numpy; numpy.arange(5).sum()",
        "import pandas; pandas.DataFrame({'a': [4, 6]}).a.sum()",
        "import scipy.optimize; round(scipy.optimize.brentq(lambda x: x - 10, 0, 20))",
        "import sympy; sympy.integrate(sympy.Symbol('x'), (sympy.Symbol('x'), 2, sympy.sqrt(24)))",
    ],
)
async def test_the_image_has_what_models_import(common: Kernel, code: str):
    result = await common.execute(code)
    assert (result.status, result.text.partition("(")[2].strip(")") or result.text) == ("ok", "10")


async def test_a_plot_has_chinese_letters(common: Kernel):
    code = """
import matplotlib.pyplot as plt
from matplotlib import font_manager
plt.title("销售额"); plt.plot([1, 2]); plt.show()
print([font_manager.FontProperties(family=f).get_name() for f in plt.rcParams["font.family"]])
"""
    result = await common.execute(code)
    assert result.status == "ok"
    assert len(result.images) == 1
    assert "Glyph" not in result.text  # matplotlib warns of letters that no font has
    assert "WenQuanYi Micro Hei" in result.text


async def test_no_fonts_are_listed_anew(common: Kernel):
    """Making the list takes seconds; the image has it."""
    await common.execute("import matplotlib.font_manager")
    result = await common.execute(
        "import matplotlib, pathlib\n"
        "kept = sorted(p.name for p in pathlib.Path('/opt/kernel/matplotlib').glob('fontlist*'))\n"
        "print(kept and kept == [p.name for p in pathlib.Path(matplotlib.get_cachedir()).glob('fontlist*')])"
    )
    assert result.text == "True"


async def test_no_program_of_the_image_can_give_rights(common: Kernel):
    result = await common.execute(
        "!find / -xdev -type f -perm /6000 2>/dev/null; which pip; echo ."
    )
    assert result.text == "."


async def test_nothing_tells_of_this_machine_s_network(common: Kernel):
    result = await common.execute("!cat /etc/resolv.conf /etc/hosts /etc/hostname")
    lines = {line.split()[0]: line.split()[1:] for line in result.text.splitlines() if " " in line}
    assert lines.get("nameserver") == ["127.0.0.1"]
    assert "search" not in lines or lines["search"] == ["."]
    assert os.uname().nodename not in result.text.replace("sandbox", "")


async def test_nothing_is_left_after_closing(engine: Any):
    others = {c.id for c in ours(engine, os.getpid())}
    async with KernelPool(kind="docker") as pool, pool.kernel() as kernel:
        assert (await kernel.execute("!setsid sleep 987 & echo on")).text == "on"
        assert len(ours(engine, os.getpid())) == len(others) + 1
    assert {c.id for c in ours(engine, os.getpid())} == others
    asked = subprocess.run(["pgrep", "-f", "sleep 987"], capture_output=True, check=False)
    assert asked.stdout == b""


def test_a_removal_that_the_engine_has_begun_by_itself_is_waited_for(engine: Any, available: None):
    from docker.errors import NotFound

    for _ in range(5):
        command = [PYTHON, "-c", "import time; time.sleep(60)"]
        container = engine.containers.create(image_name(), command, auto_remove=True)
        container.start()
        container.kill()  # asked to remove it now, the engine says 409
        forget(container)
        with pytest.raises(NotFound):
            container.reload()


@pytest.mark.parametrize("seconds", [0.1, 0.5])
async def test_a_pool_that_is_closed_while_kernels_start_leaves_none(
    engine: Any, available: None, seconds: float
):
    others = {c.id for c in ours(engine, os.getpid())}
    async with KernelPool(kind="docker", warm=2):
        await anyio.sleep(seconds)
    assert {c.id for c in ours(engine, os.getpid())} == others


async def test_a_restart_is_a_new_container_with_the_same_files(engine: Any, available: None):
    async with KernelPool(kind="docker") as pool, pool.kernel() as kernel:
        await kernel.put("a/b.txt", "数据".encode())
        result = await kernel.execute("import os; os.kill(os.getpid(), 11)")
        assert (result.status, result.detail) == ("died", "the kernel ended: killed by SIGSEGV")
        result = await kernel.execute("open('a/b.txt').read()")
        assert (result.text, result.state_lost) == ("'数据'", True)


async def test_memory_is_bounded_by_what_was_asked_for(available: None):
    limits = Limits(memory="256MiB", disk="1GiB")
    async with KernelPool(kind="docker", limits=limits) as pool, pool.kernel() as kernel:
        began = time.monotonic()
        result = await kernel.execute("x = b'x' * (600 << 20)")
        assert (result.status, result.detail) == ("died", "the kernel ended: out of memory")
        assert time.monotonic() - began < 30
        # Files are not memory of processes, though they are in memory.
        result = await kernel.execute(
            "with open('f', 'wb') as f:\n    for _ in range(400): f.write(b'x' * (1 << 20))\nprint(1)"
        )
        assert (result.status, result.text) == ("ok", "1")


async def test_forks_do_not_count_as_memory_again(available: None):
    limits = Limits(memory="256MiB")
    code = """
import os, time
big = b"x" * (120 << 20)
children = []
for _ in range(10):
    pid = os.fork()
    if not pid:
        time.sleep(0.6); os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
print(len(children))
"""
    async with KernelPool(kind="docker", limits=limits) as pool, pool.kernel() as kernel:
        assert (await kernel.execute(code)).text == "10"


async def test_a_work_folder_of_ones_own_is_filled_from_and_kept(available: None, tmp_path: Path):
    (tmp_path / "in.txt").write_text("文")
    async with KernelPool(kind="docker") as pool, pool.kernel(tmp_path) as kernel:
        result = await kernel.execute("open('out.txt', 'w').write(open('in.txt').read() * 2);")
        assert result.files == ("out.txt",)
        assert (tmp_path / "out.txt").read_text() == "文文"
        await kernel.execute("import os; os.symlink('/etc/passwd', 'link'); os.remove('in.txt')")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.txt"]


def test_an_interpreter_cannot_be_chosen(available: None):
    with pytest.raises(KindUnavailable, match="Python of their image"):
        KernelPool(kind="docker", python=sys.executable).claim()


OWNER_SCRIPT = """
import asyncio, sys
from glm_sandbox import KernelPool
async def main():
    async with KernelPool(kind="docker") as pool, pool.kernel() as kernel:
        await kernel.execute("!setsid sleep 986 & echo on")
        print("up", flush=True)
        await kernel.execute("while True: pass", timeout=600)
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_container_ends_with_its_owner(engine: Any, tmp_path: Path, number: signal.Signals):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER_SCRIPT],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        (container,) = ours(engine, owner.pid)
        owner.send_signal(number)
        owner.wait(60)
    deadline = time.monotonic() + 60
    while ours(engine, owner.pid) or any(tmp_path.iterdir()):
        assert time.monotonic() < deadline, (container.status, list(tmp_path.iterdir()))
        time.sleep(0.05)
    asked = subprocess.run(["pgrep", "-f", "sleep 986"], capture_output=True, check=False)
    assert asked.stdout == b""
