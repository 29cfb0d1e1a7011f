"""Hands items from a worker thread to the event loop, and says when there is no room for more.

The thread never waits, neither for the event loop nor for room: it puts items down and goes on, and
looks first whether the reader has fallen behind. The reader takes all that is there at once.

Does not do: starting threads (`worker.py`), several readers.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import anyio

T = TypeVar("T")


class Bell:
    """Thread: wakes readers together, once for all that a pass has something for.

    Waking an event loop takes a system call, at which it gets its turn, and the thread waits for
    its own: once a pass, that is, and not once for each of its replies.
    """

    def __init__(self) -> None:
        self._due: dict[Any, list[Callable[[], None]]] = {}

    def note(self, loop: Any, wake: Callable[[], None]) -> None:
        """Call `wake` in the event loop `loop` when the bell is rung."""
        self._due.setdefault(loop, []).append(wake)

    def ring(self) -> None:
        """Wake those that were noted."""
        due, self._due = self._due, {}
        for loop, wakes in due.items():
            # A RuntimeError means that the event loop is gone, and with it whoever waited.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_all, wakes)


def _all(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()


class Handoff(Generic[T]):
    """Made in the event loop that reads; `give` and `finish` are for the thread.

    `limit` is how many items may wait before it is `full`. `wake` is called in the event loop when
    a full one has room again, and when the reader has gone. With a `bell`, what was given is told
    when that is rung, and the end at once.
    """

    def __init__(
        self,
        limit: int = 256,
        wake: Callable[[], None] = lambda: None,
        bell: Bell | None = None,
    ) -> None:
        self._items: deque[T] = deque()
        self._limit = limit
        self._tell = wake
        self._wake = anyio.Event()
        self._loop = asyncio.get_running_loop()
        self._bell = bell
        self._stopped = threading.Event()
        self._finished = False
        self._error: BaseException | None = None

    @property
    def stopped(self) -> bool:
        """Whether the reader is gone."""
        return self._stopped.is_set()

    @property
    def full(self) -> bool:
        """Whether the reader has fallen behind."""
        return len(self._items) >= self._limit

    def give(self, tokens: Sequence[T]) -> None:
        """Thread: put items down. More than there is room for are taken too."""
        self._items.extend(tokens)
        if self._bell is None:
            self._notify()
        else:
            self._bell.note(self._loop, self._set)

    def finish(self, error: BaseException | None = None) -> None:
        """Thread: there will be no more items; `error` is raised to the reader after the last."""
        self._error = error
        self._finished = True
        self._notify()

    def stop(self) -> None:
        """Reader: no more items are wanted. May be called twice."""
        if not self.stopped:
            self._stopped.set()
            if not self._finished:
                self._tell()

    async def take(self) -> list[T]:
        """Reader: the items that are there, waiting for at least one; empty at the end."""
        while not self._items:
            if self._finished:
                # Look again: the last items may have come between the two looks.
                if self._items:
                    break
                if self._error is not None:
                    raise self._error
                return []
            self._wake = anyio.Event()
            if not self._items and not self._finished:
                await self._wake.wait()
        was_full = self.full
        taken: list[T] = []
        while self._items:
            taken.append(self._items.popleft())
        if was_full:
            self._tell()
        return taken

    def _notify(self) -> None:
        bell = Bell()
        bell.note(self._loop, self._set)
        bell.ring()

    def _set(self) -> None:
        self._wake.set()
