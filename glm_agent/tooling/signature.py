"""Reads the signature of a function as the parameters of a tool.

Does not do: schemas (`schema.py`), running the function (`function.py`).
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from ..errors import ToolDefinitionError
from .base import ToolContext
from .docstrings import Documentation, read_docstring
from .schema import Parameter


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes. `context` names the parameters that get the `ToolContext`.

    `is_method` is true for a function written in a class, whose `self` is not bound yet.
    """

    name: str
    documentation: Documentation
    parameters: tuple[Parameter, ...]
    context: tuple[str, ...] = ()
    positional: tuple[str, ...] = ()
    is_method: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def bind(
        self, arguments: Mapping[str, Any], context: ToolContext
    ) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments for the function."""
        named = {**arguments, **dict.fromkeys(self.context, context)}
        # A parameter before "/" cannot be named, nor skipped when a later one is given.
        positional = [
            named.pop(name) if name in named else self.defaults[name] for name in self.positional
        ]
        return positional, named


def read_signature(function: Callable[..., Any], names: Mapping[str, Any]) -> Signature:
    """Read a function, method, partial or callable object.

    `names` are local names that its annotations may use. Raises `ToolDefinitionError` with what
    to change when the function cannot be offered to a model.
    """
    plain, name = _plain(function)
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        raise ToolDefinitionError(
            f"{name}: its signature cannot be read; wrap it in a function with type hints"
        ) from None
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise ToolDefinitionError(f"{name}: a tool cannot yield; return a text or a list")

    hidden = function.keywords if isinstance(function, functools.partial) else {}
    documentation = read_docstring(_docstring(function, plain))
    parameters: list[Parameter] = []
    context: list[str] = []
    positional: list[str] = []
    defaults: dict[str, Any] = {}
    is_method = False
    for index, parameter in enumerate(signature.parameters.values()):
        if index == 0 and _is_self(parameter, plain, function):
            is_method = True
            continue
        if parameter.name in hidden:  # set for good by functools.partial: not the model's business
            continue
        _refuse_variadic(name, parameter)
        annotation = _annotation(name, parameter, plain, names)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(parameter.name)
        if parameter.default is not parameter.empty:
            defaults[parameter.name] = parameter.default
        if _is_context(annotation):
            context.append(parameter.name)
            continue
        described = documentation.parameters.get(parameter.name, "")
        if parameter.default is parameter.empty:
            parameters.append(Parameter(parameter.name, annotation, description=described))
        else:
            parameters.append(Parameter(parameter.name, annotation, parameter.default, described))
    return Signature(
        name,
        documentation,
        tuple(parameters),
        tuple(context),
        tuple(positional),
        is_method,
        defaults,
    )


def _plain(function: Callable[..., Any]) -> tuple[Any, str]:
    """The function that holds the code, and the name to call it by."""
    plain: Any = function
    while isinstance(plain, functools.partial):
        plain = plain.func
    plain = inspect.unwrap(plain)
    name = getattr(plain, "__name__", None) or type(plain).__name__
    if not (inspect.isroutine(plain) or isinstance(plain, type)):
        plain = inspect.unwrap(type(plain).__call__)
    return plain, name


def _docstring(function: Any, plain: Any) -> str | None:
    while isinstance(function, functools.partial):  # partial's own docstring explains partial
        function = function.func
    written = getattr(plain, "__doc__", None)
    return written if inspect.isroutine(function) else written or type(function).__doc__


def _is_self(parameter: inspect.Parameter, plain: Any, function: Any) -> bool:
    qualified = getattr(plain, "__qualname__", "").rpartition(".")[0]
    in_class = bool(qualified) and not qualified.endswith("<locals>")
    unbound = isinstance(function, types.FunctionType)
    return in_class and unbound and parameter.name in ("self", "cls")


def _refuse_variadic(name: str, parameter: inspect.Parameter) -> None:
    if parameter.kind is parameter.VAR_POSITIONAL:
        raise ToolDefinitionError(
            f"{name}: a model cannot fill *{parameter.name}; "
            f"take a list instead: {parameter.name}: list[str]"
        )
    if parameter.kind is parameter.VAR_KEYWORD:
        raise ToolDefinitionError(
            f"{name}: a model cannot fill **{parameter.name}; write its parameters out, "
            f"or take a dictionary: {parameter.name}: dict[str, str]"
        )


def _annotation(
    name: str, parameter: inspect.Parameter, plain: Any, names: Mapping[str, Any]
) -> Any:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return Any
    scope = getattr(plain, "__globals__", {})
    # Linters move an import that only hints use under TYPE_CHECKING: know this one anyway.
    known = {"ToolContext": ToolContext} if "ToolContext" not in scope else {}
    carrier = types.SimpleNamespace(__annotations__={parameter.name: annotation})
    try:
        hints = typing.get_type_hints(
            carrier, scope, {**known, **_closure(plain), **names}, include_extras=True
        )
    except Exception as error:
        raise ToolDefinitionError(
            f"{name}: the type hint of {parameter.name!r} cannot be read ({error}); "
            "import the type at run time, not only under TYPE_CHECKING"
        ) from error
    return hints[parameter.name]


def _closure(plain: Any) -> dict[str, Any]:
    """Local names that the function has captured."""
    code, cells = getattr(plain, "__code__", None), getattr(plain, "__closure__", None)
    if code is None or not cells:
        return {}
    found: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, cells, strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _is_context(annotation: Any) -> bool:
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return any(_is_context(member) for member in typing.get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, ToolContext)
