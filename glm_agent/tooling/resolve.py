"""Resolves what a registry names: `package.module:function`, `./file.py:function`, settings.

A registry runs the code that it names: read one before you use it, as you would a script.

Does not do: reading YAML (`yaml_source.py`), entry points (`builtin.py`).
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ..errors import ConfigurationError
from .base import Tool
from .builtin import instead, one_line
from .function import check_limits, check_name

_files: dict[Path, tuple[int, ModuleType]] = {}


def python_target(reference: str, folder: Path) -> Any:
    """The object that `module:name` or `./file.py:name` names; relative to `folder`.

    Raises `ConfigurationError` saying what could not be imported or found.
    """
    module_name, separator, attribute = reference.rpartition(":")
    if not separator or not module_name or not attribute:
        raise ConfigurationError(
            f"{reference!r} should be package.module:function or ./file.py:function"
        )
    is_file = module_name.endswith(".py") or "/" in module_name or "\\" in module_name
    module = _file(module_name, folder) if is_file else _module(module_name, attribute, folder)
    found: Any = module
    for step in attribute.split("."):
        if not hasattr(found, step):
            names = [name for name in dir(found) if not name.startswith("_")]
            raise ConfigurationError(f"{module_name} has no {attribute!r}{instead(step, names)}")
        found = getattr(found, step)
    return found


def _module(name: str, attribute: str, folder: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the module's own code may raise anything, SystemExit too
        neighbour = Path(*name.split(".")).with_suffix(".py")
        hint = ""
        if isinstance(error, ModuleNotFoundError) and (folder / neighbour).is_file():
            hint = f"; for the file beside this one write ./{neighbour.as_posix()}:{attribute}"
        raise ConfigurationError(f"{name} cannot be imported: {one_line(error)}{hint}") from error


def _file(name: str, folder: Path) -> ModuleType:
    path = (folder / Path(name).expanduser()).resolve()
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from error
    if path in _files and _files[path][0] == changed:
        return _files[path][1]
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(f"{path.stem}_{digest}", path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # type hints are looked up there
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(spec.name, None)
        if isinstance(error, KeyboardInterrupt):
            raise
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ConfigurationError(f"{name} cannot be run{line}: {one_line(error)}") from error
    _files[path] = (changed, module)
    return module


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """A parameter of a factory or dataclass, as YAML may set it."""

    annotation: Any
    required: bool
    default: Any = None


def settings_of(factory: Callable[..., Any]) -> tuple[dict[str, Setting], bool]:
    """The settings that a factory takes, and whether it takes others too."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (ValueError, TypeError):
        return {}, True
    target: Any = factory.__init__ if isinstance(factory, type) else factory
    scope = getattr(inspect.unwrap(target), "__globals__", {})
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    empty = inspect.Parameter.empty
    settings = {
        parameter.name: Setting(
            _hint(parameter, scope), parameter.default is empty, parameter.default
        )
        for parameter in parameters
        if parameter.kind in named
    }
    return settings, any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _hint(parameter: inspect.Parameter, scope: dict[str, Any]) -> Any:
    if parameter.annotation is parameter.empty:
        return Any
    carrier = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        return typing.get_type_hints(carrier, scope, include_extras=True)[parameter.name]
    except Exception:  # noqa: BLE001 - a hint that cannot be read at run time is not checked
        return Any


def checked_setting(setting: Setting, value: Any, folder: Path) -> Any:
    """A setting's value as its type; a relative path starts from `folder`.

    Raises pydantic's `ValidationError`.
    """
    if isinstance(value, str) and _takes_path(setting.annotation):
        return folder / Path(value).expanduser()
    adapter = adapter_of(setting.annotation)
    return value if adapter is None else adapter.validate_python(value)


def adapter_of(annotation: Any) -> TypeAdapter[Any] | None:
    """Pydantic's view of a type; None for types that YAML cannot hold anyway."""
    try:
        return TypeAdapter(annotation)
    except (PydanticUserError, NameError, TypeError):
        pass
    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticUserError, NameError, TypeError):
        return None


def mistakes_of(error: ValidationError) -> list[ErrorDetails]:
    """The mistakes in one value; of a union's members, only the first one's."""
    found = error.errors(include_url=False, include_context=False)
    return found[:1]


def _takes_path(annotation: Any) -> bool:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_takes_path(member) for member in typing.get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, Path)


def configured(tool: Tool, overrides: Mapping[str, Any]) -> Tool:
    """A copy of a tool with another name, description, timeout or max_chars.

    Raises `ConfigurationError` for values that it cannot have.
    """
    if not overrides:
        return tool
    renamed = {key: overrides[key] for key in ("name", "description") if key in overrides}
    if renamed and tool.spec.kind != "function":
        raise ConfigurationError(
            f"{tool.name} has its name and description from GLM-4's own prompt format: "
            f"remove {' and '.join(renamed)}"
        )
    if "name" in renamed:
        check_name(renamed["name"])
    changed = copy.copy(tool)
    changed.spec = dataclasses.replace(tool.spec, **renamed)
    changed.timeout = overrides.get("timeout", tool.timeout)
    changed.max_chars = overrides.get("max_chars", tool.max_chars)
    check_limits(changed.name, changed.timeout, changed.max_chars)
    return changed
