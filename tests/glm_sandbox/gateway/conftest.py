"""A real Jupyter Kernel Gateway on loopback, with a token."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from glm_sandbox import Kernel, KernelPool


@dataclass(frozen=True)
class Gateway:
    """Where it is, and where its kernels make their folders."""

    url: str
    token: str
    folder: Path

    def folders(self) -> list[str]:
        """Work folders of kernels."""
        return [path.name for path in self.folder.iterdir() if path.name.startswith("glm-")]

    def get(self, path: str) -> bytes:
        """The answer to a GET request."""
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


@pytest.fixture(scope="session")
def gateway_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway for all tests."""
    if find_spec("kernel_gateway") is None:
        pytest.skip("jupyter_kernel_gateway is not installed; it is in the extra dev")
    home = tmp_path_factory.mktemp("gateway")
    temporary = home / "tmp"
    temporary.mkdir()
    token = secrets.token_hex(16)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dropped = {"DOCKER_HOST", "JUPYTER_GATEWAY_URL", "JUPYTER_GATEWAY_AUTH_TOKEN"}
    environment = {k: v for k, v in os.environ.items() if k not in dropped}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary), "KG_AUTH_TOKEN": token}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "kernel_gateway", "--KernelGatewayApp.ip=127.0.0.1"),
                *(f"--KernelGatewayApp.port={port}", "--KernelGatewayApp.port_retries=0"),
                "--JupyterWebsocketPersonality.list_kernels=True",
            ],
            env=environment,
            cwd=home,
            stdout=log,
            stderr=log,
        )
    gateway = Gateway(f"http://127.0.0.1:{port}", token, temporary)
    try:
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                gateway.get("/api")
                break
            assert server.poll() is None, (home / "log").read_text()
            assert time.monotonic() < deadline, (home / "log").read_text()
            time.sleep(0.1)
        yield gateway
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def gateway(gateway_server: Gateway) -> Iterator[Gateway]:
    """The gateway, named in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_GATEWAY_URL", gateway_server.url)
        patch.setenv("JUPYTER_GATEWAY_AUTH_TOKEN", gateway_server.token)
        yield gateway_server


@pytest.fixture(scope="module")
async def common(gateway: Gateway) -> AsyncIterator[Kernel]:
    """A kernel for tests for which state does not matter."""
    async with KernelPool(kind="gateway") as pool, pool.kernel() as kernel:
        yield kernel
