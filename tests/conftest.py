"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# A deadline is a timed assertion, and machines are busy.
settings.register_profile("glm-agent", deadline=None, max_examples=60)
settings.load_profile("glm-agent")


@pytest.fixture
def anyio_backend() -> str:
    """Kernels need asyncio, so that is what async tests run on."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test data beside the checkout; tests that need it skip where it is missing."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip("needs the data folder ../shared beside the checkout")
    return path
