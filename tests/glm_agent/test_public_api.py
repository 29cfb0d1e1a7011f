"""What the package exports, and what importing it costs."""

from __future__ import annotations

import json
import subprocess
import sys
import types

import pytest

import glm_agent

HEAVY = (
    "torch",
    "transformers",
    "jupyter_client",
    "zmq",
    "mcp",
    "requests",
    "lxml",
    "httpx2",
    "click",
    "rich",
    "prompt_toolkit",
    "IPython",
    "pydantic",
    "yaml",
)


def modules_after(code: str) -> set[str]:
    """Top-level names of what is loaded after `code` has run in an interpreter of its own."""
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_all_is_sorted_and_has_no_name_twice():
    assert glm_agent.__all__ == sorted(set(glm_agent.__all__))


def test_all_is_what_is_exported():
    exported = {
        name
        for name in dir(glm_agent)
        if not name.startswith("_") and not isinstance(getattr(glm_agent, name), types.ModuleType)
    }
    noise = {"Any", "TYPE_CHECKING", "annotations", "import_module"}
    modules = {"errors", "events", "messages"}
    assert exported - noise == set(glm_agent.__all__) - modules - {"__version__"}


@pytest.mark.parametrize("name", glm_agent.__all__)
def test_every_name_is_there_and_says_what_it_is(name: str):
    value = getattr(glm_agent, name)
    if isinstance(value, type | types.ModuleType | types.FunctionType):
        assert value.__doc__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Agnet"):
        _ = glm_agent.Agnet


def test_importing_the_package_loads_nothing_heavy():
    assert modules_after("import glm_agent").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "code",
    [
        "from glm_agent import Agent, tool, Limits, Settings, ScriptedModel",
        "from glm_agent import *",
    ],
)
def test_importing_names_loads_no_model_and_no_kernel(code: str):
    allowed = {"pydantic", "yaml", "httpx2"} if "*" in code else {"pydantic"}
    assert modules_after(code).isdisjoint(set(HEAVY) - allowed)


def test_the_framework_imports_none_of_the_packages_built_on_it():
    names = modules_after("import glm_agent.agent, glm_agent.cli.app, glm_agent.tooling")
    assert names.isdisjoint({"glm_tools", "glm_sandbox", "torch", "jupyter_client"})
