'''`@tool`: a Python function as a tool.

    @tool
    def weather(city: str, days: int = 1) -> str:
        """The weather forecast for a city, some days ahead."""

The type hints become the JSON Schema and the check of the arguments, the docstring the
descriptions. Sync functions run in a thread. The result is still callable like the function.

Does not do: catching what the function raises (`dispatch.py` does).
'''

from __future__ import annotations

import copy
import functools
import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, overload

from ..errors import InvalidArguments, ToolDefinitionError, ToolError
from ..messages import ToolCall, ToolSpec
from .base import Tool, ToolContext, ToolOutput
from .outputs import outputs_of
from .schema import Arguments
from .signature import read_signature
from .threads import run_in_thread

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[\w.-]{1,64}")


class FunctionTool(Tool, Generic[P, R]):
    """A function, method or callable object as a tool. Made by `tool`.

    `timeout` is in seconds, None for no limit; `max_chars` caps the text of its result.
    `is_unbound` is true for a method taken from its class: only an object's own can run. Raises
    `ToolDefinitionError` when the function cannot be offered to a model.
    """

    is_unbound: bool

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = Tool.timeout,
        max_chars: int = Tool.max_chars,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(function, classmethod):
            raise ToolDefinitionError("write @classmethod above @tool, not below")
        if isinstance(function, type):
            raise ToolDefinitionError(
                f"{function.__name__} is a class: pass a function, or an object that can be called"
            )
        if not callable(function):
            raise ToolDefinitionError(
                f"a tool is made from a function, not from {type(function).__name__}"
            )
        self.function = function
        self._signature = read_signature(function, names or {})
        name = self._signature.name if name is None else name
        check_name(name)
        check_limits(name, timeout, max_chars)
        self._arguments = Arguments(name, self._signature.parameters)
        self._is_async = _is_async(function)
        self.is_unbound = self._signature.is_method
        functools.update_wrapper(self, function, updated=())
        summary = self._signature.documentation.summary
        self.spec = ToolSpec(
            name=name,
            description=summary if description is None else description,
            parameters=self._arguments.schema,
        )
        self.timeout = timeout
        self.max_chars = max_chars

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, with nothing validated."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> FunctionTool[..., R]:
        """The tool of one object, for a method decorated in its class."""
        if instance is None or not self.is_unbound:
            return self
        bound: Any = copy.copy(self)
        bound.function = types.MethodType(self.function, instance)
        bound.is_unbound = False
        return bound

    def __repr__(self) -> str:
        return f"FunctionTool({self.name!r})"

    def check(self, call: ToolCall) -> dict[str, Any]:
        """The arguments as the function's types. Raises `InvalidArguments`."""
        if call.arguments is None and call.payload.strip():
            raise InvalidArguments(f"Invalid arguments for {self.name}: should be a JSON object")
        return self._arguments.validate(self.name, call.arguments or {})

    async def run(self, arguments: Any, context: ToolContext) -> Sequence[ToolOutput]:
        """Call the function: in the event loop if it is async, else in a thread."""
        if self.is_unbound:
            raise ToolError(f"{self.name} is a method: pass the tool of an object, object.method.")
        args, kwargs = self._signature.bind(arguments, context)
        call = functools.partial(self.function, *args, **kwargs)
        if self._is_async:
            value: Any = call()
        else:
            value = await run_in_thread(lambda: _finished(call()))
        if inspect.isawaitable(value):
            value = await value
        return outputs_of(value)


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = Tool.timeout,
    max_chars: int = Tool.max_chars,
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
@overload
def tool(
    function: Callable[P, R],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = Tool.timeout,
    max_chars: int = Tool.max_chars,
) -> FunctionTool[P, R]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = Tool.timeout,
    max_chars: int = Tool.max_chars,
) -> Any:
    """Make a function a tool, as `@tool`, `@tool(name=...)` or `tool(function, ...)`.

    `name` and `description` default to the function's name and its docstring's first paragraph.
    `timeout` is in seconds, None for no limit; `max_chars` caps the text of one result. Raises
    `ToolDefinitionError` when a model could not call the function.
    """
    options: dict[str, Any] = {
        "name": name,
        "description": description,
        "timeout": timeout,
        "max_chars": max_chars,
    }
    if function is None:

        def decorate(function: Callable[..., Any]) -> FunctionTool[..., Any]:
            return FunctionTool(function, **options, names=_names_around(function))

        return decorate
    return FunctionTool(function, **options, names=_names_around(function))


def _names_around(function: Any) -> dict[str, Any]:
    """Local names at the place where a function is being defined; its hints may use them."""
    code = inspect.unwrap(function)
    name, scope = getattr(code, "__qualname__", ""), getattr(code, "__globals__", None)
    names: dict[str, Any] = {}
    frame = inspect.currentframe()
    while frame is not None and "." in name:
        around = f"{frame.f_code.co_qualname}."
        if frame.f_globals is scope and name.startswith(around):
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names


def check_name(name: str) -> None:
    """Raise `ToolDefinitionError` for a name that a call could not carry."""
    if not _NAME.fullmatch(name):
        raise ToolDefinitionError(
            f"{name!r} cannot be a tool's name: use 1 to 64 letters, digits, '_', '-' or '.'"
            + (", with @tool(name=...)" if name == "<lambda>" else "")
        )


def check_limits(name: str, timeout: float | None, max_chars: int) -> None:
    """Raise `ToolDefinitionError` for limits that are not above zero."""
    if timeout is not None and not timeout > 0:
        raise ToolDefinitionError(f"{name}: timeout must be above 0 seconds, or None for no limit")
    if max_chars <= 0:
        raise ToolDefinitionError(f"{name}: max_chars must be above 0")


def _is_async(function: Any) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - looking for an async one
    )


def _finished(value: Any) -> Any:
    """The outputs, made in the tool's own thread, as that too takes time; awaitables stay."""
    return value if inspect.isawaitable(value) else outputs_of(value)
