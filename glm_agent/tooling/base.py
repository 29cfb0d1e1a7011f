"""What a tool is: a spec for the model, a check of the arguments, and something to run.

A tool object holds no state of a session and may serve many agents at once. What a session needs
to keep (a kernel, a browser's pages) is made through `ToolContext.resource` and closed with the
session.

Does not do: turning functions into tools (`function.py`), running calls (`dispatch.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import anyio

from ..messages import Image, Outcome, Source, ToolCall, ToolSpec


class AsyncClosable(Protocol):
    """Something with `aclose()`."""

    async def aclose(self) -> None:
        """Release what it holds."""
        ...


R = TypeVar("R", bound=AsyncClosable)


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """One thing that came back: text, pictures, the metadata of its observation, its sources."""

    text: str = ""
    images: tuple[Image, ...] = ()
    metadata: str = ""
    outcome: Outcome = "ok"
    sources: tuple[Source, ...] = ()


class SessionResources:
    """What tools keep for one session. Made on first use, closed in reverse order."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._made: dict[Hashable, AsyncClosable] = {}
        self._locks: dict[Hashable, anyio.Lock] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[R]]) -> R:
        """The resource under `key`, made by `make` when there is none yet."""
        # One lock a key: a tool that is slow to start holds up no other.
        async with self._locks.setdefault(key, anyio.Lock()):
            if key not in self._made:
                resource = await make()
                self._made[key] = resource
                self._stack.push_async_callback(resource.aclose)
            return self._made[key]  # type: ignore[return-value]

    async def aclose(self) -> None:
        """Close everything; the first failure is raised after all were tried."""
        self._made.clear()
        await self._stack.aclose()


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a running tool knows of its run: the session, its resources, and the caller's `deps`."""

    session_id: str = ""
    call_id: str = ""
    deps: Any = None
    resources: SessionResources = field(default_factory=SessionResources)

    async def resource(self, key: Hashable, make: Callable[[], Awaitable[R]]) -> R:
        """A session's own object for this tool, made on first use and closed with the session."""
        return await self.resources.get(key, make)


class Tool(ABC):
    """Something the model can call.

    `timeout` is in seconds, None for no limit. `max_chars` caps the text of one observation.
    """

    spec: ToolSpec
    timeout: float | None = 60.0
    max_chars: int = 50_000

    @property
    def name(self) -> str:
        """The name that the model calls it by."""
        return self.spec.name

    @abstractmethod
    def check(self, call: ToolCall) -> Any:
        """The call's validated arguments. Raises `InvalidArguments` with what is wrong."""

    @abstractmethod
    async def run(self, arguments: Any, context: ToolContext) -> ToolOutput | Sequence[ToolOutput]:
        """Do it. `arguments` is what `check` returned. Exceptions become error observations."""

    async def prepare(self, context: ToolContext) -> None:  # noqa: B027 - most tools need nothing
        """Start up what `run` will need, while the model still writes the call.

        Called at most once a call, before it is known whether the call is any good; what this
        raises is ignored. It is not waited for, and cancelled when the run ends.
        """
