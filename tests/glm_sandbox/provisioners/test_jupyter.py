"""Jupyter's own tests of kernels, with ours in the sandbox; and what a notebook would meet."""

from __future__ import annotations

import json
import unittest
from pathlib import Path
from typing import Any

import jupyter_kernel_test
import pytest
from glm_sandbox.kinds import launcher_class
from jupyter_client.manager import start_new_kernel

KINDS = ["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)]


@pytest.fixture(params=KINDS)
def spec(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kernel spec whose notebooks run in the sandbox."""
    kind: str = request.param
    reason = launcher_class(kind).unavailable()
    if reason:
        pytest.skip(f"kind {kind}: {reason}")
    name = f"glm-{kind}"
    folder = tmp_path / "kernels" / name
    folder.mkdir(parents=True)
    provisioner = {
        "provisioner_name": f"glm-sandbox-{kind}",
        "config": {"memory": "700MiB", "processes": 100},
    }
    written = {
        "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python in the sandbox",
        "language": "python",
        "metadata": {"kernel_provisioner": provisioner},
    }
    (folder / "kernel.json").write_text(json.dumps(written))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    return name


@pytest.mark.slow
def test_jupyter_s_own_tests_of_kernels_pass(spec: str):
    class Tests(jupyter_kernel_test.KernelTests):
        kernel_name = spec
        language_name = "python"
        file_extension = ".py"
        code_hello_world = "print('hello, world')"
        code_stderr = "import sys; print('test', file=sys.stderr)"
        # ruff: noqa: RUF012 (lists, as the base class has them)
        completion_samples = [{"text": "zi", "matches": {"zip"}}]
        complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]
        incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
        invalid_code_samples = ["import = 7q"]
        code_page_something = "zip?"
        code_generate_error = "raise"
        code_execute_result = [{"code": "1+2+3", "result": "6"}]
        code_display_data = [
            {
                "code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))",
                "mime": "text/html",
            }
        ]
        code_inspect_sample = "zip"
        code_history_pattern = ""
        supported_history_operations = ()

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Tests).run(result)
    assert [text for _, text in result.failures + result.errors] == []
    assert result.testsRun >= 12
    assert len(result.skipped) <= 4


def test_a_notebook_is_in_the_sandbox_and_stays_connected_over_a_restart(spec: str):
    manager, client = start_new_kernel(kernel_name=spec, startup_timeout=120)
    try:

        def said(code: str) -> str:
            found: list[str] = []

            def take(message: dict[str, dict[str, str]]) -> None:
                found.append(message["content"].get("text", ""))

            client.execute_interactive(code, timeout=60, output_hook=take, allow_stdin=False)
            return "".join(found)

        assert said("import os; print(os.getcwd(), os.path.exists('/root/.bashrc'))") == (
            "/mnt/data False\n"
        )
        route = "import socket; print(socket.socket().connect_ex(('192.0.2.1', 9)) > 0)"
        assert said(route) == "True\n"
        said("x = 1; open('kept', 'w').write('数')")
        provisioner: Any = manager.provisioner
        folder = Path(provisioner._launcher._private)
        assert folder.is_dir()
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=120)
        assert said("print(open('kept').read(), 'x' in globals())") == "数 False\n"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert not folder.exists()
    assert not manager.has_kernel
