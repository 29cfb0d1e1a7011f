"""The python tool: code in, what the model reads out, one kernel per session."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from glm_tools.python import PythonTool

from glm_agent.errors import InvalidArguments
from glm_agent.messages import ToolCall
from glm_agent.tooling.base import ToolContext, ToolOutput

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for all, so that a kernel can serve several tests."""
    return "asyncio"


@pytest.fixture(scope="module")
def tool() -> PythonTool:
    return PythonTool()


@pytest.fixture(scope="module")
async def context() -> AsyncIterator[ToolContext]:
    """A session that several tests go on with."""
    context = ToolContext()
    yield context
    await context.resources.aclose()


@pytest.fixture
async def fresh() -> AsyncIterator[ToolContext]:
    """A session of one's own."""
    context = ToolContext()
    yield context
    await context.resources.aclose()


async def call(tool: PythonTool, context: ToolContext, code: str) -> ToolOutput:
    return await tool.run(tool.check(ToolCall("call_1", "python", code)), context)


async def unmade() -> Any:
    raise AssertionError("the session has no kernel yet")


CODES = [
    ("x = 1\nx", "x = 1\nx"),
    ("", ""),
    ("```python\nx = 1\n```", "x = 1"),
    ("\n```py\nx = 1\ny\n```\n\n", "x = 1\ny"),
    ("```\nx\n```", "x"),
    ("```Python\nx", "x"),
    ("x = 1<|observation|>", "x = 1"),
    ("x = 1\n<|user|> <|endoftext|>\n", "x = 1"),
    ("```python\nx\n```<|observation|>", "x"),
    ("print('```')", "print('```')"),
    ("s = '''\n```python\nx\n```\n'''", "s = '''\n```python\nx\n```\n'''"),
    ("print('<|user|>')", "print('<|user|>')"),
    ("if x:\n    y  \n", "if x:\n    y  \n"),
]


@pytest.mark.parametrize(("written", "code"), CODES)
def test_the_code_is_what_was_written_without_its_wrapping(written: str, code: str) -> None:
    assert PythonTool().check(ToolCall("call_1", "python", written)) == code


def test_code_may_come_as_an_argument() -> None:
    tool = PythonTool()
    call = ToolCall("call_1", "python", '{"code": "1"}', arguments={"code": "1"})
    assert tool.check(call) == "1"
    with pytest.raises(InvalidArguments, match="code"):
        tool.check(ToolCall("call_1", "python", '{"code": 1}', arguments={"code": 1}))


def test_the_spec_is_glm4s_python() -> None:
    spec = PythonTool().spec
    assert (spec.name, spec.kind) == ("python", "python")


@pytest.mark.parametrize("settings", [{"timeout": 0}, {"timeout": -1.0}, {"max_chars": 0}])
def test_settings_that_make_no_sense(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        PythonTool(**settings)  # type: ignore[arg-type]


async def test_a_session_keeps_its_variables(tool: PythonTool, context: ToolContext) -> None:
    assert await call(tool, context, "x = 37 * 43\nx") == ToolOutput("1591")
    assert await call(tool, context, "print(x + 1)") == ToolOutput("1592")
    other = ToolContext()
    try:
        output = await call(tool, other, "x")
        assert output.outcome == "error"
        assert output.text.endswith("NameError: name 'x' is not defined")
    finally:
        await other.resources.aclose()


async def test_new_files_and_images_come_back(tool: PythonTool, context: ToolContext) -> None:
    pytest.importorskip("matplotlib")
    output = await call(
        tool,
        context,
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('图.png')\nplt.show()",
    )
    assert output.outcome == "ok"
    assert output.text.endswith("\n[files: 图.png]")
    (image,) = output.images
    assert image.media_type == "image/png"
    assert image.data.startswith(b"\x89PNG")


async def test_many_files_are_named_in_part(tool: PythonTool, context: ToolContext) -> None:
    code = "for i in range(30): open(f'{i:02}.txt', 'w').close()"
    output = await call(tool, context, code)
    assert output.text.startswith("[files: 00.txt, 01.txt, ")
    assert output.text.endswith(", 19.txt and 10 more]")


async def test_a_timeout_says_whether_variables_are_kept(context: ToolContext) -> None:
    tool = PythonTool(timeout=0.5)
    await call(tool, context, "x = 1")
    output = await call(tool, context, "while True: pass")
    assert output.outcome == "timeout"
    assert output.text.endswith("[stopped after 0.5 seconds; variables are kept]")
    assert (await call(tool, context, "x")).text == "1"
    output = await call(tool, context, "sum(iter(int, 1))")
    assert output.outcome == "timeout"
    assert "the kernel was ended; variables and imports from before are gone" in output.text
    output = await call(tool, context, "'x' in globals()")
    assert output == ToolOutput("False")  # the loss was told once


async def test_a_kernel_that_dies_is_an_error_and_told_once(
    tool: PythonTool, context: ToolContext
) -> None:
    output = await call(tool, context, "import os; os._exit(3)")
    assert output.outcome == "error"
    assert output.text.startswith("[the kernel ended: exit status 3; variables")
    assert await call(tool, context, "1") == ToolOutput("1")


async def test_a_loss_between_calls_is_told_with_the_next(
    tool: PythonTool, context: ToolContext
) -> None:
    await call(tool, context, "import os, threading; threading.Timer(0.3, os._exit, [0]).start()")
    await anyio.sleep(0.8)
    output = await call(tool, context, "1")
    assert output.outcome == "ok"
    assert output.text.startswith("1\n[the kernel was restarted; variables")


async def test_long_output_is_cut_to_the_setting(fresh: ToolContext) -> None:
    tool = PythonTool(max_chars=100)
    output = await call(tool, fresh, "print('a' * 1000)")
    assert len(output.text) < 150
    assert "[901 characters left out]" in output.text
    assert len(output.text) <= tool.max_chars


async def test_a_folder_of_ones_own_is_used_and_kept(fresh: ToolContext, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    tool = PythonTool(folder=tmp_path)
    output = await call(tool, fresh, "open('out.txt', 'w').write(open('data.csv').read());")
    assert output.text == "[files: out.txt]"
    await fresh.resources.aclose()
    assert (tmp_path / "out.txt").read_text() == "a,b\n1,2\n"


async def test_prepare_starts_the_kernel_that_run_uses(fresh: ToolContext) -> None:
    tool = PythonTool()
    await tool.prepare(fresh)
    session = await fresh.resource(tool, unmade)
    assert session.kernel.running
    assert (await call(tool, fresh, "1 + 1")).text == "2"


async def test_closing_the_session_closes_the_kernel(fresh: ToolContext) -> None:
    tool = PythonTool()
    await call(tool, fresh, "1")
    session = await fresh.resource(tool, unmade)
    await fresh.resources.aclose()
    assert not session.kernel.running


def test_loading_the_tool_loads_no_jupyter() -> None:
    code = "import sys, glm_tools.python\nprint([m for m in ('zmq', 'jupyter_client', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
