"""The plugins, on the real servers' classes where these can be imported, else on stand-ins."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from . import stand_ins


@contextmanager
def plugin(name: str, server: str, contents: dict[str, tuple[Any, ...]]) -> Iterator[ModuleType]:
    """The plugin's module, imported anew; `module.REAL` says what it was imported on."""
    real = importlib.util.find_spec(server) is not None
    fakes = {} if real else stand_ins.modules(contents)
    sys.modules.update(fakes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the server's own
            module = importlib.import_module(f"glm_agent.plugins.{name}")
        module.REAL = real  # pyright: ignore[reportAttributeAccessIssue]
        yield module
    finally:
        sys.modules.pop(f"glm_agent.plugins.{name}", None)
        for fake in fakes:
            sys.modules.pop(fake, None)


@pytest.fixture(scope="session")
def vllm_plugin() -> Iterator[ModuleType]:
    """The vLLM plugin."""
    with plugin("vllm_tool_parser", "vllm", stand_ins.VLLM) as module:
        yield module


@pytest.fixture(scope="session")
def sglang_plugin() -> Iterator[ModuleType]:
    """The SGLang plugin."""
    with plugin("sglang_detector", "sglang", stand_ins.SGLANG) as module:
        yield module
