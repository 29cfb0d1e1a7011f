"""Finds tools: by the name under which a package provides them, or by what a caller passes.

Packages provide tools through the entry-point group `glm_agent.tools`; ours do too. An entry point
is a `Tool`, or a factory (a subclass of `Tool`, or a function) whose parameters are its settings.

Does not do: reading YAML (`registry.py`).
"""

from __future__ import annotations

import difflib
import inspect
import os
import types
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, GlmAgentError, ToolDefinitionError, UnknownToolError
from .base import Tool
from .function import FunctionTool

GROUP = "glm_agent.tools"


def available_tools() -> dict[str, str]:
    """Names of the tools that installed packages provide, each with the package's name."""
    return {
        point.name: point.dist.name if point.dist is not None else "?"
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)
    }


def tool_factory(name: str) -> Callable[..., Any] | Tool:
    """What the entry point `name` holds.

    Raises `UnknownToolError` for a name that no package provides, and `ConfigurationError` naming
    the package when its tool cannot be imported.
    """
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        raise UnknownToolError(_unknown(name))
    try:
        return points[0].load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's import may raise anything, SystemExit too
        raise ConfigurationError(
            f"the tool {name!r} of the package {_package(points[0])} cannot be imported: "
            f"{one_line(error)}; reinstall or update the package"
        ) from error


def tool_named(name: str, **settings: Any) -> Tool:
    """The tool that a package provides under `name`, made with its settings.

    Raises `UnknownToolError` with the nearest names, and `ConfigurationError` for settings that the
    tool does not know or for a package that is broken.
    """
    return make_tool(tool_factory(name), settings, f"the tool {name!r}")


def make_tool(target: Any, settings: dict[str, Any], where: str) -> Tool:
    """A tool from a `Tool`, a subclass of it, or a factory. `where` names it in errors."""
    if isinstance(target, Tool):
        if settings:
            raise ConfigurationError(f"{where} takes no settings: remove {', '.join(settings)}")
        return target
    for key in settings:
        known = setting_names(target)
        if known is not None and key not in known:
            raise ConfigurationError(f"{where} has no setting {key!r}{instead(key, known)}")
    try:
        made = target(**settings)
    except GlmAgentError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{where} cannot be made: {one_line(error)}") from error
    if not isinstance(made, Tool):
        raise ConfigurationError(f"{where} is no Tool but {type(made).__name__}")
    return made


def setting_names(factory: Callable[..., Any]) -> list[str] | None:
    """The settings that a factory takes; None when it takes any, or does not say."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (ValueError, TypeError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter.name for parameter in parameters if parameter.kind in named]


def load_tools(items: Iterable[Any]) -> list[Tool]:
    """Tools from a mix of tools, functions, names of provided tools, and paths of YAML registries.

    A text ending in .yaml or .yml is a path. Raises `ConfigurationError` for anything else and
    for two tools of one name, and what `tool_named` and `load_registry` raise.
    """
    if isinstance(items, str | bytes | Tool | dict) or not hasattr(items, "__iter__"):
        raise ConfigurationError(f"tools come in a list, such as [{_shown(items)}]")
    tools = [tool for item in items for tool in _resolve(item)]
    refuse_duplicates(tools)
    return tools


def refuse_duplicates(tools: Iterable[Tool]) -> None:
    """Raise `ConfigurationError` when two tools have one name."""
    seen: set[str] = set()
    for tool in tools:
        if tool.name in seen:
            raise ConfigurationError(
                f"two tools are named {tool.name!r}; give one another name, "
                "with @tool(name=...) or `name:` in the registry"
            )
        seen.add(tool.name)


def as_tool(item: Any) -> Tool:
    """A tool from a `Tool`, a subclass of it that needs no settings, or a callable."""
    if isinstance(item, Tool):
        if isinstance(item, FunctionTool) and item.is_unbound:
            raise ToolDefinitionError(
                f"{item.name} is a method: pass the tool of an object, object.{item.name}"
            )
        return item
    if isinstance(item, types.MethodType) and isinstance(item.__func__, FunctionTool):
        return item.__func__.__get__(item.__self__)  # @classmethod above @tool, Python 3.13
    if isinstance(item, type) and issubclass(item, Tool):
        return make_tool(item, {}, f"{item.__name__}")
    if callable(item):
        return FunctionTool(item)
    raise ConfigurationError(
        f"{_shown(item)} is no tool: pass a Tool, a function, a tool's name or a .yaml file"
    )


def _resolve(item: Any) -> list[Tool]:
    if isinstance(item, os.PathLike) or (
        isinstance(item, str) and item.lower().endswith((".yaml", ".yml"))
    ):
        from .registry import load_registry

        return load_registry(Path(item))
    if isinstance(item, str):
        return [tool_named(item)]
    return [as_tool(item)]


def instead(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: what was meant, or what there is."""
    known = list(known)
    near = difflib.get_close_matches(name, known, 1, 0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}" if known else "; it has none"


def one_line(error: BaseException) -> str:
    """An exception as `Type: first line of its message`."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the failure
        lines = []
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def _unknown(name: str) -> str:
    return f"no installed package provides a tool named {name!r}{instead(name, available_tools())}"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _shown(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= 60 else f"{text[:60]}…"
