"""A kernel shared by the tests of a module for which state does not matter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from glm_sandbox import Kernel, KernelPool, SyncKernel


@pytest.fixture(scope="module")
def shared_kernel() -> Iterator[SyncKernel]:
    with SyncKernel(kind="local") as kernel:
        yield kernel


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop a module, so that a kernel can serve several tests."""
    return "asyncio"


@pytest.fixture(scope="module")
async def common() -> AsyncIterator[Kernel]:
    """The same for async tests."""
    async with KernelPool(kind="local") as pool, pool.kernel() as kernel:
        yield kernel


@pytest.fixture
async def kernel() -> AsyncIterator[Kernel]:
    """A kernel of one's own."""
    async with KernelPool(kind="local") as pool, pool.kernel() as kernel:
        yield kernel
