"""Kernels of a real gateway."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import anyio
import pytest
from glm_sandbox import (
    FileRefused,
    Kernel,
    KernelPool,
    KernelStartError,
    KindUnavailable,
    Limits,
    LimitUnavailable,
)
from glm_sandbox.kinds.gateway import GatewayLauncher

from .conftest import Gateway

pytestmark = pytest.mark.anyio


async def test_state_stays_and_output_comes_in_order(common: Kernel):
    assert (await common.execute("x = 20")).status == "ok"
    result = await common.execute("print('a'); print('数'); x + 1")
    assert (result.status, result.text, result.state_lost) == ("ok", "a\n数\n21", False)


async def test_an_exception_is_told_without_terminal_codes(common: Kernel):
    result = await common.execute("1 / 0")
    assert result.status == "error"
    assert "ZeroDivisionError" in result.text
    assert "\x1b" not in result.text


async def test_plots_come_back(common: Kernel):
    result = await common.execute("import matplotlib.pyplot as plt; plt.plot([1]); plt.show()")
    assert [image.media_type for image in result.images] == ["image/png"]


async def test_much_output_is_bounded(common: Kernel):
    result = await common.execute("for i in range(30): print(str(i) * 10_000)")
    assert result.truncated
    assert len(result.text) < 25_000


@pytest.mark.parametrize("size", [0, 1, 3 * 2**20 + 1])
async def test_files_cross_in_pieces(common: Kernel, size: int):
    data = secrets.token_bytes(size)
    await common.put("ordner/数据.bin", data)
    assert await common.get("ordner/数据.bin") == data
    assert "ordner/数据.bin" in await common.files()
    result = await common.execute("import os; os.path.getsize('ordner/数据.bin')")
    assert result.text == str(size)


async def test_new_files_are_named(common: Kernel):
    result = await common.execute("open('new.txt', 'w').write('1');")
    assert result.files == ("new.txt",)
    assert (await common.execute("1")).files == ()


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", "link", "fifo", "none"])
async def test_what_is_no_file_of_the_work_folder_is_refused(common: Kernel, name: str):
    await common.execute(
        "import os\nif not os.path.lexists('link'): os.symlink('/etc/passwd', 'link'); os.mkdir('fifo')"
    )
    with pytest.raises(FileRefused):
        await common.get(name)
    if name != "none":
        with pytest.raises(FileRefused):
            await common.put(name, b"x")


async def test_code_is_interrupted_in_time_and_keeps_its_state(common: Kernel):
    await common.execute("y = 5")
    result = await common.execute("import time\nwhile True: time.sleep(0.05)", timeout=0.5)
    assert (result.status, result.state_lost) == ("timeout", False)
    assert (await common.execute("y")).text == "5"


async def test_a_lost_kernel_is_replaced_and_its_files_stay(gateway: Gateway):
    async with KernelPool(kind="gateway") as pool, pool.kernel() as kernel:
        await kernel.put("kept.txt", b"1")
        result = await kernel.execute("import os; os._exit(1)")
        assert (result.status, result.state_lost) == ("died", True)
        result = await kernel.execute("open('kept.txt').read()")
        assert (result.text, result.state_lost) == ("'1'", True)


@pytest.mark.slow  # the gateway takes 5 seconds to end it
async def test_code_that_does_not_react_is_ended(gateway: Gateway):
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    async with KernelPool(kind="gateway") as pool, pool.kernel() as kernel:
        result = await kernel.execute(code, timeout=0.5)
        assert (result.status, result.state_lost) == ("timeout", True)
        assert (await kernel.execute("1 + 1")).text == "2"


async def test_nothing_is_left_on_the_gateway(gateway: Gateway, common: Kernel):
    await common.execute("1")
    kernels, folders = len(json.loads(gateway.get("/api/kernels"))), gateway.folders()
    async with KernelPool(kind="gateway") as pool, pool.kernel() as kernel:
        await kernel.put("a", b"1")
        assert len(gateway.folders()) == len(folders) + 1
    assert len(json.loads(gateway.get("/api/kernels"))) == kernels
    assert gateway.folders() == folders


async def test_a_work_folder_of_ones_own_is_filled_from_and_kept(gateway: Gateway, tmp_path: Path):
    (tmp_path / "in.txt").write_text("文", "utf-8")
    async with KernelPool(kind="gateway") as pool, pool.kernel(tmp_path) as kernel:
        await kernel.execute("open('out.txt', 'w').write(open('in.txt').read() * 2);")
        assert (tmp_path / "out.txt").read_text("utf-8") == "文文"


async def test_two_kernels_at_once_have_nothing_in_common(gateway: Gateway):
    async with KernelPool(kind="gateway") as pool, pool.kernel() as one, pool.kernel() as two:
        async with anyio.create_task_group() as group:
            group.start_soon(one.put, "f", b"1")
            group.start_soon(two.put, "f", b"2")
        assert (await one.get("f"), await two.get("f")) == (b"1", b"2")


async def test_a_kernel_spec_that_is_not_there_is_told(gateway: Gateway):
    with pytest.raises(KernelStartError, match="the gateway starts no kernel"):
        async with KernelPool(kind="gateway", python="cobol") as pool, pool.kernel() as kernel:
            await kernel.execute("1")


def test_it_enforces_no_bound_and_says_so(gateway: Gateway):
    with pytest.raises(LimitUnavailable, match="cannot bound memory"):
        KernelPool(kind="gateway", limits=Limits(memory="1GiB"))


@pytest.mark.parametrize(
    ("url", "token", "reason"),
    [
        ("", "", "no gateway is named; say where it is in JUPYTER_GATEWAY_URL"),
        ("ftp://127.0.0.1", "", "JUPYTER_GATEWAY_URL is no http:// or https:// address"),
        ("http://127.0.0.1:1", "", "no gateway answers at http://127.0.0.1:1"),
        (None, "wrong", "refuses the token; set JUPYTER_GATEWAY_AUTH_TOKEN"),
        (None, "", "refuses the token; set JUPYTER_GATEWAY_AUTH_TOKEN"),
    ],
)
def test_a_gateway_that_cannot_be_used_is_told_in_one_line(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, url: str | None, token: str, reason: str
):
    monkeypatch.setenv("JUPYTER_GATEWAY_URL", gateway.url if url is None else url)
    monkeypatch.setenv("JUPYTER_GATEWAY_AUTH_TOKEN", token)
    assert reason in (GatewayLauncher.unavailable() or "")
    with pytest.raises(KindUnavailable) as told:
        KernelPool(kind="gateway")
    assert "\n" not in str(told.value)
