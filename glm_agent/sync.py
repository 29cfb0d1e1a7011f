"""The synchronous edge: a session whose event loop runs in a thread of its own.

The loop stays alive between turns, because kernels and connections live on it. Ctrl-C while a
turn goes on cancels the turn, waits until it is down, and then raises KeyboardInterrupt.

Does not do: anything that the asynchronous session does not do (law 7).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import CancelScope
from anyio.from_thread import BlockingPortal, start_blocking_portal

from .errors import ConfigurationError
from .events import Event
from .messages import Image, Transcript

if TYPE_CHECKING:
    from .agent import Agent, OnEvent, RunResult, Session

T = TypeVar("T")


class SyncSession:
    """One conversation, without await. Made by `Agent.session_sync`."""

    def __init__(self, session: Session, portal: BlockingPortal) -> None:
        self._session = session
        self._portal = portal

    @property
    def id(self) -> str:
        """The session's name."""
        return self._session.id

    @property
    def transcript(self) -> Transcript:
        """What was said so far."""
        return self._session.transcript

    def run(
        self,
        prompt: str,
        *,
        images: Sequence[Image] = (),
        deps: Any = None,
        on_event: OnEvent | None = None,
        tool_choice: str | None = None,
    ) -> RunResult:
        """See `Session.run`. `on_event` is called from the event loop's thread."""
        session = self._session
        return _wait(
            self._portal,
            lambda: session.run(
                prompt, images=images, deps=deps, on_event=on_event, tool_choice=tool_choice
            ),
        )

    def stream(
        self,
        prompt: str,
        *,
        images: Sequence[Image] = (),
        deps: Any = None,
        tool_choice: str | None = None,
    ) -> Generator[Event, None, None]:
        """See `Session.stream`."""
        events = self._session.stream(prompt, images=images, deps=deps, tool_choice=tool_choice)
        try:
            while True:
                try:
                    event = _wait(self._portal, lambda: _next(events))
                except _End:
                    return
                yield event
        finally:
            _wait(self._portal, events.aclose)


@contextmanager
def open_session(agent: Agent, transcript: Transcript | None) -> Generator[SyncSession]:
    """A session of `agent` on a loop of its own, closed with the block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise ConfigurationError(
            "an event loop is running in this thread: use `await agent.run(...)` or"
            " `async with agent.session()` instead of the synchronous calls"
        )
    with start_blocking_portal() as portal:
        session = portal.call(agent.session, transcript)
        try:
            yield SyncSession(session, portal)
        finally:
            _wait(portal, session.aclose)


class _End(Exception):
    """A stream is over. (StopAsyncIteration can't leave a coroutine.)"""


async def _next(events: AsyncIterator[Event]) -> Event:
    try:
        return await anext(events)
    except StopAsyncIteration:
        raise _End from None


def _wait(portal: BlockingPortal, start: Callable[[], Awaitable[T]]) -> T:
    """The result of a coroutine on the portal's loop; an interruption cancels it first."""
    begun, interrupted, down = threading.Event(), threading.Event(), threading.Event()
    scopes: list[CancelScope] = []

    async def watched() -> T:
        try:
            with CancelScope() as scope:
                scopes.append(scope)
                begun.set()
                if interrupted.is_set():
                    scope.cancel()
                return await start()
            raise CancelledError
        finally:
            down.set()

    try:
        # Inside the `try`, and cancelled by its own scope rather than by the future: the coroutine
        # may be well under way before `start_task_soon` is back with one.
        future = portal.start_task_soon(watched)
        _until(down)
    except BaseException:  # interrupted while waiting
        interrupted.set()
        if begun.wait(1):
            portal.call(scopes[0].cancel)
            _until(down)
        raise
    return future.result()


def _until(down: threading.Event) -> None:
    # In short waits: where the system gives a signal to another thread than this one, Python's
    # handler would not run before a wait without end is over.
    while not down.wait(0.1):
        pass
