"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
