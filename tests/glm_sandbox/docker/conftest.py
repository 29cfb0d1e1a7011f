"""An engine with the image, or a skip that says what is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from glm_sandbox import Kernel, KernelPool
from glm_sandbox.kinds.docker import DockerLauncher
from glm_sandbox.kinds.docker import engine as engines


@pytest.fixture(scope="session")
def available() -> None:
    """Kernels of kind docker can run here."""
    reason = DockerLauncher.unavailable()
    if reason:
        pytest.skip(f"kind docker: {reason}")


@pytest.fixture
def engine(available: None) -> Iterator[Any]:
    """The engine itself, to look at what we made it do."""
    with engines.engine() as client:
        yield client


@pytest.fixture(scope="module")
async def common(available: None) -> AsyncIterator[Kernel]:
    """A kernel for tests for which state does not matter."""
    async with KernelPool(kind="docker") as pool, pool.kernel() as kernel:
        yield kernel
