"""Tools: what they are, how a function becomes one, how files list them, how calls are run.

The registry's side (YAML, HTTP, entry points) is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import SessionResources, Tool, ToolContext, ToolOutput
from .dispatch import cancelled, dispatch, dispatch_all
from .function import FunctionTool, tool

if TYPE_CHECKING:
    from .agent_file import AgentConfig, agent_schema, load_agent_file
    from .builtin import available_tools, load_tools, tool_named
    from .editor_schema import registry_schema
    from .http_tool import HttpTool
    from .registry import check_registry, load_registry

__all__ = [
    "AgentConfig",
    "FunctionTool",
    "HttpTool",
    "SessionResources",
    "Tool",
    "ToolContext",
    "ToolOutput",
    "agent_schema",
    "available_tools",
    "cancelled",
    "check_registry",
    "dispatch",
    "dispatch_all",
    "load_agent_file",
    "load_registry",
    "load_tools",
    "registry_schema",
    "tool",
    "tool_named",
]

_LAZY = {
    "AgentConfig": "agent_file",
    "HttpTool": "http_tool",
    "agent_schema": "agent_file",
    "available_tools": "builtin",
    "check_registry": "registry",
    "load_agent_file": "agent_file",
    "load_registry": "registry",
    "load_tools": "builtin",
    "registry_schema": "editor_schema",
    "tool_named": "builtin",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    # Also over a submodule of the same name, which importing it has put here.
    globals()[name] = value
    return value
