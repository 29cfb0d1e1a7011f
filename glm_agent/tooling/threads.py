"""Runs sync tools in threads of their own, so that they never block the event loop.

The threads are daemons: a tool that sleeps for ever is left behind when its call is cancelled or
times out, gives its place to the next one, and does not keep the process from ending. (The worker
threads of anyio would: the interpreter waits for them at exit.)

Does not do: stopping a thread. Python cannot; what a left-behind tool does later is ignored.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

T = TypeVar("T")

MAX_THREADS = 64
"""How many sync tools run at once in one event loop; more wait for a place."""

_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("tool_threads")


class _Job(Generic[T]):
    """One call in one thread, with what came of it."""

    def __init__(self, function: Callable[[], T]) -> None:
        self.function = function
        self.done = anyio.Event()
        self.token = anyio.lowlevel.current_token()
        self.context = contextvars.copy_context()
        self.value: T | None = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self.context.run(self.function)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the event loop
            self.failure = error
        # Without an event loop, nobody waits any more.
        with contextlib.suppress(RuntimeError):
            anyio.from_thread.run_sync(self.done.set, token=self.token)

    def result(self) -> T:
        if self.failure is None:
            return self.value  # type: ignore[return-value]
        if isinstance(self.failure, StopIteration):  # a coroutine cannot raise it
            raise RuntimeError("StopIteration was raised") from self.failure
        raise self.failure


async def run_in_thread(function: Callable[[], T]) -> T:
    """What `function()` returns or raises, run in a thread with a copy of the context variables.

    Cancelling the caller leaves the thread behind and frees its place.
    """
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(MAX_THREADS)
        _limiter.set(limiter)
    async with limiter:
        job = _Job(function)
        threading.Thread(target=job.run, name="glm-agent tool", daemon=True).start()
        await job.done.wait()
        return job.result()
